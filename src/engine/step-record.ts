import type { DecisionEntry, GivenUpEntry, StepEntry } from '../core/journal.ts';
import type { Decision, Undecided, VoteRecord } from '../voting/question.ts';
import { inPlaceOf } from './refused-steps.ts';
import type { RunPosition } from './run-position.ts';

/** What the journal keeps of a step. J8: one that was not decided has no action, and says so. */
export function entryOf<State, Action>(
  at: RunPosition<State, Action>,
  outcome: Decision<Action> | Undecided,
): StepEntry {
  return outcome.type === 'decided' ? decisionEntry(at, outcome) : givenUpEntry(at, outcome);
}

function decisionEntry<State, Action>(at: RunPosition<State, Action>, decision: Decision<Action>): DecisionEntry {
  const { reference, key } = at.process;
  const { action, settledBy, tally } = decision;
  const right = reference && at.call('reference', () => key(reference(at.state)));
  // An action that `verify` accepts is right, even if the reference has another one.
  const wrong = right === undefined ? undefined : settledBy !== 'verify' && right !== tally[0]![0];
  return withFigures({ type: 'decision', action, settledBy, wrong }, at, decision);
}

function givenUpEntry<State, Action>(at: RunPosition<State, Action>, outcome: Undecided): GivenUpEntry {
  const { items } = at.options;
  const action = items === undefined ? inPlaceOf(at, outcome.failure!) : items.giveUp(outcome);
  return withFigures({ type: 'given-up', action }, at, outcome);
}

function withFigures<Own extends object, State, Action>(
  own: Own,
  { stepIndex, options }: RunPosition<State, Action>,
  outcome: VoteRecord,
) {
  const { record } = options;
  const isContested = outcome.tally.length > 1;
  const entry = {
    ...own,
    stepIndex,
    samples: outcome.samples,
    votes: outcome.votes,
    tally: isContested ? outcome.tally : undefined,
    classVotes: outcome.classVotes,
    flags: outcome.flags,
    inputTokens: outcome.inputTokens,
    outputTokens: outcome.outputTokens,
    costUsd: outcome.costUsd,
    latencyMs: outcome.latencyMs,
    keepSamples: record === 'all' || (record === 'contested' && (isContested || outcome.flags !== undefined)),
  };
  return outcome.details === undefined ? entry : { ...entry, details: outcome.details };
}
