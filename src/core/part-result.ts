import { shown, userProblem } from './prompt-parts.ts';

/**
 * What is wrong with the result of a function of a process, where the compiler cannot have said so: what was expected and what
 * came. The other functions may return anything, or are checked where their results are used.
 */
export const RESULT_PROBLEMS: Readonly<Record<string, (result: unknown) => string | undefined>> = {
  prompt: promptProblem,
  'verification.verifyPrompt': promptProblem,
  key: (result) => (typeof result === 'string' ? undefined : `expected a text, got ${shown(result)}`),
  steps: (result) =>
    Number.isSafeInteger(result) && (result as number) >= 0
      ? undefined
      : `expected a whole number of at least 0, got ${shown(result)}`,
};

function promptProblem(result: unknown): string | undefined {
  if (typeof result !== 'object' || result === null)
    return `expected { user } or { system, user }, got ${shown(result)}`;
  const { user, system, turns } = result as Readonly<Record<string, unknown>>;
  const problem = userProblem(user);
  if (problem !== undefined) return problem;
  if (system !== undefined && typeof system !== 'string')
    return `expected \`system\` to be a text, got ${shown(system)}`;
  return turns === undefined || Array.isArray(turns)
    ? undefined
    : `expected \`turns\` to be a list, got ${shown(turns)}`;
}
