import type { DecisionEntry, GivenUpEntry, StepEntry } from '../core/journal.ts';
import type { Decision, Undecided, VoteRecord } from '../voting/question.ts';
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
  return { type: 'decision', action, settledBy, wrong, ...figuresOf(at, decision) };
}

function givenUpEntry<State, Action>(at: RunPosition<State, Action>, outcome: Undecided): GivenUpEntry {
  return { type: 'given-up', action: at.options.items!.giveUp(outcome), ...figuresOf(at, outcome) };
}

function figuresOf<State, Action>({ stepIndex, options }: RunPosition<State, Action>, outcome: VoteRecord) {
  const { record } = options;
  const isContested = outcome.tally.length > 1;
  return {
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
    ...(outcome.details !== undefined && { details: outcome.details }),
    keepSamples: record === 'all' || (record === 'contested' && (isContested || outcome.flags !== undefined)),
  };
}
