import { messageOf, UsageError } from '../core/errors.ts';
import { addSample, emptyTotals } from '../core/journal.ts';
import { RedFlag } from '../core/red-flags.ts';
import type { Decision } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { jsonCopy } from './open-run.ts';
import type { Answer } from './run-dependencies.ts';
import type { RunPosition } from './run-position.ts';

/**
 * Records a person's decision on a step that the vote could not decide, by the rules that hold for votes: it must be an
 * action, and legal. It is noted with the votes that were given.
 * @returns a `UsageError` for an invalid answer; the run stays as it was
 */
export function answeredStep<State, Action>(
  at: RunPosition<State, Action>,
  answer: Answer,
): Decision<Action> | UsageError {
  const { process, stepIndex } = at;
  const run = JSON.stringify(at.options.runId);
  if (at.isDone) return refusal(`run ${run} is done: no step of it waits for a person.`);
  if (answer.stepIndex !== stepIndex) {
    return refusal(`run ${run} waits at step ${stepIndex}, got an answer to step ${answer.stepIndex}.`);
  }
  const given: { readonly action?: unknown; readonly draw?: number } = answer;
  if ((given.action === undefined) === (given.draw === undefined)) {
    const got = given.draw === undefined ? 'neither' : 'both';
    return refusal(`expected either an action or a draw (whose answer it is to be), got ${got}.`);
  }
  let action: Action;
  let key: string;
  try {
    // The value that the journal will give back.
    action = jsonCopy(given.draw === undefined ? given.action : actionOf(at, given.draw)) as Action;
    key = process.key(action);
    const flag = process.check?.(action, at.state);
    if (flag !== undefined) return refusal(`the action is ${flag.code}: ${flag.detail}.`);
  } catch (thrown) {
    const name = JSON.stringify(process.name);
    return refusal(`expected an action that process ${name} can take: ${messageOf(thrown)}.`);
  }
  const { tally, sums } = votesOn(at, key);
  const message = `decided by a person: ${JSON.stringify(action).slice(0, 100)}`;
  at.note('step-decided-by-person', { stepIndex, action, tally, message });
  const { samples, votes, flags, inputTokens, outputTokens, costUsd } = sums;
  return {
    type: 'decided',
    action,
    tally,
    classVotes: undefined,
    settledBy: 'person',
    firstVote: undefined,
    samples,
    votes,
    flags: Object.keys(flags).length > 0 ? flags : undefined,
    inputTokens,
    outputTokens,
    costUsd,
    latencyMs: 0,
  };
}

function refusal(problem: string): UsageError {
  return new UsageError(problem, { option: 'answer' });
}

/** Counts the votes of the open step, those for the person's candidate first, and their cost. */
function votesOn<State, Action>({ open }: RunPosition<State, Action>, key: string) {
  const votes = new Map([[key, 0]]);
  const sums = emptyTotals({ hasReference: false });
  for (const sample of open) {
    addSample(sums, sample);
    const { candidate, kind } = sample;
    if (candidate !== undefined && kind === 'vote') votes.set(candidate, (votes.get(candidate) ?? 0) + 1);
  }
  return { tally: [...votes], sums };
}

/** Returns the action of a draw of the undecided step. */
function actionOf<State, Action>(
  { process, state, stepIndex, open }: RunPosition<State, Action>,
  draw: number,
): Action {
  const sample = open.find((one) => one.draw === draw);
  if (sample === undefined) throw new UsageError(`the step has no draw ${draw}`);
  if (sample.kind === 'judgement') throw new UsageError(`draw ${draw} is a verifier's opinion, no answer`);
  const question = questionOf(process, state, stepIndex);
  try {
    return question.ask(question.formNamed(sample.variant) ?? 0).parse(sample.text);
  } catch (thrown) {
    throw thrown instanceof RedFlag ? new UsageError(`draw ${draw} is ${thrown.code}: ${thrown.detail}`) : thrown;
  }
}
