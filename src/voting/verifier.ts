import type { AnyProcess, Prompt } from '../core/process.ts';
import { redFlag } from '../core/red-flags.ts';
import type { AskedForm, Question } from './question.ts';

/** Most candidates of a step that a verifier is asked about; with more of them no opinion would be worth much. */
export const MAX_JUDGED = 5;
/** Of the vote on each: a model that judges errs like one that answers. */
export const VERIFIER_MARGIN = 3;

/** A model is asked whether this action is right: yes or no, nothing else. */
export function judgeForm(process: AnyProcess, state: unknown, action: unknown): AskedForm<boolean> {
  const form = process.forms[0]!;
  const prompt = process.verifyPrompt?.(action, state) ?? defaultPrompt(process, state, action);
  return { prompt, subject: { process, state, form, proposed: { action } }, parse: parseVerdict };
}

function defaultPrompt({ prompt, reply }: AnyProcess, state: unknown, action: unknown): Prompt {
  const { system, user } = prompt(state);
  const answer = reply?.(action, state) ?? JSON.stringify(action);
  return {
    system:
      'You check answers. You get a task and an answer to it. Answer with yes if the answer is right, with no if not, and with nothing else.',
    user: `The task:\n${system === undefined ? '' : `${system}\n\n`}${user}\n\nThe answer:\n${answer}\n\nIs this answer right? yes or no:`,
  };
}

function parseVerdict(text: string): boolean {
  const found = /^\s*(yes|no)[.!]?\s*$/i.exec(text);
  if (found === null) throw redFlag('malformed', 'expected yes or no and nothing else');
  return found[1]!.toLowerCase() === 'yes';
}

/** The vote on one candidate, as a question of its own. */
export function judgement<Action>(
  { stepIndex, judge }: Question<Action>,
  action: Action,
): Question<boolean> | undefined {
  return (
    judge && { stepIndex, ask: () => judge(action), formNamed: () => 0, key: (isRight) => (isRight ? 'yes' : 'no') }
  );
}
