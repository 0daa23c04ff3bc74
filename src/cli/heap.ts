import { setFlagsFromString } from 'node:v8';

/**
 * For a run, which makes much short garbage and keeps little: a young generation that stays as small as it begins (1 MiB)
 * costs it no speed and saves memory, and so does an old one that is collected when it has grown by a third (BENCHMARKS.md).
 * To be called before anything else is loaded. `--max-semi-space-size` would do nothing: V8 reads it when it starts.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=30');
}

/**
 * With so many calls in flight, what they hold outlives a small young generation, and collecting it takes up to half of the
 * processor time: V8 may grow as it likes again, for some two hundred MiB (BENCHMARKS.md).
 */
export function growHeapFor(callsInFlight: number): void {
  if (callsInFlight < MANY_IN_FLIGHT) return;
  setFlagsFromString('--semi-space-growth-factor=2');
  setFlagsFromString('--heap-growing-percent=0');
}

const MANY_IN_FLIGHT = 64;
