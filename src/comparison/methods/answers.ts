import { callPart } from '../../core/call-part.ts';
import { candidateKey } from '../../core/candidate.ts';
import { type AnyProcess, defineProcess, type Parts, type Prompt } from '../../core/process.ts';
import { textOf, withFilesOf, withText } from '../../core/prompt-parts.ts';
import { RedFlag, readReply } from '../../core/red-flags.ts';
import type { Arrangement, Method, Outcome } from '../method.ts';
import { UNVOTED, type WholeJob, wholeJob } from './sized.ts';

// Methods that ask for the whole job at once, several times over. Each call is a step of a process whose action is a text:
// an answer, or notes on answers.

/** A reply, and the steps in it; none if it cannot be read. */
interface Written {
  readonly text: string;
  readonly actions?: readonly unknown[];
}

/** The key of an answer: answers with the same steps are equal. */
function keyOf({ text, actions }: Written): string {
  return actions === undefined ? `unreadable: ${text}` : candidateKey(actions);
}

/** The whole job at its start, as a question about texts. */
class Writer {
  readonly #whole: AnyProcess;
  readonly #actionsOf: WholeJob['actionsOf'];
  readonly #start: unknown;

  constructor({ process, actionsOf }: WholeJob, input: unknown) {
    this.#whole = process;
    this.#actionsOf = actionsOf;
    this.#start = callPart(process, 'start', undefined, () => process.start(input));
  }

  /** The job's own prompt, with a text appended to its question. */
  prompt(behind?: string): Prompt {
    const prompt: Prompt = this.#whole.prompt(this.#start);
    return behind === undefined ? prompt : { ...prompt, user: withText('', prompt.user, `\n\n${behind}`) };
  }

  /** The prompt as one text, to quote in another prompt. */
  get task(): string {
    const { system, user } = this.prompt();
    return system === undefined ? textOf(user) : `${system}\n\n${textOf(user)}`;
  }

  /** Accepts any reply; one that cannot be read is an answer without steps. */
  read = (text: string): Written => {
    const { parse, check, key } = this.#whole;
    const verdict = readReply(text, {
      parse: (reply) => parse(reply, this.#start),
      check: check && ((action) => check(action, this.#start)),
      key,
    });
    return verdict instanceof RedFlag ? { text } : { text, actions: this.#actionsOf(verdict.action) };
  };

  /** @throws {RedFlag} if it cannot be read. */
  readStrictly = (text: string): Written => {
    const { parse, check } = this.#whole;
    const action = parse(text, this.#start);
    const flag = check?.(action, this.#start);
    if (flag !== undefined) throw flag;
    return { text, actions: this.#actionsOf(action) };
  };

  get right(): Written {
    return this.#written(this.#whole.reference!(this.#start));
  }

  get mistakes(): readonly Written[] {
    return (this.#whole.simulation?.mistakes?.(this.#start) ?? []).map((action: unknown) => this.#written(action));
  }

  get parts(): Parts<Written> | undefined {
    const parts = this.#whole.simulation?.madeOf?.(this.#start);
    return parts && { ...parts, action: (actions) => this.#written(parts.action(actions)) };
  }

  #written(action: unknown): Written {
    return { text: this.#whole.reply?.(action, this.#start) ?? '', actions: this.#actionsOf(action) };
  }
}

/** The request of one of these calls. */
interface Call {
  readonly prompt: Prompt;
  /** The part of the earlier replies that the prompt depends on. */
  readonly dependsOn: unknown;
  /** Whether the next call depends on its reply. */
  readonly isAwaited: boolean;
  /** `notes` are accepted as they are; an unreadable `answer` is asked for again, an unreadable `draft` is not. */
  readonly kind: 'draft' | 'answer' | 'notes';
  /** Notes of a simulated model: first without a mistake, then with one. */
  readonly notes?: readonly [right: Written, ...wrong: Written[]];
}

interface Calls {
  /** Suffix of the name of the process. */
  readonly suffix: string;
  /** Maximum number of calls. */
  readonly most: number;
  /** Returns the call after these replies; undefined if there are no more. */
  readonly call: (replies: readonly Written[]) => Call | undefined;
  readonly outcome: (replies: readonly Written[]) => Outcome;
}

interface CallsState {
  readonly replies: readonly Written[];
}

/** A method that asks for the whole job in each call. */
function inCalls(name: string, callsFor: (writer: Writer) => Calls): Method {
  return {
    name,
    arrange: (process, input) => {
      const job = wholeJob(process, input);
      const writer = new Writer(job, input);
      return arrangeCalls(process, job, writer, callsFor(writer));
    },
  };
}

/** A process whose steps are these calls. */
function arrangeCalls(
  process: AnyProcess,
  job: WholeJob,
  writer: Writer,
  { suffix, most, call, outcome }: Calls,
): Arrangement {
  const at = ({ replies }: CallsState) => call(replies)!;
  const calls = defineProcess<unknown, CallsState, Written>({
    name: `${process.name}-${suffix}`,
    version: process.version,
    input: process.input,
    start: () => ({ replies: [] }),
    steps: () => most,
    isDone: ({ replies }) => call(replies) === undefined,
    prompt: (state) => at(state).prompt,
    parse: (text, state) => {
      const { kind } = at(state);
      return kind === 'notes' ? { text } : kind === 'draft' ? writer.read(text) : writer.readStrictly(text);
    },
    key: keyOf,
    apply: ({ replies }, reply) => ({ replies: [...replies, reply] }),
    independence: {
      focus: (state) => at(state).dependsOn,
      next: ({ replies }) => (call(replies)!.isAwaited ? undefined : { replies: [...replies, UNKNOWN] }),
    },
    reference: (state) => at(state).notes?.[0] ?? writer.right,
    reply: ({ text }) => text,
    simulation: {
      mistakes: (state) => at(state).notes?.slice(1) ?? writer.mistakes,
      madeOf: (state) => (at(state).kind === 'notes' ? undefined : writer.parts),
    },
  });
  return {
    process: calls,
    rule: UNVOTED,
    stepsPerReply: job.steps,
    outcome: (actions) => outcome(actions as readonly Written[]),
  };
}

/** Stands for the reply to a call in flight. */
const UNKNOWN: Written = { text: '' };

/** Asks for n whole answers; the most common one wins, in a tie the first. Unreadable answers have no vote. */
export function selfConsistency(name: string, { n }: { readonly n: number }): Method {
  return inCalls(name, (writer) => ({
    suffix: `answers-${n}`,
    most: n,
    call: ({ length }) =>
      length === n
        ? undefined
        : { prompt: writer.prompt(), dependsOn: length, isAwaited: length + 1 === n, kind: 'draft' },
    outcome: (replies) => {
      const [winner, ...others] = byVotes(replies);
      if (winner === undefined) return { turns: [] };
      return { turns: [winner.answer.actions!], tally: [winner, ...others].map(({ votes }) => votes) };
    },
  }));
}

interface Candidate {
  readonly answer: Written;
  votes: number;
}

/** Readable answers, the most common first; equally common ones in the order of arrival. */
function byVotes(replies: readonly Written[]): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const answer of replies) {
    if (answer.actions === undefined) continue;
    const known = candidates.get(keyOf(answer));
    if (known === undefined) candidates.set(keyOf(answer), { answer, votes: 1 });
    else known.votes++;
  }
  return [...candidates.values()].sort((a, b) => b.votes - a.votes);
}

/**
 * Parallel, distil, refine (arXiv 2510.01123) over whole answers: drafts in parallel, then notes on what they agree on and
 * where they differ, on which the next round of drafts is based, and the last call answers. A simulated model notes the
 * most common draft, and then answers as if it had no notes.
 */
export function parallelDistilRefine(
  name: string,
  options: { readonly drafts: number; readonly rounds: number },
): Method {
  const { drafts, rounds } = options;
  const perRound = drafts + 1;
  const most = rounds * perRound + 1;
  return inCalls(name, (writer) => ({
    suffix: `refined-${drafts}x${rounds}`,
    most,
    call: (replies) => {
      const { length } = replies;
      if (length === most) return undefined;
      const place = length % perRound;
      const start = length - place;
      const notes = start === 0 ? undefined : replies[start - 1]!.text;
      if (place === drafts) {
        const written = replies.slice(start, length);
        const [best = UNKNOWN, ...others] = byVotes(written).map(({ answer }) => answer);
        return {
          prompt: { user: withFilesOf(writer.prompt().user, distilPrompt(writer.task, written)) },
          dependsOn: written,
          isAwaited: true,
          kind: 'notes',
          notes: [best, ...others, NO_NOTES],
        };
      }
      return {
        prompt: writer.prompt(notes && refinePrompt(notes)),
        dependsOn: [place, notes ?? null],
        isAwaited: place + 1 === drafts || length + 1 === most,
        kind: length + 1 === most ? 'answer' : 'draft',
      };
    },
    outcome: (replies) => ({ turns: replies.length === most ? [replies.at(-1)!.actions!] : [] }),
  }));
}

const NO_NOTES: Written = { text: 'None of the answers can be trusted.' };

function distilPrompt(task: string, answers: readonly Written[]): string {
  const shown = answers.map(({ text }, i) => `Answer ${i + 1}:\n${text}`).join('\n\n');
  return `This task was given to ${answers.length} people:

<task>
${task}
</task>

This is what they answered:

${shown}

Write short notes for somebody who will do the task after them: what these answers agree on, where they differ, and which of
them is right there. Do not write a whole answer.`;
}

function refinePrompt(notes: string): string {
  return `Others have tried this before. These are notes on their answers, which may be wrong:
${notes}

Give your own answer now, in the form that is asked for above.`;
}

/**
 * One orchestrator that sees the whole answer and rewrites it with its mistakes corrected, until it leaves it unchanged or
 * reaches the limit of rounds. A simulated model rewrites it as it writes any answer.
 */
export function centralised(name: string, { rounds }: { readonly rounds: number }): Method {
  return inCalls(name, (writer) => ({
    suffix: `repaired-${rounds}`,
    most: rounds + 1,
    call: (replies) => {
      const [last, before] = [replies.at(-1), replies.at(-2)];
      if (last === undefined) return { prompt: writer.prompt(), dependsOn: 0, isAwaited: true, kind: 'draft' };
      const isSettled = before !== undefined && keyOf(before) === keyOf(last);
      if (isSettled || replies.length > rounds) return undefined;
      return {
        prompt: writer.prompt(repairPrompt(last.text)),
        dependsOn: [replies.length, last.text],
        isAwaited: true,
        kind: 'answer',
      };
    },
    // The outcome is the last readable answer: an unreadable repair does not undo what was there before.
    outcome: (replies) => {
      const found = replies.findLast(({ actions }) => actions !== undefined);
      return { turns: found === undefined ? [] : [found.actions!] };
    },
  }));
}

function repairPrompt(answer: string): string {
  return `Somebody has answered this:
${answer}

Check that answer step by step, from the first step on. Then write the whole answer in the form that is asked for above: the
same again if all of it is right, else with every mistake mended, and what follows from it.`;
}
