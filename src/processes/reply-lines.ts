import type { Process } from '../core/process.ts';
import { redFlag } from '../core/red-flags.ts';

// One spelling for each number: no plus sign, no leading zero, no -0.
export const NATURAL = '(?:0|[1-9]\\d*)';
export const INTEGER = '(?:0|-?[1-9]\\d*)';

/**
 * Returns the groups of the last line of a reply. The text before it may be reasoning, but not another answer, because a
 * choice between two answers would be a guess.
 * @param pattern of a whole line
 * @param expected the line as the prompt asks for it
 * @throws {RedFlag} malformed
 */
export function readLastLine(text: string, pattern: RegExp, expected: string): string[] {
  const lines = text.trimEnd().split('\n');
  const found = pattern.exec(lines.pop()!);
  if (found === null || lines.some((line) => pattern.test(line))) {
    throw redFlag('malformed', `expected the line "${expected}" at the end of the reply, and nowhere else`);
  }
  return found.slice(1);
}

/** How a line of a reply with several steps contains a step. */
export interface StepLine<State, Action> {
  /** Pattern of a whole line; groups: the question, the answer. */
  readonly pattern: RegExp;
  /** The step of a state as its line must name it. Only for states that have a step. */
  readonly questionOf: (state: State) => string;
  readonly read: (answer: string) => Action;
  /** The inverse of pattern and `read`. */
  readonly show: (question: string, action: Action) => string;
}

/**
 * Parser and writer of replies that answer several steps in lines, for `subtasksOf`. All lines that stand together at the
 * end count, one for each step; before them there may be reasoning. A line that answers another question than the one that
 * its place and the answers before it make is a sign that the sample went astray: a red flag.
 * @param mostSteps of a subtask
 */
export function stepLines<State, Action>(
  { apply, isDone }: Pick<Process<unknown, State, Action>, 'apply' | 'isDone'>,
  mostSteps: number,
  { pattern, questionOf, read, show }: StepLine<State, Action>,
) {
  return {
    parse: (text: string, start: State): Action[] => {
      const lines = text.trimEnd().split(/\r?\n/);
      const first = lines.findLastIndex((line) => !pattern.test(line)) + 1;
      if (first === lines.length || lines.slice(0, first).some((line) => pattern.test(line))) {
        throw redFlag(
          'malformed',
          'expected the reply to end with the lines asked for, and none of them anywhere else',
        );
      }
      let state = start;
      // One too many is enough to be seen.
      return lines.slice(first, first + mostSteps + 1).map((line, i) => {
        const [, question, answer] = pattern.exec(line)!;
        const action = read(answer!);
        if (isDone(state)) return action;
        const expected = questionOf(state);
        if (question !== expected) {
          throw redFlag(
            'malformed',
            `line ${i + 1}: expected an answer to ${expected}, got one to ${question!.slice(0, 80)}`,
          );
        }
        state = apply(state, action);
        return action;
      });
    },
    reply: (actions: readonly Action[], start: State): string => {
      let state = start;
      const lines = actions.map((action) => {
        const line = show(questionOf(state), action);
        state = apply(state, action);
        return line;
      });
      return lines.join('\n');
    },
  };
}
