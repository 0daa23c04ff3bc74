import type { DriftState } from '../core/run-memory.ts';
import { DriftTest } from '../statistics/drift-test.ts';
import type { VoteRecord } from '../voting/question.ts';
import type { RunPosition } from './run-position.ts';

/** Reports when first samples dissent, or are flagged, more often than calibration found. */
export class DriftWatch {
  readonly #at: RunPosition<unknown, unknown>;
  readonly #tests: { readonly dissent: DriftTest; readonly flags: DriftTest };

  constructor(at: RunPosition<unknown, unknown>, rates: { readonly dissentRate: number; readonly flagRate: number }) {
    const { drift } = at.totals;
    this.#at = at;
    this.#tests = {
      dissent: new DriftTest({ rate: rates.dissentRate }, drift?.dissent),
      flags: new DriftTest({ rate: rates.flagRate }, drift?.flags),
    };
  }

  get state(): { dissent: DriftState; flags: DriftState } {
    return { dissent: this.#tests.dissent.state, flags: this.#tests.flags.state };
  }

  /** Counts the step that was just applied. @returns whether one of the tests has just raised an alarm */
  record({ tally, firstVote }: VoteRecord): boolean {
    const isFlagged = firstVote === undefined;
    const isAlarm = this.#count('flags', isFlagged);
    // A flagged sample is neither a dissent nor an agreement.
    return isFlagged ? isAlarm : this.#count('dissent', firstVote !== tally[0]![0]) || isAlarm;
  }

  #count(what: 'dissent' | 'flags', hasEvent: boolean): boolean {
    const test = this.#tests[what];
    const before = test.alarm;
    test.record(hasEvent);
    const { alarm } = test;
    if (alarm === null || alarm === before) return false;
    const { dissentRate, flagRate } = this.#at.options.drift!;
    const rate = what === 'flags' ? flagRate : dissentRate;
    const { events, steps } = alarm;
    const stepIndex = this.#at.stepIndex - 1;
    this.#at.options.onEvent?.({ type: 'drift-alarmed', stepIndex, what, events, steps, rate });
    const message = `${what} on ${events} of the last ${steps} steps; calibration allows for a share of ${rate.toPrecision(2)}`;
    this.#at.note('drift-alarmed', { stepIndex, what, events, steps, rate, message });
    return true;
  }
}
