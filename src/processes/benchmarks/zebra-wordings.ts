import { redFlag } from '../../core/red-flags.ts';
import type { Rule } from './zebra-puzzle.ts';

/** A step as it is shown: a rule, and the lists of the things that it is about. */
export interface ShownStep {
  /** The number of the step, from 1. */
  readonly place: number;
  readonly houses: number;
  readonly rule: Rule;
  /** The names of all things of the puzzle. */
  readonly names: readonly string[];
  /** The names of all attributes. */
  readonly kinds: readonly string[];
  readonly things: readonly number[];
  /** For each of `things` the houses where it may be. */
  readonly lists: readonly (readonly number[])[];
}

/**
 * How rules and lists are written. The forms differ in the names of the houses, in what the answer says of a list (what is left of
 * it, what is struck, or every house), and in how each rule is said.
 */
export interface Wording {
  readonly name: string;
  readonly system: string;
  readonly show: (step: ShownStep) => string;
  readonly reply: (lists: readonly (readonly number[])[], step: ShownStep) => string;
  readonly parse: (text: string, step: ShownStep) => number[][];
}

/** Names of the things, of the kind and of the house that a rule is about; those that it has. */
interface Words {
  readonly thing: string;
  readonly other: string;
  readonly kind: string;
  readonly house: string;
}

type Phrases = Readonly<Record<Rule['type'], (words: Words) => string>>;

const SENTENCES: Phrases = {
  'found-at': ({ thing, house }) => `${thing} is in house ${house}.`,
  'not-at': ({ thing, house }) => `${thing} is not in house ${house}.`,
  'same-house': ({ thing, other }) => `${thing} and ${other} are in the same house.`,
  beside: ({ thing, other }) => `${thing} and ${other} are in houses next to each other.`,
  'left-of': ({ thing, other }) => `${thing} is somewhere to the left of ${other}.`,
  'right-of': ({ thing, other }) => `${thing} is somewhere to the right of ${other}.`,
  'one-between': ({ thing, other }) => `There is exactly one house between ${thing} and ${other}.`,
  'two-between': ({ thing, other }) => `There are exactly two houses between ${thing} and ${other}.`,
  taken: ({ thing, kind }) => `If ${thing} has one house left, no other ${kind} is in that house.`,
  only: ({ kind, house }) => `If house ${house} is in one list only, that ${kind} is in no other house.`,
};

const NOTES: Phrases = {
  'found-at': ({ thing, house }) => `house ${house} has ${thing}`,
  'not-at': ({ thing, house }) => `house ${house} has no ${thing}`,
  'same-house': ({ thing, other }) => `${other} and ${thing} share a house`,
  beside: ({ thing, other }) => `${other} is next door to ${thing}`,
  'left-of': ({ thing, other }) => `${other} is further right than ${thing}, by one house or more`,
  'right-of': ({ thing, other }) => `${other} is further left than ${thing}, by one house or more`,
  'one-between': ({ thing, other }) => `from ${other} to ${thing} it is two houses on, in one direction or the other`,
  'two-between': ({ thing, other }) => `from ${other} to ${thing} it is three houses on, in one direction or the other`,
  taken: ({ thing, kind }) => `should one house be left for ${thing}, then no other ${kind} is there`,
  only: ({ kind, house }) => `should house ${house} be left for one ${kind} alone, then that ${kind} is there`,
};

function describeIn(phrases: Phrases, nameOf: (house: number) => string) {
  return ({ rule, names, kinds, houses }: Omit<ShownStep, 'lists' | 'things' | 'place'>): string => {
    const thing = 'thing' in rule ? rule.thing : undefined;
    const attribute = 'attribute' in rule ? rule.attribute : Math.floor(thing! / houses);
    return phrases[rule.type]({
      thing: names[thing ?? -1] ?? '',
      other: 'other' in rule ? names[rule.other]! : '',
      kind: kinds[attribute]!,
      house: 'house' in rule ? nameOf(rule.house) : '',
    });
  };
}

/** The example has names that are in no puzzle. */
const EXAMPLE: ShownStep = {
  place: 90,
  houses: 4,
  rule: { type: 'left-of', thing: 0, other: 4 },
  names: ['owl', '', '', '', 'cider'],
  kinds: ['bird', 'cup'],
  things: [0, 4],
  lists: [
    [1, 2, 4],
    [1, 2],
  ],
};
const EXAMPLE_LEFT = [[1], [2]];

/** A line for each list, in the order in which they are shown: name, then what stands for the list. */
function readLines(text: string, { things, names }: ShownStep, pattern: RegExp): string[] {
  const lines = text.trimEnd().split(/\r?\n/);
  const answers = lines.splice(-things.length);
  return things.map((thing, i) => {
    const [, name, list] = pattern.exec(answers[i] ?? '') ?? [];
    if (name === names[thing]) return list!;
    throw redFlag('malformed', `expected the reply to end with a line for each list, ${names[thing]} in line ${i + 1}`);
  });
}

const describe = describeIn(SENTENCES, String);

/** Names must be spelt as in the prompt. */
export function showList(houses: readonly number[]): string {
  return houses.length === 0 ? 'none' : houses.join(' ');
}

export const LIST = 'none|[1-8](?: [1-8])*';

export function readList(text: string): number[] {
  return text === 'none' ? [] : text.split(' ').map(Number);
}

export function showRule({ place, ...step }: ShownStep): string {
  return `Step ${place}. ${describe(step)}`;
}

function showLists(lists: readonly (readonly number[])[], { things, names }: ShownStep): string {
  return things.map((thing, i) => `${names[thing]}: ${showList(lists[i]!)}`).join('\n');
}

/** A list that stands among others: its kind is said too. */
export function showKnown(
  thing: number,
  list: readonly number[],
  { names, kinds, houses }: Pick<ShownStep, 'names' | 'kinds' | 'houses'>,
): string {
  return `${names[thing]} (${kinds[Math.floor(thing / houses)]}): ${showList(list)}`;
}

const LISTS: Pick<Wording, 'show' | 'reply'> = {
  show: (step) => `${showRule(step)}\n${showLists(step.lists, step)}`,
  reply: showLists,
};

const RULES = `Houses stand in a row, numbered from 1 on the left. Each thing is in one of them; things of one kind are in different houses. A
list has the houses where a thing may still be.`;

const STRIKE = `Strike each house that the rule rules out, and no other. For a rule about two things: a house stays in the list of one if the
list of the other has a house that fits it.`;

const LIST_LINE = new RegExp(`^([a-z]+): (${LIST})$`);

export const MAIN: Wording = {
  name: 'main',
  ...LISTS,
  system: `You carry out one step of a long procedure: solving a puzzle about houses.

${RULES}

You get one rule, and the lists of the things that it is about.
${STRIKE}

Example:
${LISTS.show(EXAMPLE)}
owl in 4 would have no cider to the right of it, owl in 2 neither. cider in 1 would have no owl to the left of it.
${LISTS.reply(EXAMPLE_LEFT, EXAMPLE)}

End your reply with what is left of the lists, one line for each, in the same order. Write "none" for a list of which nothing is
left, and nothing after the lists.`,
  parse: (text, step) => readLines(text, step, LIST_LINE).map(readList),
};

function letter(house: number): string {
  return String.fromCharCode(64 + house);
}

const LETTERS: Pick<Wording, 'show' | 'reply'> = {
  show: (step) => {
    const lists = step.things.map(
      (thing, i) => `${step.names[thing]} may be at ${showLetters(step.lists[i]!, 'no house')}`,
    );
    return [...lists.toReversed(), `${step.place}. Known: ${describeIn(NOTES, letter)(step)}`].join('\n');
  },
  reply: (lists, { things, names, lists: before }) =>
    things
      .map((thing, i) => {
        const struck = before[i]!.filter((house) => !lists[i]!.includes(house));
        return `${names[thing]} cannot be at ${showLetters(struck, '-')}`;
      })
      .toReversed()
      .join('\n'),
};

function showLetters(houses: readonly number[], none: string): string {
  return houses.map(letter).join(', ') || none;
}

/** The answer says what is struck. */
const STRUCK: Wording = {
  name: 'struck',
  ...LETTERS,
  system: `Somebody is solving a riddle: who or what lives where along a street? From left to right its houses are A, B, C and so on.
Every name belongs to just one house. For a few names you see the houses where they may be, and one thing that is known. Find out
which of these houses that excludes. Where it links two names, a house is excluded for a name if no possible house of the other
name goes with it.

An example:
${LETTERS.show(EXAMPLE)}
None of owl's houses is further left than A. None of cider's houses is further right than B or D.
${LETTERS.reply(EXAMPLE_LEFT, EXAMPLE)}

Finish with such a line for each name, in the order given: the houses that are excluded, or a dash if there are none.`,
  parse: (text, step) => {
    const upwards = { ...step, things: step.things.toReversed() };
    const struck = readLines(text, upwards, /^([a-z]+) cannot be at (-|[A-H](?:, [A-H])*)$/)
      .toReversed()
      .map((letters) => (letters === '-' ? [] : letters.split(', ').map((one) => one.charCodeAt(0) - 64)));
    return step.lists.map((list, i) => {
      const left = list.filter((house) => !struck[i]!.includes(house));
      if (left.length + struck[i]!.length === list.length) return left;
      throw redFlag(
        'illegal',
        `${step.names[step.things[i]!]}: expected each excluded house once, out of those it may be at`,
      );
    });
  },
};

const ROWS: Pick<Wording, 'show' | 'reply'> = {
  show: (step) => `#${step.place} ${describeIn(NOTES, String)(step)}\n${ROWS.reply(step.lists, step)}`,
  reply: (lists, { things, names, houses }) =>
    things
      .map((thing, i) => {
        const marks = Array.from({ length: houses }, (_, house) => (lists[i]!.includes(house + 1) ? '?' : 'x'));
        return `| ${names[thing]} | ${marks.join(' | ')} |`;
      })
      .join('\n'),
};

/** This form shows a mark for every house. */
const TABLE: Wording = {
  name: 'table',
  ...ROWS,
  system: `You fill in a table for a logic puzzle. A row is for a name. Behind it is one column for each house of a street, the first column
for house 1, the leftmost one. A name belongs to one house: ? means perhaps this one, x means not this one.

You get a fact and some rows. Turn ? into x wherever the fact makes it impossible. If the fact is about two names, that is
wherever the row of the other one has no ? in any column that would suit. An x stays an x.

Fact and rows, for example:
${ROWS.show(EXAMPLE)}
Row owl keeps its ? for house 1 alone, and row cider for house 2.
${ROWS.reply(EXAMPLE_LEFT, EXAMPLE)}

All the rows, filled in like that, are the end of your reply.`,
  parse: (text, step) =>
    readLines(text, step, /^\| ([a-z]+) \| ([?x](?: \| [?x])*) \|$/).map((row) => {
      const marks = row.split(' | ');
      if (marks.length !== step.houses) {
        throw redFlag('malformed', `expected ${step.houses} columns in each row, got ${marks.length}`);
      }
      return marks.flatMap((mark, i) => (mark === '?' ? [i + 1] : []));
    }),
};

export const VARIANTS: readonly Wording[] = [STRUCK, TABLE];

export const STEPS_SYSTEM = `You carry out a part of a long procedure: solving a puzzle about houses. You make several steps, one after the other.

${RULES}

You get the rules of the steps, and all lists that they are about. A step changes the lists of the things in its rule, or, where the
rule is about a kind, of all things of the kind. It starts from what the steps before have left.
${STRIKE}

Example:
${showRule(EXAMPLE)}
Step 91. cider is not in house 2.
${EXAMPLE.things.map((thing, i) => showKnown(thing, EXAMPLE.lists[i]!, EXAMPLE)).join('\n')}
The answer:
Step 90: owl 1, cider 2
Step 91: cider none

End your reply with one line for each step, in their order: what is left of the lists of its things, in the order of the lists.
Write "none" for a list of which nothing is left, and nothing after the lines.`;
