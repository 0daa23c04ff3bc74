import { z } from 'zod';
import { messageOf } from '../core/errors.ts';
import { type RedFlag, redFlag } from '../core/red-flags.ts';
import { parseStrictJson } from '../core/strict-json.ts';
import { type Formula, parseFormula, readNumber } from './formula.ts';

/**
 * The kind of an answer, which decides when two answers are equal: a number; one line of text; any JSON; or free text, of
 * which no two are equal, so that a judge chooses among several.
 */
export const ANSWER_KINDS = ['number', 'text', 'json', 'free'] as const;
export type AnswerKind = (typeof ANSWER_KINDS)[number];

/** How the answers of the parts are composed: by code if possible, otherwise by a model that follows an instruction. */
export type Composition =
  | { readonly formula: string }
  /** The separator between the answers, which are joined in order. */
  | { readonly join: string }
  | { readonly instruction: string };

export interface Subproblem {
  /** The name in formulas and placeholders: `P1`. */
  readonly id: string;
  /** The statement, with `{P1}` in place of another's answer. */
  readonly statement: string;
  /** The subproblems whose answers it needs. */
  readonly needs: readonly string[];
  readonly answer: AnswerKind;
}

/** A decomposition, as data that a person can read and edit. */
export interface Split {
  readonly subproblems: readonly Subproblem[];
  readonly compose: Composition;
  /** Decisions that all parts of the problem must follow, in short sentences. */
  readonly decisions: readonly string[];
}

/** Why a decomposition is not used, by the names of failures that other systems have recorded. */
type SplitFailure =
  | 'malformed-final'
  | 'non-independent-subproblems'
  | 'ambiguous-composition-op'
  | 'unbound-placeholder'
  | 'circular-decomposition'
  | 'no-simpler-subproblem';

const MAX_SUBPROBLEMS = 50;
const MAX_STATEMENT_CHARS = 4_000;
const MAX_DECISIONS = 20;
const MAX_DECISION_CHARS = 200;

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,19}$/;

const SUBPROBLEM = z.strictObject({
  id: z.string().regex(NAME, 'expected a short name, as P1'),
  statement: z.string().trim().min(1).max(MAX_STATEMENT_CHARS),
  needs: z.array(z.string()).default([]),
  answer: z.enum(ANSWER_KINDS).optional(),
});

/** The members of a decomposition, in a reply or a file. */
export const SPLIT_SHAPE = z.strictObject({
  subproblems: z.array(SUBPROBLEM).min(2, 'expected two or more subproblems').max(MAX_SUBPROBLEMS),
  compose: z.union(
    [
      z.strictObject({ formula: z.string().trim().min(1) }),
      z.strictObject({ join: z.string().max(20) }),
      z.strictObject({ instruction: z.string().trim().min(1).max(MAX_STATEMENT_CHARS) }),
    ],
    'expected one of formula, join and instruction',
  ),
  decisions: z.array(z.string().trim().min(1).max(MAX_DECISION_CHARS)).max(MAX_DECISIONS).default([]),
});

export const SPLIT_SCHEMA = SPLIT_SHAPE.transform(splitOf);

interface OpenSplit extends Omit<Split, 'subproblems'> {
  readonly subproblems: readonly (Omit<Subproblem, 'answer'> & { readonly answer?: AnswerKind | undefined })[];
}

/** The kind of a part's answer follows from the composition if it is not given. */
export function splitOf({ subproblems, compose, decisions }: OpenSplit): Split {
  const usual: AnswerKind = 'formula' in compose ? 'number' : 'text';
  return { subproblems: subproblems.map(({ answer = usual, ...rest }) => ({ ...rest, answer })), compose, decisions };
}

/** Matches `{P1}`, nothing else in braces: a statement may contain JSON or code. */
const PLACEHOLDER = /\{([A-Za-z][A-Za-z0-9_]{0,19})\}/g;

/**
 * Returns what is wrong with a decomposition, as a red flag whose detail begins with the failure's name; undefined if no
 * mistake is found. This cannot show whether it is *right*: that is voted on.
 * @param above the statements of which it is a part, the whole problem first and the one that is split last
 */
export function checkSplit(split: Split, above: readonly string[]): RedFlag | undefined {
  const fail = (failure: SplitFailure, detail: string) => redFlag(failure, detail);
  const { subproblems } = split;
  const ids = new Set(subproblems.map(({ id }) => id));
  if (ids.size < subproblems.length) return fail('malformed-final', 'two subproblems have the same id');
  const known = new Set(above.map(plainly));
  const most = above.at(-1)!.length + LENGTH_ALLOWED;
  for (const { id, statement, needs } of subproblems) {
    if (known.has(plainly(statement))) {
      return fail('circular-decomposition', `${id} is the same as a problem of which it is a part`);
    }
    if (statement.length > most) {
      return fail(
        'no-simpler-subproblem',
        `${id} is longer than the problem by more than ${LENGTH_ALLOWED} characters`,
      );
    }
    const stranger = needs.find((need) => !ids.has(need) || need === id);
    if (stranger !== undefined)
      return fail('unbound-placeholder', `${id} needs ${stranger}, which is no other subproblem`);
    const used = placeholdersIn(statement).filter((name) => ids.has(name));
    const undeclared = used.find((name) => !needs.includes(name));
    if (undeclared !== undefined) {
      return fail('non-independent-subproblems', `${id} refers to {${undeclared}} and does not need it`);
    }
    const unused = needs.find((need) => !used.includes(need));
    if (unused !== undefined) return fail('unbound-placeholder', `${id} needs ${unused} and has no {${unused}}`);
    const mentioned = [...ids].find((other) => other !== id && mentions(statement, other));
    if (mentioned !== undefined) {
      return fail('non-independent-subproblems', `${id} speaks of ${mentioned}: its solver does not see that`);
    }
  }
  const circle = findCircle(subproblems);
  if (circle !== undefined) return fail('circular-decomposition', `${circle} needs itself through others`);
  return checkComposition(split, fail);
}

type Fail = (failure: SplitFailure, detail: string) => RedFlag;

function checkComposition({ compose, subproblems }: Split, fail: Fail): RedFlag | undefined {
  const ids = subproblems.map(({ id }) => id);
  const needed = new Set(subproblems.flatMap(({ needs }) => needs));
  if ('join' in compose) return undefined;
  if ('instruction' in compose) {
    const stranger = placeholdersIn(compose.instruction).find((name) => /^P\d+$/.test(name) && !ids.includes(name));
    return stranger === undefined
      ? undefined
      : fail('ambiguous-composition-op', `it refers to ${stranger}, which is no subproblem`);
  }
  let formula: Formula;
  try {
    formula = parseFormula(compose.formula);
  } catch (thrown) {
    return fail('ambiguous-composition-op', messageOf(thrown));
  }
  const stranger = formula.names.find((name) => !ids.includes(name));
  if (stranger !== undefined) return fail('ambiguous-composition-op', `${stranger} is no subproblem`);
  const unused = ids.find((id) => !formula.names.includes(id) && !needed.has(id));
  if (unused !== undefined) return fail('ambiguous-composition-op', `the answer of ${unused} is used nowhere`);
  const wordy = subproblems.find(({ id, answer }) => formula.names.includes(id) && answer !== 'number');
  if (wordy !== undefined) return fail('ambiguous-composition-op', `the answer of ${wordy.id} is no number`);
  return undefined;
}

/** Number of characters by which a part may exceed the whole: it must say what the whole leaves to the context. */
const LENGTH_ALLOWED = 400;

/** Normalises a statement for comparison: white space, case and a full stop make no difference; other wordings do. */
function plainly(statement: string): string {
  return statement
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[.?!]$/, '')
    .toLowerCase();
}

function placeholdersIn(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER)].map(([, name]) => name!);
}

/** Finds a subproblem that is mentioned without braces. A name of a single letter is an ordinary word. */
function mentions(statement: string, id: string): boolean {
  return id.length > 1 && new RegExp(`(?<![\\w{])${id}(?![\\w}])`).test(statement);
}

function findCircle(subproblems: readonly Subproblem[]): string | undefined {
  const free = new Set<string>();
  for (let before = -1; free.size > before; ) {
    before = free.size;
    for (const { id, needs } of subproblems) if (needs.every((need) => free.has(need))) free.add(id);
  }
  return subproblems.find(({ id }) => !free.has(id))?.id;
}

/** Returns a statement with the answers of others inserted. */
export function bind(statement: string, answers: ReadonlyMap<string, string>): string {
  return statement.replace(PLACEHOLDER, (whole, name: string) => answers.get(name) ?? whole);
}

/**
 * Computes the answer of the whole by code.
 * @returns undefined if a model must be asked
 * @throws {RangeError} if the answers do not fit the composition
 */
export function composeByCode(
  { compose, subproblems }: Split,
  answers: ReadonlyMap<string, string>,
): string | undefined {
  if ('formula' in compose) return parseFormula(compose.formula).evaluate((name) => answers.get(name)!);
  if ('join' in compose) return subproblems.map(({ id }) => answers.get(id)!).join(compose.join);
  return undefined;
}

/**
 * The canonical form of an answer: equal texts are the same answer.
 * @throws {RedFlag} if it is not an answer of its kind
 */
export function readAnswer(text: string, kind: AnswerKind): string {
  const plain = text.trim();
  if (plain === '') throw redFlag('malformed', 'expected an answer, got nothing');
  if (kind === 'number') {
    const number = readNumber(plain);
    if (number === undefined)
      throw redFlag('malformed', `expected a number, got ${JSON.stringify(plain.slice(0, 80))}`);
    return number;
  }
  if (kind === 'json') {
    try {
      return JSON.stringify(parseStrictJson(plain));
    } catch (thrown) {
      throw redFlag('malformed', `expected JSON: ${messageOf(thrown)}`);
    }
  }
  return kind === 'free' ? plain : plain.replace(/\s+/g, ' ');
}
