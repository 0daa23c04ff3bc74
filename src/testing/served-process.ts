import { UsageError } from '../errors.ts';
import type { Model, Sample } from '../model.ts';
import { type AnyProcess, callPart, type StepSubject } from '../process.ts';
import type { ServedRequest } from './openai-server.ts';

/** A longer run is not known to its end. */
const MOST_STATES = 100_000;

/** States of a run, as its reference leads it. */
export function* statesOf(process: AnyProcess, input: unknown): Generator<unknown> {
  const { reference, effect } = process;
  if (reference === undefined) {
    throw new UsageError(
      `process ${JSON.stringify(process.name)}: expected a \`reference\`, to know what it will be asked.`,
    );
  }
  let state = callPart(process, 'start', undefined, () => process.start(input));
  for (let step = 0; step < MOST_STATES && !process.isDone(state); step++) {
    yield state;
    if (effect !== undefined) return;
    const here = state;
    state = callPart(process, 'apply', step, () => process.apply(here, reference(here)));
  }
}

/**
 * A model that needs to know what it is asked (simulated) behind a server, which sees texts alone: prompts are recognised
 * by the states that a run will come to. What is not recognised gets an answer that no parser takes.
 */
export function answersOf(options: {
  readonly process: AnyProcess;
  readonly states: Iterable<unknown>;
  readonly model: Model;
}): (request: ServedRequest) => Promise<Sample> {
  const { process, states, model } = options;
  const subjects = new Map<string, StepSubject>();
  for (const state of states) {
    for (const form of process.forms) {
      const { system, user } = form.prompt(state);
      subjects.set(keyOf(system, user), { process, state, form });
    }
  }
  return async ({ system, user, temperature, maxOutputTokens, repetition }) => {
    const subject = subjects.get(keyOf(system, user));
    if (subject === undefined) {
      return { text: UNKNOWN, finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 0 };
    }
    const { signal } = new AbortController();
    const prompt = subject.form.prompt(subject.state);
    return model.generate({ prompt, subject, temperature, maxOutputTokens, draw: repetition, signal });
  };
}

const UNKNOWN = 'This is not a step that I know.';

function keyOf(system: string | undefined, user: string): string {
  return JSON.stringify([system ?? '', user]);
}
