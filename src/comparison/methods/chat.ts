import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, defineProcess, type Turn } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { createRandom, hashText, mix } from '../../core/random.ts';
import { aheadByK } from '../../statistics/stop-rules.ts';
import type { Method } from '../method.ts';
import { UNVOTED } from './sized.ts';

export interface ChatOptions {
  /** Number of latest turns in the prompt. @default all */
  readonly window?: number;
  /**
   * Percentage of wrong turns in an artificial history that replaces the model's own replies: with 0 it has no mistake.
   * @default the chat's own history
   */
  readonly errors?: number;
}

interface ChatState {
  readonly state: unknown;
  /** The turns in the prompt, oldest first. */
  readonly turns: readonly PastTurn[];
  readonly taken: number;
}

interface PastTurn extends Turn {
  /** Whether it is wrong by the reference, in the state in which it was asked. */
  readonly isRight: boolean;
}

/** The decided action, and the first reply with it. */
interface Said {
  readonly action: unknown;
  readonly text: string;
}

/** A continuous chat: each step is asked after the earlier questions and answers. With a margin it is voted on. */
export function chat(name: string, options: ChatOptions & { readonly k?: number } = {}): Method {
  const rule = options.k === undefined ? UNVOTED : aheadByK({ margin: options.k });
  return {
    name,
    arrange: (process) => ({
      process: inChat(process, options),
      rule,
      stepsPerReply: 1,
      outcome: (actions) => ({ turns: (actions as readonly Said[]).map(({ action }) => [action]) }),
    }),
  };
}

/**
 * The same process with earlier turns in its prompts. Its steps and their right answers are those of the process: every
 * turn repeats the state, so that nothing must be remembered, and only the history differs.
 * @throws {UsageError} if an artificial history is wanted and the process does not say how replies and mistakes are written.
 */
export function inChat(process: AnyProcess, options: ChatOptions): AnyProcess {
  const { window = Number.POSITIVE_INFINITY, errors } = options;
  const { reference, reply, key, check } = process;
  const mistakes = process.simulation?.mistakes;
  if (errors !== undefined && (reply === undefined || mistakes === undefined)) {
    throw new UsageError(
      `process ${JSON.stringify(process.name)}: expected \`reply\` and \`simulation.mistakes\`, from which an artificial history is written: add them.`,
    );
  }
  const isRight = (action: unknown, state: unknown) => key(action) === key(reference!(state));
  const saidOf = (action: unknown, state: unknown): Said => ({ action, text: reply?.(action, state) ?? '' });

  function pastTurn({ state, taken }: ChatState, { action, text }: Said): PastTurn {
    // What an earlier turn was about is named; a file in it is not sent again.
    const user = textOf(process.prompt(state).user);
    if (errors === undefined) return { user, reply: text, isRight: isRight(action, state) };
    const random = createRandom(mix(hashText(user), taken, HISTORY_SEED));
    const wrong = 100 * random() < errors ? mistakes!(state) : [];
    const shown = wrong.length > 0 ? wrong[Math.floor(random() * wrong.length)] : reference!(state);
    return { user, reply: reply!(shown, state), isRight: wrong.length === 0 };
  }

  return defineProcess<unknown, ChatState, Said>({
    name: `${process.name}-chat`,
    version: process.version,
    input: process.input,
    start: (input) => ({ state: process.start(input), turns: [], taken: 0 }),
    steps: process.steps,
    isDone: ({ state }) => process.isDone(state),
    prompt: ({ state, turns }) => ({
      ...process.prompt(state),
      turns: turns.map(({ user, reply: said }) => ({ user, reply: said })),
    }),
    parse: (text, { state }) => ({ action: process.parse(text, state), text }),
    check: check && (({ action }, { state }) => check(action, state)),
    key: ({ action }) => key(action),
    apply: (before, said) => ({
      state: process.apply(before.state, said.action),
      turns: [...before.turns, pastTurn(before, said)].slice(-window),
      taken: before.taken + 1,
    }),
    reference: ({ state }) => saidOf(reference!(state), state),
    reply: reply && (({ action }, { state }) => reply(action, state)),
    simulation: {
      mistakes: mistakes && (({ state }) => mistakes(state).map((action) => saidOf(action, state))),
      errorShare: ({ turns }) => (turns.length === 0 ? 0 : turns.filter((turn) => !turn.isRight).length / turns.length),
    },
  });
}

const HISTORY_SEED = 0xc4a7;
