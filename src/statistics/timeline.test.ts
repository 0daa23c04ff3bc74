// These tests prove the following: however long a run, its course has at most a hundred points, in order, from its start to where
// it stands, and no stretch of its time is left out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../core/random.ts';
import type { TimelinePoint } from '../core/run-memory.ts';
import { addToTimeline } from './timeline.ts';

test('the course of a run is even over its time, at any length and speed', () => {
  const random = createRandom(7);
  for (let run = 0; run < 50; run++) {
    let course: TimelinePoint[] = [[0, 0]];
    let activeMs = 0;
    let steps = 0;
    const scale = 10 ** (4 * random());
    for (let point = 0; point < 3_000; point++) {
      // Now and then a long wait, as for a server that is down.
      activeMs += scale * random() * (random() < 0.01 ? 50 : 1);
      steps += Math.floor(1_000 * random());
      course = addToTimeline(course, [activeMs, steps]);
      assert.ok(course.length <= 100);
      assert.deepEqual(course[0], [0, 0]);
      assert.deepEqual(course.at(-1), [Math.round(activeMs), steps]);
    }
    const gaps = course.slice(1).map(([ms], i) => ms - course[i]![0]);
    assert.ok(gaps.every((gap) => gap >= 0));
    // But for the longest wait and what thinning takes at once.
    assert.ok(Math.max(...gaps) <= 50 * scale + activeMs / 20, `${Math.max(...gaps)} of ${activeMs}`);
    assert.ok(course.length > 10, `${course.length}`);
  }
});

test('a short run keeps all that was noted', () => {
  const noted: TimelinePoint[] = [
    [200, 3],
    [900, 5],
    [1_000, 20],
  ];
  assert.deepEqual(
    noted.reduce<TimelinePoint[]>((course, point) => addToTimeline(course, point), [[0, 0]]),
    [[0, 0], ...noted],
  );
});
