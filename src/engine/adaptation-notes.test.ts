// These tests are about what a run notes of its models. They prove: each adaptation once, also where the list is a new one each
// time; voters of one model and form are twins whatever their temperatures, and what makes them one voter is said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../core/events.ts';
import type { Model } from '../core/model.ts';
import { adaptationNotes, twinsOf } from './adaptation-notes.ts';
import type { RunPosition } from './run-position.ts';

const modelOf = (id: string): Model => ({
  id,
  price: undefined,
  generate: () => Promise.reject(new Error('not asked')),
});
const voterOf = (id: string, form = 0) => ({ model: modelOf(id), form });

function setUp(ids: readonly string[]) {
  const voters = ids.map((id) => voterOf(id));
  const notes: string[] = [];
  const events: RunEvent[] = [];
  const at = {
    stepIndex: 3,
    options: { voters, onEvent: (event: RunEvent) => events.push(event) },
    note: (code: string, { message }: { message: string }) => notes.push(`${code}: ${message}`),
  } as unknown as RunPosition<unknown, unknown>;
  return { onAdapted: adaptationNotes(at, twinsOf(voters)), notes, events };
}

test('twins have the same form of one model, at whatever temperatures', () => {
  assert.equal(twinsOf([voterOf('a'), voterOf('a', 1), voterOf('b')]), undefined);
  assert.deepEqual(
    twinsOf([voterOf('a'), voterOf('b@t=0.5'), voterOf('a@t=0.7'), voterOf('a@t=1', 1), voterOf('b@t=1')]),
    [0, 1, 0, 3, 1],
  );
});

test('an adaptation is noted once a model', () => {
  const { onAdapted, notes, events } = setUp(['a', 'b']);
  const one = { parameter: 'seed', message: 'model a: no seed.' };
  const two = { parameter: 'temperature', message: 'model a: no temperature.' };
  const list = [one];
  for (const given of [list, list, [{ ...one }], [one, two], [{ ...one }, { ...two }]]) onAdapted('a', given);
  onAdapted('b', [{ ...one }]);
  assert.deepEqual(notes, [
    'request-adapted: model a: no seed.',
    'request-adapted: model a: no temperature.',
    'request-adapted: model a: no seed.',
  ]);
  assert.deepEqual(events[1], { type: 'request-adapted', stepIndex: 3, model: 'a', ...two });
  assert.equal(events.length, 3);
});

test('voters that are one without their temperatures are named', () => {
  const { onAdapted, notes } = setUp(['b', 'a', 'a@t=0.7']);
  for (const model of ['a', 'b', 'a@t=0.7']) {
    onAdapted(model, [{ parameter: 'temperature', message: `${model}: none.` }]);
  }
  onAdapted('a@t=0.7', [{ parameter: 'seed', message: 'no seed.' }]);
  assert.deepEqual(
    notes.filter((note) => note.includes('one voter')),
    ['request-adapted: models a and a@t=0.7 differ in a temperature that is not sent: they vote as one voter.'],
  );
});
