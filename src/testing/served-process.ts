import { hash } from 'node:crypto';
import { callPart } from '../core/call-part.ts';
import { UsageError } from '../core/errors.ts';
import type { Model, Sample } from '../core/model.ts';
import type { AnyProcess, Prompt, StepSubject } from '../core/process.ts';
import { RedFlag, readReply } from '../core/red-flags.ts';
import type { ServedRequest } from './openai-server.ts';

/** So far ahead a run is looked for that goes on at a step which it was not seen to come to. */
const MAX_STATES = 100_000;

/**
 * States of a run, as its reference leads it; of one that is longer than 100,000 steps the first so many.
 * @throws {UsageError} for a process without a reference, and for one whose states depend on what its effect returns.
 */
export function* statesOf(process: AnyProcess, input: unknown): Generator<unknown> {
  const { reference, effect } = process;
  const where = `process ${JSON.stringify(process.name)}`;
  if (reference === undefined) {
    throw new UsageError(`${where}: expected a \`reference\`, to know what it will be asked.`);
  }
  if (effect !== undefined) {
    throw new UsageError(
      `${where}: expected no \`effect\`, since its states cannot be foreseen: rehearse a copy without it.`,
    );
  }
  let state = callPart(process, 'start', undefined, () => process.start(input));
  for (let step = 0; step < MAX_STATES && !process.isDone(state); step++) {
    yield state;
    const here = state;
    state = callPart(process, 'apply', step, () => process.apply(here, reference(here)));
  }
}

/**
 * A model that needs to know what it is asked (simulated) behind a server, which sees texts alone: a prompt is recognised as
 * that of one of these states, which are gone through as far as it takes, or of one of the last 100,000 to which an answer
 * has led, right or wrong; of a chat the last question is. Anything else is refused, the questions to a verifier among it.
 * @throws {UsageError} what `states` throws for its first one.
 */
export function answersOf(options: {
  readonly process: AnyProcess;
  readonly states: Iterable<unknown>;
  readonly model: Model;
}): (request: ServedRequest) => Promise<Sample> {
  const { process, model } = options;
  const subjects = new Map<string, Subject>();
  const led = new Map<string, Subject>();
  const ahead = options.states[Symbol.iterator]();
  lookAhead();

  /** @returns false at the end of the states. */
  function lookAhead(): boolean {
    const { done, value: state } = ahead.next();
    if (done) return false;
    for (const [key, subject] of subjectsOf(state)) subjects.set(key, subject);
    return true;
  }

  function subjectsOf(state: unknown): [string, Subject][] {
    return process.forms.map((form) => {
      const prompt = form.prompt(state);
      return [keyOf(prompt), { process, state, form, prompt, followed: new Set() }];
    });
  }

  function recognise(asked: Prompt): Subject | undefined {
    const key = keyOf(asked);
    const found = () => subjects.get(key) ?? led.get(key);
    while (found() === undefined && lookAhead());
    return found();
  }

  /** A client that believes this answer asks for the state behind it. */
  function follow({ state, form, followed }: Subject, text: string): void {
    if (followed.has(text)) return;
    followed.add(text);
    const { check, key } = process;
    const verdict = readReply(text, {
      parse: (reply) => form.parse(reply, state),
      check: check && ((action) => check(action, state)),
      key,
    });
    if (verdict instanceof RedFlag) return;
    let next: unknown;
    try {
      next = process.apply(state, verdict.action);
    } catch {
      // The client comes to the same; what it asked for it gets.
      return;
    }
    if (process.isDone(next)) return;
    for (const [promptKey, subject] of subjectsOf(next)) {
      if (subjects.has(promptKey) || led.has(promptKey)) continue;
      led.set(promptKey, subject);
      if (led.size > MAX_STATES * process.forms.length) led.delete(led.keys().next().value!);
    }
  }

  return async ({ system, turns, user, temperature, maxOutputTokens, repetition }) => {
    const subject = recognise({ system, user });
    if (subject === undefined) {
      throw new UsageError(
        `no step of process ${JSON.stringify(process.name)} asks this, with the input that is served: ` +
          'give the run the same process and input.',
      );
    }
    const { signal } = new AbortController();
    const prompt = turns === undefined ? subject.prompt : { ...subject.prompt, turns };
    const sample = await model.generate({ prompt, subject, temperature, maxOutputTokens, draw: repetition, signal });
    if (process.effect === undefined) follow(subject, sample.text);
    return sample;
  };
}

interface Subject extends StepSubject {
  readonly prompt: Prompt;
  /** Replies whose next state is known. */
  readonly followed: Set<string>;
}

function keyOf({ system, user }: Prompt): string {
  return hash('sha256', JSON.stringify([system ?? '', user]), 'base64');
}
