import { type Ended, recordedEnd } from '../core/run-end.ts';
import type { CheckpointClock } from './checkpoint-clock.ts';
import { thrownAt } from './loop-ends.ts';
import type { RunPosition } from './run-position.ts';

interface Ending<State> {
  readonly ended: Ended;
  /** Whether what a person asked for was refused: then the journal goes on saying how the run ended before. */
  readonly isRefused: boolean;
  readonly checkpoints: CheckpointClock<State>;
}

/**
 * Writes how the run ended, and closes its journal. J1: nothing is reported as done before it is durable.
 * @returns the end to report: a failure of the journal overrides any other
 */
export async function closeRun<State>(
  at: RunPosition<State, unknown>,
  { ended, isRefused, checkpoints }: Ending<State>,
): Promise<Ended> {
  const { writer } = at;
  const { clock, settings } = at.options;
  let last = ended;
  const attempt = async (work: () => unknown) => {
    try {
      await work();
    } catch (thrown) {
      last = thrownAt(at, thrown);
    }
  };
  if (!isRefused) {
    await attempt(async () => {
      // Entries that could not be written are tried once more: the disk may have space again.
      await writer.flush();
      checkpoints.take(clock.monotonicMs());
    });
    await attempt(() => writer.append({ type: 'status', status: last.status, end: recordedEnd(last.end), settings }));
  }
  await attempt(() => writer.close());
  return last;
}
