import { callPart, type Process, type Prompt } from './process.ts';

/** What must not change under a run unasked: the journaled votes were given to these prompts. */
export interface Fingerprint {
  readonly name: string;
  readonly version: string;
  /** Prompts of a few states, the start state first. */
  readonly prompts: readonly Required<Prompt>[];
  /** The start state's prompt in each of the process's other forms. */
  readonly variants: readonly (Required<Prompt> & { readonly name: string })[];
}

const STATES = 3;

/**
 * Of a process from its start state on.
 * @throws {ProcessError} where a part of the process throws.
 */
export function fingerprintOf<Input, State, Action>(process: Process<Input, State, Action>, start: State): Fingerprint {
  const { name, version, reference, effect, forms } = process;
  const prompts: Required<Prompt>[] = [];
  let state = start;
  for (let step = 0; step < STATES; step++) {
    const part = <T>(field: string, work: () => T): T => callPart(process, field, step, work);
    if (part('isDone', () => process.isDone(state))) break;
    prompts.push(part('prompt', () => complete(process.prompt(state))));
    if (reference === undefined || effect !== undefined) break;
    const action = part('reference', () => reference(state));
    state = part('apply', () => process.apply(state, action));
  }
  const others = prompts.length === 0 ? [] : forms.slice(1);
  const variants = others.map((form) => {
    const prompt = callPart(process, `prompt of variant ${form.name}`, 0, () => form.prompt(start));
    return { name: form.name, ...complete(prompt) };
  });
  return { name, version, prompts, variants };
}

/** What differs, in words; empty where nothing does. A variant that only one of them has is no change. */
export function describeChanges(before: Fingerprint, after: Fingerprint): string[] {
  const changes: string[] = [];
  for (const field of ['name', 'version'] as const) {
    if (before[field] !== after[field]) {
      changes.push(`${field} was ${JSON.stringify(before[field])}, is ${JSON.stringify(after[field])}`);
    }
  }
  for (const [i, was] of before.prompts.entries()) {
    const is = after.prompts[i];
    if (is !== undefined) changes.push(...describePrompt(`of step ${i}`, was, is));
  }
  for (const was of before.variants) {
    const is = after.variants.find(({ name }) => name === was.name);
    if (is !== undefined) changes.push(...describePrompt(`of variant ${JSON.stringify(was.name)}`, was, is));
  }
  return changes.slice(0, MOST_CHANGES);
}

const MOST_CHANGES = 3;

function describePrompt(where: string, before: Required<Prompt>, after: Required<Prompt>): string[] {
  const changes: string[] = [];
  for (const part of ['system', 'user'] as const) {
    const was = before[part];
    const is = after[part];
    if (was === is) continue;
    let at = 0;
    while (was[at] === is[at]) at++;
    const excerpt = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 10), at + 30));
    changes.push(`the ${part} prompt ${where} was ${excerpt(was)}, is ${excerpt(is)} (from character ${at})`);
  }
  return changes;
}

function complete({ system = '', user }: Prompt): Required<Prompt> {
  return { system, user };
}
