import { UsageError } from '../../core/errors.ts';
import {
  adaptiveConsistency,
  aheadByK,
  earlyStoppingWindows,
  firstToK,
  fixedMajority,
} from '../../statistics/stop-rules.ts';
import type { Method } from '../method.ts';
import { centralised, parallelDistilRefine, selfConsistency } from './answers.ts';
import { chat } from './chat.ts';
import { planner } from './planner.ts';
import { byRule, bySubtasks, oneCall, unvoted, withoutChecks } from './step-wise.ts';

interface Sizes {
  readonly [size: string]: number | undefined;
}

interface Kind {
  readonly about: string;
  /** The sizes that it takes, with their defaults; undefined if a size may be absent. */
  readonly sizes: Readonly<Record<string, number | undefined>>;
  readonly create: (name: string, sizes: Sizes) => Method;
}

/** Minimum of a size. @default 1 */
const LEAST: Readonly<Record<string, number>> = { errors: 0, flags: 0 };
const MOST: Readonly<Record<string, number>> = { errors: 100, flags: 1 };

/** The methods that can be compared, by name. */
export const METHODS: Readonly<Record<string, Kind>> = {
  'one-call': {
    about: 'one call for all steps',
    sizes: {},
    create: (name) => oneCall(name),
  },
  subtasks: {
    about: 'm steps a call, without memory; with k voted',
    sizes: { m: 5, k: undefined },
    create: (name, { m, k }) => bySubtasks(name, { m: m!, k }),
  },
  steps: {
    about: 'one step a call, without memory, unvoted',
    sizes: {},
    create: (name) => unvoted(name),
  },
  planner: {
    about: 'a plan in one call, then a call a step that sees it, unvoted',
    sizes: {},
    create: (name) => planner(name),
  },
  chat: {
    about: 'one step a call after its last turns, R % of them made wrong; with k voted',
    sizes: { window: undefined, errors: undefined, k: undefined },
    create: (name, sizes) => chat(name, sizes),
  },
  'self-consistency': {
    about: 'n whole answers, the most common wins',
    sizes: { n: 5 },
    create: (name, { n }) => selfConsistency(name, { n: n! }),
  },
  pdr: {
    about: 'whole answers: drafts in parallel, notes on them, refined, in rounds',
    sizes: { drafts: 3, rounds: 1 },
    create: (name, { drafts, rounds }) => parallelDistilRefine(name, { drafts: drafts!, rounds: rounds! }),
  },
  centralised: {
    about: 'one orchestrator sees a whole answer and repairs it, for at most n rounds',
    sizes: { rounds: 3 },
    create: (name, { rounds }) => centralised(name, { rounds: rounds! }),
  },
  majority: {
    about: 'one step a call, the majority of n votes on each',
    sizes: { n: 5 },
    create: (name, { n }) => byRule(name, fixedMajority({ votes: n! })),
  },
  'first-to-k': {
    about: 'one step a call, the first answer with k votes',
    sizes: { k: 3 },
    create: (name, { k }) => byRule(name, firstToK({ votes: k! })),
  },
  'adaptive-consistency': {
    about: 'one step a call, votes until the Beta rule is 95 % certain, at most 40',
    sizes: {},
    create: (name) => byRule(name, adaptiveConsistency()),
  },
  'early-stopping': {
    about: 'one step a call, votes in windows of w, the first unanimous one decides',
    sizes: { w: 5 },
    create: (name, { w }) => byRule(name, earlyStoppingWindows({ window: w! })),
  },
  mdap: {
    about: 'one step a call, without memory, ahead by k votes; flags=0: without the checks of the process',
    sizes: { k: 3, flags: 1 },
    create: (name, { k, flags }) => {
      const rule = aheadByK({ margin: k! });
      return flags === 0 ? withoutChecks(name, rule) : byRule(name, rule);
    },
  },
};

/** The methods that are compared by default. */
export const USUAL_METHODS: readonly string[] = [
  'one-call',
  'subtasks@m=5',
  'steps',
  'planner',
  'chat',
  'chat@k=3',
  'self-consistency@n=5',
  'pdr',
  'centralised',
  'majority@n=5',
  'adaptive-consistency',
  'early-stopping',
  'mdap@k=3',
];

/**
 * Makes a method from its name, with its sizes after an @: `subtasks@m=10,k=3`.
 * @throws {UsageError} if the method is unknown, or does not have the sizes.
 */
export function methodByName(text: string): Method {
  const [name = '', given] = text.split(/@(.*)/s);
  if (!Object.hasOwn(METHODS, name)) {
    const problem = `expected some of ${Object.keys(METHODS).join(', ')}, got ${JSON.stringify(text)}.`;
    throw new UsageError(problem, { option: 'methods' });
  }
  const { sizes: defaults, create } = METHODS[name]!;
  const sizes: Record<string, number | undefined> = { ...defaults };
  for (const part of given === undefined ? [] : given.split(',')) {
    const [size = '', value = ''] = part.split(/=(.*)/s);
    if (!Object.hasOwn(defaults, size)) {
      const known = Object.keys(defaults);
      const expected = known.length === 0 ? `no sizes of ${name}` : `${known.join('=N or ')}=N behind ${name}@`;
      throw new UsageError(`expected ${expected}, got ${JSON.stringify(part)}.`, { option: 'methods' });
    }
    sizes[size] = sizeOf(`${name}@${size}`, value, { least: LEAST[size] ?? 1, most: MOST[size] });
  }
  return create(text, sizes);
}

function sizeOf(what: string, text: string, { least, most }: { least: number; most: number | undefined }): number {
  const size = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(size) && size >= least && (most === undefined || size <= most)) return size;
  const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
  const problem = `expected a whole number ${range} as ${what}, got ${JSON.stringify(text)}.`;
  throw new UsageError(problem, { option: 'methods' });
}
