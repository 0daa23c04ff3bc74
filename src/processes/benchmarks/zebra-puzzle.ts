import { createRandom, mix, pick, type Random, shuffled } from '../../core/random.ts';

/** Houses stand in a row, numbered from 1 on the left. */
export interface PuzzleSize {
  readonly houses: number;
  /** Kinds of things, such as pets; of each there are as many as houses, one in each. */
  readonly attributes: number;
}

type Relation = 'same-house' | 'beside' | 'left-of' | 'right-of' | 'one-between' | 'two-between';

/** Things are known by their index: attribute x houses + place within the attribute. */
export type Clue =
  | { readonly type: 'found-at' | 'not-at'; readonly thing: number; readonly house: number }
  | { readonly type: Relation; readonly thing: number; readonly other: number };

/** What a step applies: a clue, or one of the two ways in which things of one kind exclude each other. */
export type Rule =
  | Clue
  /** If the thing has one house left, no other thing of its kind is there. */
  | { readonly type: 'taken'; readonly thing: number }
  /** If one thing of the kind alone may be in the house, it is nowhere else. */
  | { readonly type: 'only'; readonly attribute: number; readonly house: number };

/** For each thing the houses where it may be, from the left. */
export type Places = readonly (readonly number[])[];

export interface Puzzle extends PuzzleSize {
  /** The names of the attributes. */
  readonly kinds: readonly string[];
  /** The names of the things. */
  readonly names: readonly string[];
  readonly clues: readonly Clue[];
  /** In this order they solve the puzzle; each of them strikes something. */
  readonly rules: readonly Rule[];
}

/** The houses that go with one of those given. One bit a house, house 1 the lowest; bits beyond the row do not matter. */
const PARTNERS: Readonly<Record<Relation, (houses: number) => number>> = {
  'same-house': (houses) => houses,
  beside: (houses) => (houses << 1) | (houses >> 1),
  // `left-of` gives all houses below the highest of those given, `right-of` all above the lowest.
  'left-of': (houses) => (houses === 0 ? 0 : 2 ** (31 - Math.clz32(houses)) - 1),
  'right-of': (houses) => (houses === 0 ? 0 : ~(2 * (houses & -houses) - 1)),
  'one-between': (houses) => (houses << 2) | (houses >> 2),
  'two-between': (houses) => (houses << 3) | (houses >> 3),
};
/** The same relation, seen from the other thing. */
const CONVERSE: Readonly<Partial<Record<Relation, Relation>>> = { 'left-of': 'right-of', 'right-of': 'left-of' };
const RELATIONS = Object.keys(PARTNERS) as readonly Relation[];

/** @param houseOf the house of each thing in a solution */
function isTrue(clue: Clue, houseOf: readonly number[]): boolean {
  const house = houseOf[clue.thing]!;
  if ('house' in clue) return (house === clue.house) === (clue.type === 'found-at');
  const other = houseOf[clue.other]!;
  switch (clue.type) {
    case 'same-house':
      return house === other;
    case 'beside':
      return Math.abs(house - other) === 1;
    case 'left-of':
      return house < other;
    case 'right-of':
      return house > other;
    case 'one-between':
      return Math.abs(house - other) === 2;
    case 'two-between':
      return Math.abs(house - other) === 3;
  }
}

/** Whose lists a rule is about. */
export function thingsOf(rule: Rule, { houses }: Pick<PuzzleSize, 'houses'>): number[] {
  switch (rule.type) {
    case 'found-at':
    case 'not-at':
      return [rule.thing];
    case 'taken':
      return thingsOfKind(Math.floor(rule.thing / houses), houses);
    case 'only':
      return thingsOfKind(rule.attribute, houses);
    default:
      return [rule.thing, rule.other];
  }
}

function thingsOfKind(attribute: number, houses: number): number[] {
  return Array.from({ length: houses }, (_, i) => attribute * houses + i);
}

/**
 * What the rule leaves of the lists of its things, exactly: a house stays where the rule allows it with some house of the other
 * list. Nothing may be left, after a wrong decision.
 */
export function appliedTo(places: Places, rule: Rule, size: Pick<PuzzleSize, 'houses'>): number[][] {
  const things = thingsOf(rule, size);
  const left = strike(
    things.map((thing) => toBits(places[thing]!)),
    rule,
    things,
  );
  return things.map((thing, i) => places[thing]!.filter((house) => left[i]! & bit(house)));
}

/** @param lists of the things, one bit a house */
function strike(lists: readonly number[], rule: Rule, things: readonly number[]): number[] {
  switch (rule.type) {
    case 'found-at':
      return [lists[0]! & bit(rule.house)];
    case 'not-at':
      return [lists[0]! & ~bit(rule.house)];
    case 'taken': {
      const place = things.indexOf(rule.thing);
      const list = lists[place]!;
      return lists.map((other, i) => (isSingle(list) && i !== place ? other & ~list : other));
    }
    case 'only': {
      const house = bit(rule.house);
      const isAlone = lists.filter((list) => list & house).length === 1;
      return lists.map((list) => (isAlone && list & house ? house : list));
    }
    default: {
      const [list, other] = lists as [number, number];
      const converse = CONVERSE[rule.type] ?? rule.type;
      return [list & PARTNERS[rule.type](other), other & PARTNERS[converse](list)];
    }
  }
}

/** @returns whether the list has at most one house */
function isSingle(list: number): boolean {
  return (list & (list - 1)) === 0;
}

function bit(house: number): number {
  return 1 << (house - 1);
}

function toBits(houses: readonly number[]): number {
  return houses.reduce((bits, house) => bits | bit(house), 0);
}

export function allPlaces({ houses, attributes }: PuzzleSize): Places {
  return Array.from({ length: houses * attributes }, () => Array.from({ length: houses }, (_, i) => i + 1));
}

export function withLists(places: Places, things: readonly number[], lists: Places): Places {
  return places.map((list, thing) => lists[things.indexOf(thing)] ?? list);
}

/**
 * The clues one after the other, over and over, as long as one of them strikes something; behind each the ways to exclude in
 * the kinds that it has changed. Undefined where this does not solve the puzzle. Where it does, there is no other solution,
 * since a rule strikes nothing that could be.
 */
export function solvedBy(clues: readonly Clue[], size: PuzzleSize): Rule[] | undefined {
  const { houses, attributes } = size;
  const rules: Rule[] = [];
  const places: number[] = Array(houses * attributes).fill(2 ** houses - 1);
  const strikes = (rule: Rule): boolean => {
    const things = thingsOf(rule, size);
    const left = strike(
      things.map((thing) => places[thing]!),
      rule,
      things,
    );
    const hasStruck = left.some((list, i) => list !== places[things[i]!]);
    for (const [i, thing] of things.entries()) places[thing] = left[i]!;
    if (hasStruck) rules.push(rule);
    return hasStruck;
  };
  const kinds = Array.from({ length: attributes }, (_, attribute) => {
    const things = thingsOfKind(attribute, houses);
    const ways: Rule[] = [
      ...things.map((thing) => ({ type: 'taken', thing }) as const),
      ...things.map((_, i) => ({ type: 'only', attribute, house: i + 1 }) as const),
    ];
    return { things, ways };
  });
  /** Whether one of the ways strikes something: found at once, since most often none does. */
  const canExclude = (things: readonly number[]): boolean => {
    let [once, twice, known] = [0, 0, 0];
    for (const thing of things) {
      const list = places[thing]!;
      twice |= once & list;
      once |= list;
      if (isSingle(list)) known |= list;
    }
    return things.some((thing) => !isSingle(places[thing]!) && (places[thing]! & (known | (once & ~twice))) !== 0);
  };
  for (let before = -1; before < rules.length; ) {
    before = rules.length;
    for (const clue of clues) {
      if (!strikes(clue)) continue;
      for (const thing of thingsOf(clue, size)) {
        const { things, ways } = kinds[Math.floor(thing / houses)]!;
        while (canExclude(things)) ways.forEach(strikes);
      }
    }
  }
  return places.every(isSingle) ? rules : undefined;
}

/**
 * Whether the lists say of each thing where it is, and that is right: no two things of a kind in one house, and every clue
 * true. It shares nothing with the steps.
 */
export function isSolution(places: Places, { clues, houses }: Pick<Puzzle, 'clues' | 'houses'>): boolean {
  if (!places.every((list) => list.length === 1)) return false;
  const houseOf = places.map(([house]) => house!);
  const taken = new Set(houseOf.map((house, thing) => `${Math.floor(thing / houses)} ${house}`));
  return taken.size === places.length && clues.every((clue) => isTrue(clue, houseOf));
}

/**
 * A puzzle that the rules alone solve: clues that are true of a solution drawn by chance, as many as it takes, without each that
 * the others make needless. So its solution is the only one, and no step has to guess.
 */
export function createPuzzle(size: PuzzleSize, seed: number): Puzzle {
  const { houses, attributes } = size;
  const random = createRandom(mix(seed, 0x2eb4a, houses, attributes));
  const kinds = shuffled(Object.keys(NAMES), random).slice(0, attributes);
  const names = kinds.flatMap((kind) => shuffled(NAMES[kind]!.split(' '), random).slice(0, houses));
  const houseOf = kinds.flatMap(() =>
    shuffled(
      Array.from({ length: houses }, (_, i) => i + 1),
      random,
    ),
  );
  const drawn = new Map<string, Clue>();
  let rules: Rule[] | undefined;
  while (rules === undefined) {
    // Several clues are added at once: most of them are found needless afterwards.
    for (let i = 0; i < names.length; i++) {
      const clue = drawClue(houseOf, houses, random);
      drawn.set(JSON.stringify(clue), clue);
    }
    rules = solvedBy([...drawn.values()], size);
  }
  let clues = [...drawn.values()].filter((clue) => rules.includes(clue));
  // The clue that says most by itself is left out first, if it can be.
  const isPlain = ({ type }: Clue) => type === 'found-at';
  const shuffledClues = shuffled(clues, random);
  for (const clue of [...shuffledClues.filter(isPlain), ...shuffledClues.filter((other) => !isPlain(other))]) {
    const others = clues.filter((other) => other !== clue);
    if (solvedBy(others, size) !== undefined) clues = others;
  }
  clues = shuffled(clues, random);
  return { ...size, kinds, names, clues, rules: solvedBy(clues, size)! };
}

/** One that is true, all types alike; of two things the earlier one first. */
function drawClue(houseOf: readonly number[], houses: number, random: Random): Clue {
  for (;;) {
    const type = pick(['found-at', 'not-at', ...RELATIONS] as const, random);
    const things = [pick([...houseOf.keys()], random), pick([...houseOf.keys()], random)];
    const [thing, other] = [Math.min(...things), Math.max(...things)];
    const house = 1 + Math.floor(random() * houses);
    const clue: Clue = type === 'found-at' || type === 'not-at' ? { type, thing, house } : { type, thing, other };
    if (thing !== other && isTrue(clue, houseOf)) return clue;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  person: 'anna ben clara david emma felix gina hugo',
  colour: 'red blue green white yellow black brown purple',
  pet: 'cat dog fish horse parrot rabbit snake turtle',
  drink: 'tea milk coffee water juice beer wine cocoa',
  job: 'doctor teacher baker painter farmer lawyer singer pilot',
  instrument: 'piano violin guitar flute drum harp trumpet cello',
  sport: 'tennis golf football hockey rowing sailing boxing judo',
  fruit: 'apple banana cherry grape lemon mango peach plum',
};
export const MAX_HOUSES = 8;
export const MAX_ATTRIBUTES = Object.keys(NAMES).length;
