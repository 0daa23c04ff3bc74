import type { TimelinePoint } from '../core/run-memory.ts';

const MAX_POINTS = 100;

/**
 * Adds a point to the course of a run. At most 100 points are kept, spread over its time and always including the newest: no
 * two earlier neighbours are nearer than a hundredth of the time that had passed when they were noted.
 */
export function addToTimeline(course: readonly TimelinePoint[], [activeMs, steps]: TimelinePoint): TimelinePoint[] {
  const gap = activeMs / MAX_POINTS;
  const points = [...course];
  // The newest point was kept regardless of its distance.
  if (points.length > 1 && points.at(-1)![0] - points.at(-2)![0] < gap) points.pop();
  points.push([Math.round(activeMs), steps]);
  return points.length <= MAX_POINTS ? points : thinned(points, 2 * gap);
}

function thinned(points: readonly TimelinePoint[], gap: number): TimelinePoint[] {
  let lastMs = Number.NEGATIVE_INFINITY;
  return points.filter(([activeMs], index) => {
    const isKept = activeMs - lastMs >= gap || index === points.length - 1;
    if (isKept) lastMs = activeMs;
    return isKept;
  });
}
