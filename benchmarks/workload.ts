import { simulatedModel, systemClock } from 'mdap';
import { type HanoiState, hanoi } from 'mdap/processes';
import { createSampler } from '../src/calls/retrying-sampler.ts';
import { createRandom } from '../src/core/random.ts';
import { aheadByK, type StopRule } from '../src/statistics/stop-rules.ts';
import { InFlight } from '../src/voting/in-flight.ts';
import { questionOf } from '../src/voting/step-question.ts';
import { vote } from '../src/voting/vote.ts';

// What every contender works on: the first steps of the 20-disk tower of Hanoi, with a voter that answers at once in text.
export const INPUT = { disks: 20 };
export const VOTER = { p: 0.9978, v: 0.968, seed: 1 };
export const MARGIN = 3;
export const rule = aheadByK({ margin: MARGIN });
/** `run`'s defaults. */
export const MAX_OUTPUT_TOKENS = 750;
const MAX_CONCURRENCY = 16;

export const chain = hanoi();
export const start: HanoiState = chain.start(INPUT);

export interface VotedStep {
  readonly next: HanoiState;
  readonly isWrong: boolean;
  readonly votes: number;
}

/**
 * One voted step without a run loop or a journal: the engine's own `vote`, asked as `run` asks it. A step that was decided
 * wrongly goes on from the right state where `correct` is set, so that each step is a trial of its own.
 */
export function createVotedStep(options: {
  rule: StopRule;
  voter?: { p: number; v: number; seed: number };
  correct?: boolean;
}): (stepIndex: number, state: HanoiState) => Promise<VotedStep> {
  const { rule, voter = VOTER, correct = false } = options;
  const sampler = createSampler({
    model: simulatedModel({ ...voter, clock: systemClock }),
    clock: systemClock,
    random: createRandom(0),
    maxRetries: 0,
  });
  const context = {
    settings: {
      rule,
      firstTemperature: 0,
      temperature: 0.1,
      maxOutputTokens: MAX_OUTPUT_TOKENS,
      maxConcurrency: MAX_CONCURRENCY,
    },
    voters: [{ sampler, form: 0, variant: 'main' }],
    inFlight: new InFlight(),
    monotonicMs: () => systemClock.monotonicMs(),
    onSample: () => {},
  };
  return async (stepIndex, state) => {
    const decision = await vote(questionOf(chain, state, stepIndex), context);
    if (decision.type === 'undecided') throw new Error(`step ${stepIndex} is undecided: ${rule.name}`);
    const right = chain.reference!(state);
    const isWrong = chain.key(right) !== chain.key(decision.action);
    return { next: chain.apply(state, isWrong && correct ? right : decision.action), isWrong, votes: decision.votes };
  };
}
