import type { AnyProcess, Prompt } from '../core/process.ts';
import { withText } from '../core/prompt-parts.ts';
import { redFlag, type Valid } from '../core/red-flags.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { VERIFIER } from './escalation.ts';
import type { AskedForm, Decision, Question, Undecided, VoteContext, VoterClass } from './question.ts';

/** Most candidates of a step that a verifier is asked about; with more of them its opinion would have little value. */
const MAX_JUDGED = 5;
/** The margin of the vote on each candidate: a model that judges makes mistakes like one that answers. */
const VERIFIER_MARGIN = 3;

/** Asks a model whether this action is right: yes or no, nothing else. */
export function judgeForm(process: AnyProcess, state: unknown, action: unknown): AskedForm<boolean> {
  const form = process.forms[0]!;
  const prompt = process.verification?.verifyPrompt?.(action, state) ?? defaultPrompt(process, state, action);
  return { prompt, subject: { process, state, form, proposed: { action } }, parse: parseVerdict };
}

function defaultPrompt({ prompt, reply }: AnyProcess, state: unknown, action: unknown): Prompt {
  const { system, user } = prompt(state);
  const answer = reply?.(action, state) ?? JSON.stringify(action);
  return {
    system:
      'You check answers. You get a task and an answer to it. Answer with yes if the answer is right, with no if not, and with nothing else.',
    user: withText(
      `The task:\n${system === undefined ? '' : `${system}\n\n`}`,
      user,
      `\n\nThe answer:\n${answer}\n\nIs this answer right? yes or no:`,
    ),
  };
}

function parseVerdict(text: string): boolean {
  const found = /^\s*(yes|no)[.!]?\s*$/i.exec(text);
  if (found === null) throw redFlag('malformed', 'expected yes or no and nothing else');
  return found[1]!.toLowerCase() === 'yes';
}

/**
 * Returns the key of the only candidate that the verifier accepts. Each is put to it in a yes-or-no vote of its own. Undefined
 * where it accepts none, or more than one, or cannot decide about one; and where there is no verifier, or too much to judge.
 * @param decide decides one such question by a vote
 */
export async function acceptedAlone<Action>(
  candidates: readonly Valid<Action>[],
  question: Question<Action>,
  context: VoteContext,
  decide: (question: Question<boolean>, context: VoteContext) => Promise<Decision<boolean> | Undecided>,
): Promise<string | undefined> {
  const { verifier } = context;
  const { judge } = question;
  if (verifier === undefined || judge === undefined || candidates.length > MAX_JUDGED) return undefined;
  let accepted: string | undefined;
  for (const { key, action } of candidates) {
    const asked = judgement(question.stepIndex, key, () => judge(action));
    const outcome = await decide(asked, judgementContext(context, { sampler: verifier, form: 0, variant: VERIFIER }));
    if (outcome.type === 'undecided' || (outcome.action && accepted !== undefined)) return undefined;
    if (outcome.action) accepted = key;
  }
  return accepted;
}

/** Whether one candidate is right, as a question of its own. */
function judgement(stepIndex: number, judged: string, ask: () => AskedForm<boolean>): Question<boolean> {
  return { stepIndex, judged, ask, formNamed: () => 0, key: (isRight) => (isRight ? 'yes' : 'no') };
}

/** The verifier votes alone, by its own rule. Its votes are not used to guess the decision, and it does not escalate. */
function judgementContext(context: VoteContext, verifier: VoterClass): VoteContext {
  const { settings, slots, inFlight, monotonicMs, onAdapted, onCall, onSample } = context;
  const rule = aheadByK({ margin: VERIFIER_MARGIN });
  const judging = { ...settings, rule, isSuspicious: undefined };
  return { settings: judging, voters: [verifier], slots, inFlight, monotonicMs, onAdapted, onCall, onSample };
}
