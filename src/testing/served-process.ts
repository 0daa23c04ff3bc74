import { hash } from 'node:crypto';
import { callPart } from '../core/call-part.ts';
import { UsageError } from '../core/errors.ts';
import type { Model, Sample } from '../core/model.ts';
import type { AnyProcess, Prompt, StepSubject } from '../core/process.ts';
import { RedFlag, readReply } from '../core/red-flags.ts';
import type { ServedRequest } from './openai-server.ts';

/** Number of states that are searched for a prompt, such as that of a resumed run, whose steps before were not seen. */
const MAX_STATES = 100_000;

/**
 * Yields the states of a run that follows the reference, at most the first 100,000.
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
 * Puts a simulated model, which must know what it is asked, behind a server, which sees texts alone. A prompt is recognised as
 * that of one of `states`, which are read as far as necessary, or of one of the last 100,000 states to which an answer has led,
 * right or wrong. In a chat, it is the last question that is recognised. Anything else is refused, including the questions to a
 * verifier.
 * @throws {UsageError} what `states` throws for its first state.
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

  /** Remembers the state to which an answer leads, since a client that believes the answer asks for that state next. */
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
      // The client meets the same exception. It gets the answer that it asked for.
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
  /** The replies whose next state is known. */
  readonly followed: Set<string>;
}

function keyOf({ system, user }: Prompt): string {
  return hash('sha256', JSON.stringify([system ?? '', user]), 'base64');
}
