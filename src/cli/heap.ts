import { setFlagsFromString } from 'node:v8';

/**
 * Tunes the heap for a run, which makes much short-lived garbage and keeps little: a young generation that keeps its initial
 * size (1 MiB) costs no speed and saves memory, and so does an old one that is collected when it has grown by a third
 * (BENCHMARKS.md). Call it before anything else is loaded. `--max-semi-space-size` would do nothing: V8 reads it when it starts.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=30');
}

/**
 * With many calls in flight, their objects outlive a small young generation, and collecting it takes up to half of the
 * processor time. This lets V8 grow its heap freely again, at a cost of about two hundred MiB (BENCHMARKS.md).
 */
export function growHeapFor(callsInFlight: number): void {
  if (callsInFlight < MANY_IN_FLIGHT) return;
  setFlagsFromString('--semi-space-growth-factor=2');
  setFlagsFromString('--heap-growing-percent=0');
}

const MANY_IN_FLIGHT = 64;
