import type { Prompt } from '../core/process.ts';
import type { Task } from './solve-state.ts';
import type { AnswerKind } from './split.ts';

/** The prompts of one form. */
export interface Wording {
  readonly name: string;
  readonly split: (task: Task) => Prompt;
  readonly answer: (task: Task) => Prompt;
  readonly compose: (task: Task) => Prompt;
  /** @param candidates in the order of this form */
  readonly judge: (task: Task, candidates: readonly string[]) => Prompt;
}

const SPLIT_FORMAT = `{"subproblems": [{"id": "P1", "statement": "...", "needs": []}, {"id": "P2", "statement": "... {P1} ...", "needs": ["P1"]}], "compose": {"formula": "P1 * 1000 + P2"}}`;

// A prompt is a fingerprint of old journals, so its words stay. cspell:ignore whoever
const SPLIT_RULES = `- Two or more subproblems, each simpler than the problem. Whoever solves one sees its statement and nothing of the others, so each statement must say all that is needed.
- A subproblem that needs the answer of another names it in "needs" and writes {P1} where that answer belongs. Others must not speak of each other.
- "compose" is one of {"formula": "..."} (arithmetic over the ids, carried out exactly: + - * / % ^ ( ) min max abs), {"join": ", "} (the answers in order) and {"instruction": "..."} (how to put them together, in words). Every answer must be used.
- "answer" of a subproblem may say what its answer is: "number", "text" or "json".
- "decisions" may list short conventions that all parts must keep to.`;

/** Proposals of one problem must not all come from the same prompt: at temperature 0 they would be the same. */
const ANGLES = [
  '',
  'Prefer the fewest subproblems.',
  'Prefer subproblems that are equally hard.',
  'Prefer subproblems that do not need each other.',
  'Prefer a composition that is a formula.',
  'Prefer subproblems that are as simple as possible.',
  'Look for a decomposition that is not the most obvious one.',
];

const ANSWER_FORMS: Readonly<Record<AnswerKind, string>> = {
  number: 'ANSWER: and the number, in digits, without a unit',
  text: 'ANSWER: and the answer, as short as possible',
  json: 'ANSWER: and the answer as JSON',
  free: 'ANSWER: and below it the whole answer',
};

function angle({ kind, place, phase, isLast }: Task): string {
  const last =
    kind === 'split' && isLast
      ? '\n\nThe subproblems are not decomposed further: each must be simple enough to be answered at once. There may be many.'
      : '';
  return phase === 'propose' && place > 0
    ? `${last}\n\n${ANGLES[place % ANGLES.length]!} (Proposal ${place + 1}.)`
    : last;
}

function sections(...parts: readonly (readonly [name: string, text: string])[]): string {
  return parts.flatMap(([name, text]) => (text === '' ? [] : [`${name}:\n${text}`])).join('\n\n');
}

function answers({ parts }: Task): string {
  return parts.map(({ statement, answer }) => `${statement}\n= ${answer}`).join('\n');
}

function numbered(candidates: readonly string[]): string {
  return candidates.map((candidate, i) => `${i + 1}. ${candidate}`).join('\n');
}

/** Other decompositions can be proposed, so all of them may be rejected. */
function orNone({ kind }: Task): string {
  return kind === 'split' ? ', or 0 if all are wrong' : '';
}

function what({ kind }: Task): string {
  return kind === 'split' ? 'ways to decompose it' : 'answers to it';
}

const JUDGED =
  'A good decomposition is correct: from right answers of its parts follows the right answer of the problem. Its parts are simpler than the problem, and each says all that is needed. Where the problem is simple enough, to answer it in one piece is best.';

/**
 * Three forms of the same questions, which vote in turn: what one of them misleads a model to, the others may not. The first
 * lines are the same for all problems, so that a provider's prompt cache serves them.
 */
export const WORDINGS: readonly Wording[] = [
  {
    name: 'main',
    split: (task) => ({
      system: `You decompose problems. Reply with one JSON object and nothing else.\nA problem that is simple enough to be answered at once is not decomposed: {"atomic": true}\nAny other: ${SPLIT_FORMAT}\n${SPLIT_RULES}`,
      user: sections(['Context', task.context], ['Problem', task.statement]) + angle(task),
    }),
    answer: (task) => ({
      system: `You solve problems. Think as long as you need, and end with a line that has ${ANSWER_FORMS[task.answer]}. Write ANSWER: only once.`,
      user: sections(['Context', task.context], ['Problem', task.statement]) + angle(task),
    }),
    compose: (task) => ({
      system: `You put the answers of subproblems together. End with a line that has ${ANSWER_FORMS[task.answer]}. Write ANSWER: only once.`,
      user:
        sections(['Problem', task.statement], ['Answers of its parts', answers(task)], ['How', task.instruction]) +
        angle(task),
    }),
    judge: (task, candidates) => ({
      system: `You choose among candidates. Reply with the number of the best one and nothing else${orNone(task)}. ${JUDGED}`,
      user: sections(
        ['Context', task.context],
        ['Problem', task.statement],
        [`Candidates: ${what(task)}`, numbered(candidates)],
      ),
    }),
  },
  {
    name: 'question',
    split: (task) => ({
      system: `A problem can be divided into smaller ones. Your reply is one JSON object, without any other text.\nSimple problems stay whole: {"atomic": true}\nOthers: ${SPLIT_FORMAT}\n${SPLIT_RULES}`,
      user: `${sections(['What is known around it', task.context], ['The problem to divide', task.statement])}${angle(task)}\n\nHow is it divided?`,
    }),
    answer: (task) => ({
      system: `Answer the question. You may work it out step by step. The last line must be ${ANSWER_FORMS[task.answer]}; ANSWER: stands nowhere else.`,
      user: `${sections(['What is known around it', task.context], ['The question', task.statement])}${angle(task)}\n\nWhat is the answer?`,
    }),
    compose: (task) => ({
      system: `From the answers of its parts, find the answer of the whole. The last line must be ${ANSWER_FORMS[task.answer]}; ANSWER: stands nowhere else.`,
      user: `${sections(['Its parts with their answers', answers(task)], ['How they are put together', task.instruction], ['The whole', task.statement])}${angle(task)}\n\nWhat is its answer?`,
    }),
    judge: (task, candidates) => ({
      system: `Which candidate is the best? ${JUDGED} Your reply is its number and nothing else${orNone(task)}.`,
      user: `${sections(['What is known around it', task.context], ['The problem', task.statement], [`The candidates, ${what(task)}`, numbered(candidates)])}\n\nWhich number?`,
    }),
  },
  {
    name: 'task',
    split: (task) => ({
      system: `Task: break the given problem down, or say that it needs no breaking down. Output: JSON, nothing before or after it.\nNo breaking down needed: {"atomic": true}\nElse: ${SPLIT_FORMAT}\nRules:\n${SPLIT_RULES}`,
      user: `${sections(['Given', task.statement], ['It belongs to', task.context])}${angle(task)}\n\nOutput:`,
    }),
    answer: (task) => ({
      system: `Task: solve the given problem with care, then check the result. Output: whatever work you need, then on the last line ${ANSWER_FORMS[task.answer]} (ANSWER: once in all).`,
      user: `${sections(['Given', task.statement], ['It belongs to', task.context])}${angle(task)}\n\nOutput:`,
    }),
    compose: (task) => ({
      system: `Task: combine partial results into the final one. Output: on the last line ${ANSWER_FORMS[task.answer]} (ANSWER: once in all).`,
      user: `${sections(['Given', task.statement], ['Combine by', task.instruction], ['Partial results', answers(task)])}${angle(task)}\n\nOutput:`,
    }),
    judge: (task, candidates) => ({
      system: `Task: compare candidates and pick the best. ${JUDGED} Output: its number, nothing else${orNone(task)}.`,
      user: `${sections(['Given', task.statement], ['It belongs to', task.context], [`Candidates (${what(task)})`, numbered(candidates)])}\n\nOutput:`,
    }),
  },
];
