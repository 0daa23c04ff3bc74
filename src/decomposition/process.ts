import { z } from 'zod';
import { candidateKey } from '../core/candidate.ts';
import { messageOf } from '../core/errors.ts';
import { defineProcess, type Process, type Prompt } from '../core/process.ts';
import { createRandom, hashText, shuffled } from '../core/random.ts';
import { redFlag } from '../core/red-flags.ts';
import { describeIssues } from '../core/schema.ts';
import { parseStrictJson } from '../core/strict-json.ts';
import { outlineOf } from './outline.ts';
import { NONE, type SolveAction, type SolveState, type Task } from './solve-state.ts';
import { ANSWER_KINDS, type AnswerKind, checkSplit, readAnswer, SPLIT_SCHEMA, type Split } from './split.ts';
import { decideTask, isSolvableWith, isSolved, nextTask, startTree } from './tree.ts';
import { WORDINGS, type Wording } from './wordings.ts';

export interface SolveInput {
  readonly problem: string;
  readonly answer: AnswerKind;
  readonly maxDepth: number;
  readonly maxNodes: number;
  readonly proposals: number;
  /** A given decomposition of the problem: its parts are solved, and none is proposed for the whole. */
  readonly plan?: Split;
  /** Whether to end with the decomposition of the whole problem. */
  readonly isPlanOnly: boolean;
}

/** The reference for problems of a kind: for simulations, benchmarks and tests. */
export interface SolveOracle {
  readonly name: string;
  /** @throws if the problem is not of its kind */
  readonly split: (statement: string) => Split | 'atomic';
  /** Well-formed but wrong decompositions, the most likely first. */
  readonly wrongSplits: (statement: string) => readonly Split[];
  /** Whether a decomposition leads to the right answer. */
  readonly isRight: (statement: string, split: Split) => boolean;
  readonly answer: (statement: string) => string;
  readonly wrongAnswers: (statement: string) => readonly string[];
  /** An input from which a problem's text is made. */
  readonly problem: z.ZodType<{ readonly problem: string; readonly answer: AnswerKind }>;
}

/** Maximum length of a problem, in characters: every prompt about it contains it. */
const MAX_PROBLEM_CHARS = 100_000;
/** Characters of a problem that a message shows. */
const MAX_NAMED_CHARS = 120;
/** N = 2k - 1 of the paper's algorithm 4, at k = 3. */
const DEFAULT_PROPOSALS = 5;

/**
 * Solves a problem by decomposing it, as in appendix F of arXiv 2511.09030, in three kinds of decisions, each a step: whether and
 * how a problem is decomposed; what the answer of a problem is that is not decomposed; how answers are composed.
 *
 * - Decompositions are texts of which no two are equal, so a direct vote on them would never end. There are several
 *   proposals, each the first valid reply, and judges vote on them, each with the candidates in another order. Equal
 *   proposals are merged; if all are equal, no judge is needed.
 * - Answers are voted on by their canonical form; only free texts are proposed and judged.
 * - Code carries out a composition that is arithmetic or a concatenation of texts.
 *
 * The state is the tree with a queue of tasks to decide. Queued tasks do not depend on each other, and are voted on at once.
 */
export function solve(options: { readonly oracle?: SolveOracle } = {}): Process<SolveInput, SolveState, SolveAction> {
  const { oracle } = options;
  const form = (wording: Wording) => ({
    prompt: (state: SolveState) => promptOf(taskOf(state), wording),
    parse: (text: string, state: SolveState) => parse(text, taskOf(state), wording),
    reply: (action: SolveAction, state: SolveState) => replyOf(action, taskOf(state), wording),
  });
  const [main, ...others] = WORDINGS;
  return defineProcess<SolveInput, SolveState, SolveAction, unknown, SolveInput, unknown>({
    name: oracle === undefined ? 'solve' : `solve-${oracle.name}`,
    version: '1',
    input: inputSchema(oracle),
    start: ({ problem, answer, maxDepth, maxNodes, proposals, plan, isPlanOnly }) =>
      startTree({ statement: problem, answer }, { limits: { maxDepth, maxNodes, proposals }, plan, isPlanOnly }),
    isDone: isSolved,
    ...form(main!),
    variants: others.map((wording) => ({ name: wording.name, ...form(wording) })),
    check: (action, state) => (action.type === 'split' ? checkSplit(action.split, taskOf(state).above) : undefined),
    // Every well-formed proposal is accepted here: the judges say which of them is right.
    verification: { verify: () => true, isVerifiable: (state) => taskOf(state).phase === 'propose' },
    key: (action) => candidateKey(action.type === 'answer' ? { ...action, answer: plainly(action) } : action),
    apply: decideTask,
    independence: { focus: taskOf, next: nextTask },
    role: (state) => {
      const { phase, kind } = taskOf(state);
      return phase === 'judge' ? 'judge' : kind === 'split' ? 'decompose' : undefined;
    },
    refusals: { stepName: (state) => nameOf(taskOf(state)), instead: doWithout },
    result: ({ nodes }) => nodes[0]!.result,
    view: { outline: outlineOf },
    reference: oracle && ((state) => rightAction(taskOf(state), oracle)),
    simulation: { mistakes: oracle && ((state) => mistakesAt(taskOf(state), oracle)) },
  });
}

function inputSchema(oracle: SolveOracle | undefined) {
  const limits = {
    maxDepth: z.number().int().min(0).max(20).default(3),
    maxNodes: z.number().int().min(1).max(2_000).default(200),
    proposals: z.number().int().min(1).max(15).default(DEFAULT_PROPOSALS),
    plan: SPLIT_SCHEMA.optional(),
    isPlanOnly: z.boolean().default(false),
  };
  const given = z.strictObject({
    problem: z
      .string()
      .refine((text) => text.trim() !== '', 'expected a problem, got an empty text')
      .refine((text) => text.length <= MAX_PROBLEM_CHARS, {
        error: ({ input }) =>
          `expected at most ${MAX_PROBLEM_CHARS} characters, got ${(input as string).length}: each prompt about it contains ` +
          'the whole; give records to `mdap map`, one by one',
      }),
    answer: z.enum(ANSWER_KINDS).default('text'),
    ...limits,
  });
  const checked = <T extends { readonly problem: string; readonly plan?: Split | undefined }>(
    { problem, plan }: T,
    context: z.RefinementCtx,
  ) => {
    const flag = plan && checkSplit(plan, [problem]);
    if (flag !== undefined)
      context.addIssue({ code: 'custom', path: ['plan'], message: `${flag.code}: ${flag.detail}` });
  };
  if (oracle === undefined) return given.superRefine(checked);
  const made = z
    .looseObject({})
    .transform((input, context) => {
      if ('problem' in input) return input;
      const { maxDepth, maxNodes, proposals, plan, isPlanOnly, ...rest } = input;
      const found = oracle.problem.safeParse(rest);
      if (!found.success) {
        for (const { path, message } of found.error.issues)
          context.addIssue({ code: 'custom', path: [...path], message });
        return z.NEVER;
      }
      return { ...found.data, maxDepth, maxNodes, proposals, plan, isPlanOnly };
    })
    .pipe(given.superRefine(checked));
  return made as z.ZodType<SolveInput>;
}

function taskOf({ tasks }: SolveState): Task {
  return tasks[0]!;
}

/** What messages call a task. */
function nameOf({ kind, phase, place, statement }: Task): string {
  const what = { split: 'decomposition', answer: 'answer', compose: 'composition' }[kind];
  const asked =
    phase === 'judge' ? `choice of the ${what}` : phase === 'propose' ? `proposal ${place + 1} of the ${what}` : what;
  const shown =
    statement.length > MAX_NAMED_CHARS ? `${statement.slice(0, MAX_NAMED_CHARS).toWellFormed()}…` : statement;
  return `the ${asked} of ${JSON.stringify(shown)}`;
}

function doWithout(state: SolveState, reason: string): SolveAction | undefined {
  const refused = { type: 'refused', reason } as const;
  return isSolvableWith(state, refused) ? refused : undefined;
}

/** In texts, case and a final full stop make no difference. */
function plainly({ answer, kind }: { readonly answer: string; readonly kind: AnswerKind }): string {
  if (kind === 'json') return candidateKey(JSON.parse(answer));
  return kind === 'text' ? answer.replace(/[.]$/, '').toLowerCase() : answer;
}

function promptOf(task: Task, wording: Wording): Prompt {
  if (task.phase === 'judge')
    return wording.judge(
      task,
      orderOf(task, wording).map((place) => show(task.proposals[place]!)),
    );
  return wording[task.kind](task);
}

function show(proposal: SolveAction): string {
  if (proposal.type === 'answer') return proposal.answer;
  return proposal.type === 'split'
    ? JSON.stringify(splitReply(proposal.split))
    : 'Answer it in one piece, without decomposing it.';
}

/**
 * The order in which the candidates are shown: it differs between wordings, so that a judge's preference for a position does not
 * decide.
 */
function orderOf({ statement, proposals }: Task, { name }: Wording): number[] {
  return shuffled([...proposals.keys()], createRandom(hashText(statement, hashText(name))));
}

function parse(text: string, task: Task, wording: Wording): SolveAction {
  if (task.phase === 'judge') {
    const found = /^\s*(\d{1,2})[.)]?\s*$/.exec(text)?.[1];
    const least = task.kind === 'split' ? 0 : 1;
    if (found === '0' && least === 0) return { type: 'choice', place: NONE };
    const place = found === undefined ? undefined : orderOf(task, wording)[Number(found) - 1];
    if (place === undefined) {
      throw redFlag('malformed', `expected a number from ${least} to ${task.proposals.length} and nothing else`);
    }
    return { type: 'choice', place };
  }
  if (task.kind !== 'split')
    return { type: 'answer', answer: readAnswer(answerIn(text), task.answer), kind: task.answer };
  let value: unknown;
  try {
    value = parseStrictJson(withoutFence(text));
  } catch (thrown) {
    throw redFlag('malformed-final', `expected one JSON object and nothing else: ${messageOf(thrown)}`);
  }
  if (z.strictObject({ atomic: z.literal(true) }).safeParse(value).success) return { type: 'atomic' };
  const split = SPLIT_SCHEMA.safeParse(value);
  if (split.success) return { type: 'split', split: split.data };
  throw redFlag('malformed-final', describeIssues(split.error.issues.slice(0, 1)));
}

/** Removes a code fence around the whole reply, which some models write around JSON and which hides nothing. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*)\n```\s*$/.exec(text)?.[1] ?? text;
}

/** Returns the text after the only `ANSWER:` of a reply. */
function answerIn(text: string): string {
  const parts = text.split(/^ANSWER:/m);
  if (parts.length === 2) return parts[1]!;
  throw redFlag('malformed', `expected one line that begins with ANSWER:, got ${parts.length - 1}`);
}

function replyOf(action: SolveAction, task: Task, wording: Wording): string {
  // NONE has no position in the order and is 0.
  if (action.type === 'choice') return String(orderOf(task, wording).indexOf(action.place) + 1);
  if (action.type === 'answer') return `ANSWER: ${action.answer}`;
  return JSON.stringify(action.type === 'split' ? splitReply(action.split) : { atomic: true });
}

function splitReply({ subproblems, compose, decisions }: Split) {
  return { subproblems, compose, ...(decisions.length > 0 ? { decisions } : {}) };
}

function rightAction(task: Task, oracle: SolveOracle): SolveAction {
  const { statement, answer: kind } = task;
  if (task.phase === 'judge') {
    return { type: 'choice', place: rightPlace(task, oracle) };
  }
  if (task.kind !== 'split') return { type: 'answer', answer: readAnswer(oracle.answer(statement), kind), kind };
  const split = oracle.split(statement);
  return split === 'atomic' ? { type: 'atomic' } : { type: 'split', split };
}

/** The right candidate; `NONE` if none is right. */
function rightPlace(task: Task, oracle: SolveOracle): number {
  return task.proposals.findIndex((one) => isRight(one, task, oracle));
}

function isRight(proposal: SolveAction, { statement }: Task, oracle: SolveOracle): boolean {
  if (proposal.type === 'split') return oracle.isRight(statement, proposal.split);
  if (proposal.type === 'answer') return proposal.answer === oracle.answer(statement);
  return oracle.split(statement) === 'atomic';
}

function mistakesAt(task: Task, oracle: SolveOracle): SolveAction[] {
  const { statement, answer: kind } = task;
  if (task.phase === 'judge') {
    const right = rightPlace(task, oracle);
    const places = [...task.proposals.keys(), ...(task.kind === 'split' ? [NONE] : [])];
    return places.filter((place) => place !== right).map((place) => ({ type: 'choice', place }));
  }
  if (task.kind !== 'split') {
    return oracle.wrongAnswers(statement).map((answer) => ({ type: 'answer', answer: readAnswer(answer, kind), kind }));
  }
  return oracle
    .wrongSplits(statement)
    .filter((split) => checkSplit(split, task.above) === undefined)
    .map((split) => ({ type: 'split', split }));
}
