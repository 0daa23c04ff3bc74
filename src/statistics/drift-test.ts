import type { DriftAlarm, DriftState } from '../core/run-memory.ts';

export type { DriftAlarm, DriftState } from '../core/run-memory.ts';

import { UsageError } from '../core/errors.ts';
import { logBeta } from './special-functions.ts';

export interface DriftOptions {
  /**
   * Share of steps with the event that the calibration allows for, above 0 and below 1. Take the upper end of its interval:
   * the test takes this rate as certain, so against an estimate that is too low it alarms rightly, and uselessly.
   */
  readonly rate: number;
  /** Chance that a run of any length with at most that rate ever alarms; default 0.01. */
  readonly falseAlarm?: number;
}

const START: DriftState = { steps: 0, events: 0, stretch: 0, stretchSteps: 0, stretchEvents: 0, alarm: null };

/**
 * Watches whether an event has become more frequent than it was when calibrated: that a step has a dissent, that it has a
 * flag. It may be looked at after every step: the chance that it ever alarms without reason stays below `falseAlarm`.
 *
 * The unit is the step, not the vote: votes on one step are correlated, and the test is valid for independent events
 * only. So that all steps have the same chance, let a dissent mean the same for each, such as that its first two votes
 * differ; steps on which more votes were taken because of a dissent would otherwise show more of them.
 *
 * Half of `falseAlarm` is spent on the whole run. A change late in a long run hides there behind all the steps before it;
 * so the other half is spent on stretches of the run, each tested afresh, the one after j others with the share
 * 1 / ((j+1)(j+2)), which add up to 1.
 */
export class DriftTest {
  readonly #rate: number;
  readonly #falseAlarm: number;
  readonly #stretchLength: number;
  #state: DriftState;

  /** @throws {UsageError} for a rate or chance outside of its range. */
  constructor(options: DriftOptions, state: DriftState = START) {
    const { rate, falseAlarm = 0.01 } = options;
    if (!(rate > 0 && rate < 1)) {
      throw new UsageError(
        `rate: expected a number above 0 and below 1, got ${rate}. Where no event was seen, take the upper end of its interval.`,
      );
    }
    if (!(falseAlarm > 0 && falseAlarm < 1)) {
      throw new UsageError(`falseAlarm: expected a number above 0 and below 1, got ${falseAlarm}.`);
    }
    this.#rate = rate;
    this.#falseAlarm = falseAlarm;
    this.#stretchLength = Math.ceil(EVENTS_IN_STRETCH / rate);
    this.#state = state;
  }

  get state(): DriftState {
    return this.#state;
  }
  /** Stays once it is there. */
  get alarm(): DriftAlarm | null {
    return this.#state.alarm;
  }

  /** Counts one decided step. */
  record(hasEvent: boolean): void {
    const event = hasEvent ? 1 : 0;
    const before = this.#state;
    const steps = before.steps + 1;
    const events = before.events + event;
    const stretchSteps = before.stretchSteps + 1;
    const stretchEvents = before.stretchEvents + event;
    let { alarm } = before;
    // The evidence falls with a step without an event.
    if (hasEvent && alarm === null) {
      const { stretch } = before;
      const half = this.#falseAlarm / 2;
      if (this.#isTooMany(events, steps, half)) alarm = { atStep: steps, events, steps };
      else if (this.#isTooMany(stretchEvents, stretchSteps, half / ((stretch + 1) * (stretch + 2)))) {
        alarm = { atStep: steps, events: stretchEvents, steps: stretchSteps };
      }
    }
    const isOver = stretchSteps >= this.#stretchLength;
    this.#state = {
      steps,
      events,
      stretch: before.stretch + (isOver ? 1 : 0),
      stretchSteps: isOver ? 0 : stretchSteps,
      stretchEvents: isOver ? 0 : stretchEvents,
      alarm,
    };
  }

  #isTooMany(events: number, steps: number, chance: number): boolean {
    return events > this.#rate * steps && logEvidence({ events, steps, rate: this.#rate }) >= -Math.log(chance);
  }
}

/** Events expected in a stretch: enough to find a doubled rate within one, and few enough to find a tripled one soon. */
const EVENTS_IN_STRETCH = 80;

/**
 * ln of the e-value against `rate`: the likelihood of the events under the Jeffreys mixture, rates drawn from
 * Beta(1/2, 1/2), over that under `rate`,
 *
 *     B(events + 1/2, steps - events + 1/2) / B(1/2, 1/2) / (rate^events (1 - rate)^(steps - events)).
 *
 * Each step multiplies it by the chance that the mixture, as learnt from the steps before, gave to what came, over that
 * under `rate`; at this rate the expected factor is 1. So it is a martingale, and by Ville's inequality the chance that it
 * ever reaches 1/x is at most x. (With the newest estimate put in for all steps, instead of the one before each, it is
 * no martingale, and alarms far too often.) For a lower rate the chance that it does so with more events than expected is
 * smaller still: there it grows with the events, and of those there are fewer at every step.
 */
export function logEvidence(seen: { events: number; steps: number; rate: number }): number {
  const { events, steps, rate } = seen;
  const others = steps - events;
  const mixture = logBeta(events + 0.5, others + 0.5) - Math.log(Math.PI);
  return mixture - events * Math.log(rate) - others * Math.log1p(-rate);
}
