// These tests are about Einstein's puzzles. They prove:
//  1. Following the reference solves the puzzle, in as many steps as predicted, each of which strikes something.
//  2. A search that shares nothing with the rules finds that solution and no other; without any one of its clues the rules do
//     not solve the puzzle. The checker accepts the solution alone.
//  3. Each rule strikes exactly what it should: with any lists, compared with all ways of putting the things into houses.
//  4. Each form's prompt is enough: rule and lists read back from it, by what its words say, give the reference's answer.
//  5. After any decisions the next step can be asked, answered and gone wrong at; a solution that was struck is never found
//     again, and a list of which nothing is left ends the run.
//  6. The check lets no list grow; any other shape of reply is a red flag.
//  7. The puzzle is a function of size and seed, with clues of all types.
//  8. Several steps a sample, all of them too, are the same steps to the same end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { RedFlag, type RedFlagCode } from '../../core/red-flags.ts';
import { parseInput } from '../../core/schema.ts';
import { isZebraSolved, type ZebraInput, type ZebraState, zebra } from './zebra.ts';
import {
  allPlaces,
  appliedTo,
  type Clue,
  createPuzzle,
  isSolution,
  type Puzzle,
  type Rule,
  solvedBy,
} from './zebra-puzzle.ts';

const PROCESS = zebra();
const ANY: AnyProcess = PROCESS;

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const inputs: fc.Arbitrary<ZebraInput> = fc.record({
  houses: fc.integer({ min: 2, max: 5 }),
  attributes: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(9),
});

const puzzles = new Map<string, Puzzle>();
function puzzleOf({ houses, attributes, seed }: ZebraInput): Puzzle {
  const name = [houses, attributes, seed].join();
  const puzzle = puzzles.get(name) ?? createPuzzle({ houses, attributes }, seed);
  puzzles.set(name, puzzle);
  return puzzle;
}

/** States that right and wrong decisions lead to. */
const anyStates = fc.tuple(inputs, fc.array(fc.nat(9), { maxLength: 60 })).map(([input, choices]) => {
  let state = PROCESS.start(input);
  for (const choice of choices) {
    const right = PROCESS.reference!(state);
    const actions = [right, right, right, ...PROCESS.simulation!.mistakes!(state)];
    const next = PROCESS.apply(state, actions[choice % actions.length]!);
    if (PROCESS.isDone(next)) break;
    state = next;
  }
  return state;
});

/** The meaning of each clue follows from its words, not from how the process computes it. */
const MEANS: Readonly<Record<Clue['type'], (house: number, other: number) => boolean>> = {
  'found-at': (house, given) => house === given,
  'not-at': (house, given) => house !== given,
  'same-house': (house, other) => house === other,
  beside: (house, other) => house - other === 1 || other - house === 1,
  'left-of': (house, other) => house < other,
  'right-of': (house, other) => house > other,
  'one-between': (house, other) => house - other === 2 || other - house === 2,
  'two-between': (house, other) => house - other === 3 || other - house === 3,
};

function holds(clue: Clue, houseOf: readonly (number | undefined)[]): boolean {
  const house = houseOf[clue.thing];
  const other = 'other' in clue ? houseOf[clue.other] : clue.house;
  return house === undefined || other === undefined || MEANS[clue.type](house, other);
}

function permutations(of: readonly number[]): number[][] {
  if (of.length === 0) return [[]];
  return of.flatMap((first) => permutations(of.filter((one) => one !== first)).map((others) => [first, ...others]));
}

/** All solutions, one kind of things after the other; each clue is looked at once its things have houses. */
function solutions({ houses, attributes }: ZebraInput, clues: readonly Clue[]): number[][] {
  const orders = permutations(Array.from({ length: houses }, (_, i) => i + 1));
  let found: number[][] = [[]];
  for (let attribute = 0; attribute < attributes; attribute++) {
    found = found.flatMap((before) =>
      orders.map((order) => [...before, ...order]).filter((houseOf) => clues.every((clue) => holds(clue, houseOf))),
    );
  }
  return found;
}

describe('the benchmark', () => {
  proveBenchmark({
    process: ANY,
    inputs: fc.record({
      houses: fc.integer({ min: 2, max: 4 }),
      attributes: fc.integer({ min: 1, max: 2 }),
      seed: fc.nat(9),
    }),
    isRight: isZebraSolved,
    // What a step before strikes too few may be made up for.
    isFatal: (state: ZebraState) => state.step === PROCESS.steps!(state) - 1,
  });
});

describe('the puzzle', () => {
  test('is solved by following the reference; each step strikes something', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { states, end } = walk<ZebraState>(ANY, input);
        assert.equal(states.length, PROCESS.steps!(input));
        assert.equal(isZebraSolved(end), true);
        for (const [i, state] of states.entries()) {
          const left = states[i + 1] ?? end;
          const houses = ({ places }: ZebraState) => places.flat().length;
          assert.ok(houses(left) < houses(state));
          assert.equal(isZebraSolved(state), false);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('has no other solution, and no clue that is needless', () => {
    const sizes = [
      { houses: 2, attributes: 4 },
      { houses: 3, attributes: 3 },
      { houses: 4, attributes: 3 },
      { houses: 5, attributes: 2 },
    ];
    for (const size of sizes) {
      for (let seed = 0; seed < 6; seed++) {
        const input = { ...size, seed };
        const { clues } = puzzleOf(input);
        const { end } = walk<ZebraState>(ANY, input);
        assert.deepEqual(solutions(input, clues), [end.places.flat()]);
        for (const clue of clues)
          assert.equal(
            solvedBy(
              clues.filter((other) => other !== clue),
              size,
            ),
            undefined,
          );
      }
    }
  });

  test('of 8 houses and 8 kinds of things is solved too', () => {
    const { states, end } = walk<ZebraState>(ANY, { houses: 8, attributes: 8, seed: 4 });
    assert.ok(states.length > 100);
    assert.equal(isZebraSolved(end), true);
  });

  test('the checker accepts nothing but the solution', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(), (input, a, b) => {
        const { end } = walk<ZebraState>(ANY, input);
        const puzzle = puzzleOf(input);
        const kind = Math.floor((a % end.places.length) / input.houses) * input.houses;
        const [one, two] = [kind + (a % input.houses), kind + ((a + 1 + (b % (input.houses - 1))) % input.houses)];
        const exchanged = end.places.with(one, end.places[two]!).with(two, end.places[one]!);
        for (const places of [
          exchanged,
          end.places.with(one, end.places[two]!),
          end.places.with(one, []),
          end.places.with(one, [1, 2]),
        ]) {
          assert.equal(isSolution(places, puzzle), false);
        }
        assert.equal(isSolution(end.places, puzzle), true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a rule', () => {
  const houses = 6;
  const lists = fc.subarray([1, 2, 3, 4, 5, 6], { minLength: 1 });
  const types = Object.keys(MEANS) as Clue['type'][];

  test('about one or two things leaves each house that some house of the other goes with', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.tuple(lists, lists),
        fc.integer({ min: 1, max: houses }),
        (type, places, house) => {
          const isUnary = type === 'found-at' || type === 'not-at';
          const clue = (isUnary ? { type, thing: 0, house } : { type, thing: 0, other: 1 }) as Clue;
          const [list, other] = places;
          const goes = (one: number, two: number) => MEANS[type](one, two);
          const expected = isUnary
            ? [list.filter((place) => goes(place, house))]
            : [
                list.filter((place) => other.some((partner) => goes(place, partner))),
                other.filter((partner) => list.some((place) => goes(place, partner))),
              ];
          assert.deepEqual(appliedTo(places, clue, { houses }), expected);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('about a kind takes a known house from the others, and leaves a thing where it alone can be', () => {
    fc.assert(
      fc.property(fc.array(lists, { minLength: houses, maxLength: houses }), fc.nat(5), (places, which) => {
        const taken = appliedTo(places, { type: 'taken', thing: which }, { houses });
        const isKnown = places[which]!.length === 1;
        for (const [thing, list] of places.entries()) {
          const expected = isKnown && thing !== which ? list.filter((house) => house !== places[which]![0]) : list;
          assert.deepEqual(taken[thing], expected);
        }
        const house = which + 1;
        const only = appliedTo(places, { type: 'only', attribute: 0, house }, { houses });
        const candidates = places.filter((list) => list.includes(house));
        for (const [thing, list] of places.entries()) {
          assert.deepEqual(only[thing], candidates.length === 1 && candidates[0] === list ? [house] : list);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('about other things leaves theirs alone', () => {
    const places = allPlaces({ houses: 3, attributes: 2 });
    assert.deepEqual(appliedTo(places, { type: 'left-of', thing: 1, other: 4 }, { houses: 3 }), [
      [1, 2],
      [2, 3],
    ]);
    assert.deepEqual(appliedTo(places, { type: 'found-at', thing: 5, house: 2 }, { houses: 3 }), [[2]]);
    assert.deepEqual(appliedTo(places.with(4, [3]), { type: 'taken', thing: 4 }, { houses: 3 }), [[1, 2], [3], [1, 2]]);
  });
});

describe('after any decisions', () => {
  test('what was struck is never found again', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(), (input, at, which) => {
        const { states, end } = walk<ZebraState>(ANY, input);
        const start = states[at % states.length]!;
        const mistakes = PROCESS.simulation!.mistakes!(start);
        let state = PROCESS.apply(start, mistakes[which % mistakes.length]!);
        const isLost = state.places.some((list, thing) => !list.includes(end.places[thing]![0]!));
        while (!PROCESS.isDone(state)) {
          const action = PROCESS.reference!(state);
          assert.equal(PROCESS.check!(action, state), undefined);
          state = PROCESS.apply(state, action);
        }
        if (isLost) assert.equal(isZebraSolved(state), false);
        // What a step struck too few may be made up for later; nothing else can come out.
        assert.ok(!isZebraSolved(state) || PROCESS.key(state.places) === PROCESS.key(end.places));
      }),
      { numRuns: 100 },
    );
  });

  test('a list of which nothing is left ends the run', () => {
    const { states } = walk<ZebraState>(ANY, { houses: 3, attributes: 2, seed: 1 });
    const state = states[1]!;
    assert.equal(PROCESS.isDone(state), false);
    assert.equal(PROCESS.isDone({ ...state, places: state.places.with(4, []) }), true);
  });
});

/** Rules by their words; names are looked up afterwards. `$` is a name or a kind, `#` a house. */
const RULE_TEXTS: readonly [pattern: string, type: Rule['type']][] = [
  ['$ is in house #.', 'found-at'],
  ['$ is not in house #.', 'not-at'],
  ['$ and $ are in the same house.', 'same-house'],
  ['$ and $ are in houses next to each other.', 'beside'],
  ['$ is somewhere to the left of $.', 'left-of'],
  ['$ is somewhere to the right of $.', 'right-of'],
  ['There is exactly one house between $ and $.', 'one-between'],
  ['There are exactly two houses between $ and $.', 'two-between'],
  ['If $ has one house left, no other $ is in that house.', 'taken'],
  ['If house # is in one list only, that $ is in no other house.', 'only'],
  ['house # has $', 'found-at'],
  ['house # has no $', 'not-at'],
  ['$ and $ share a house', 'same-house'],
  ['$ is next door to $', 'beside'],
  ['$ is further right than $, by one house or more', 'right-of'],
  ['$ is further left than $, by one house or more', 'left-of'],
  ['from $ to $ it is two houses on, in one direction or the other', 'one-between'],
  ['from $ to $ it is three houses on, in one direction or the other', 'two-between'],
  ['should one house be left for $, then no other $ is there', 'taken'],
  ['should house # be left for one $ alone, then that $ is there', 'only'],
];

/** What the words ask for, with the lists that stand with them. */
function answerTo(text: string, houses: number, lists: ReadonlyMap<string, readonly number[]>): number[][] {
  const meant = RULE_TEXTS.flatMap(([pattern, type]) => {
    const source = pattern.replaceAll('.', '\\.').replaceAll('$', '([a-z]+)').replaceAll('#', '([1-8A-H])');
    const found = new RegExp(`^${source}$`).exec(text);
    return found === null ? [] : [{ type, words: found.slice(1) }];
  });
  assert.equal(meant.length, 1, text);
  const [{ type, words }] = meant as [{ type: Rule['type']; words: string[] }];
  const given = words.find((word) => /^[1-8A-H]$/.test(word)) ?? '';
  const house = /[A-H]/.test(given) ? given.charCodeAt(0) - 64 : Number(given);
  const names = words.filter((word) => lists.has(word));
  const row = Array.from({ length: houses }, (_, i) => i + 1);
  return [...lists].map(([name, list]) => {
    switch (type) {
      case 'found-at':
      case 'not-at':
        assert.deepEqual(names, [name]);
        return list.filter((place) => (place === house) === (type === 'found-at'));
      case 'taken': {
        const known = lists.get(names[0]!)!;
        return list.filter((place) => name === names[0] || known.length > 1 || place !== known[0]);
      }
      case 'only': {
        const having = [...lists.values()].filter((other) => other.includes(house));
        return having.length === 1 && having[0] === list ? [house] : [...list];
      }
      default: {
        assert.equal(names.length, 2);
        const partner = lists.get(names.find((other) => other !== name)!)!;
        const isFirst = name === names[0];
        const goes = (place: number, with_: number) =>
          isFirst ? MEANS[type](place, with_) : MEANS[type](with_, place);
        return row.filter((place) => list.includes(place) && partner.some((with_) => goes(place, with_)));
      }
    }
  });
}

describe('the prompt', () => {
  const readers: Record<string, (user: string) => { place: number; rule: string; lists: Map<string, number[]> }> = {
    main: (user) => {
      const [first, ...lines] = user.split('\n');
      const [, place, rule] = /^Step (\d+)\. (.*)$/.exec(first!)!;
      const lists = lines.map((line): [string, number[]] => {
        const [name, houses] = line.split(': ');
        return [name!, houses!.split(' ').map(Number)];
      });
      return { place: Number(place), rule: rule!, lists: new Map(lists) };
    },
    struck: (user) => {
      const lines = user.split('\n');
      const [, place, rule] = /^(\d+)\. Known: (.*)$/.exec(lines.pop()!)!;
      const lists = lines.map((line): [string, number[]] => {
        const [name, houses] = line.split(' may be at ');
        return [name!, houses!.split(', ').map((letter) => 'ABCDEFGH'.indexOf(letter) + 1)];
      });
      return { place: Number(place), rule: rule!, lists: new Map(lists.toReversed()) };
    },
    table: (user) => {
      const [first, ...rows] = user.split('\n');
      const [, place, rule] = /^#(\d+) (.*)$/.exec(first!)!;
      const lists = rows.map((row): [string, number[]] => {
        const [name, ...marks] = row.slice(2, -2).split(' | ');
        return [name!, marks.flatMap((mark, i) => (mark === '?' ? [i + 1] : []))];
      });
      return { place: Number(place), rule: rule!, lists: new Map(lists) };
    },
  };

  test('of each form holds rule and lists: they give the answer of the reference', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyStates, (state) => {
        for (const { name, prompt } of PROCESS.forms) {
          const { place, rule, lists } = readers[name]!(textOf(prompt(state).user));
          assert.equal(place, state.step + 1);
          assert.deepEqual(answerTo(rule, state.houses, lists), PROCESS.reference!(state), textOf(prompt(state).user));
          const { type } = puzzleOf(state).rules[state.step]!;
          seen.add(`${name === 'main'} ${type}`);
        }
      }),
      { numRuns: 150 },
    );
    assert.equal(seen.size, 20, [...seen].join(', '));
  });

  test('is short, and its constant part ends in an example that is right', () => {
    const state = PROCESS.start({ houses: 5, attributes: 5, seed: 3 });
    for (const { name, prompt } of PROCESS.forms) {
      const { system = '', user } = prompt(state);
      assert.ok(system.length < 1100 && user.length < 250, `${name}: ${system.length} and ${user.length} characters`);
      const lines = system.split('\n');
      const isList = (line: string | undefined) =>
        /^[^a-z]*(owl|cider)\b(?! in | and )[^.]*$|^\d+\. Known|^(Step |#)90/.test(line ?? '');
      const example = lines.filter(isList);
      const { rule, lists } = readers[name]!(example.slice(0, 3).join('\n'));
      const left = answerTo(rule, 4, lists);
      assert.deepEqual(left, [[1], [2]]);
      const answer = example.slice(3).join('\n');
      const expected: Record<string, string> = {
        main: 'owl: 1\ncider: 2',
        struck: 'cider cannot be at A\nowl cannot be at B, D',
        table: '| owl | ? | x | x | x |\n| cider | x | ? | x | x |',
      };
      assert.equal(answer, expected[name]);
    }
  });
});

/** Its first rule is about two things; lists of its own. */
const TWO = (() => {
  for (let seed = 0; ; seed++) {
    const state = PROCESS.start({ houses: 4, attributes: 2, seed });
    const { rules, names: all } = puzzleOf(state);
    const rule = rules[0]!;
    if (rule.type === 'left-of') {
      const places = state.places.with(rule.thing, [1, 2, 4]).with(rule.other, [1, 2]);
      const names = [rule.thing, rule.other].map((thing) => all[thing]!);
      return { state: { ...state, places }, a: names[0]!, b: names[1]! };
    }
  }
})();

describe('the reply', () => {
  const { state, a, b } = TWO;

  test('may have reasoning before it, and white space around', () => {
    for (const text of [
      `${a}: 1\n${b}: 2`,
      `So ${a} is in 1.\n\n${a}: 1\n${b}: 2\n\n`,
      `${a}: 1\r\n${b}: 2`,
      `${a}: 1 2\n${a}: 1\n${b}: 2`,
    ]) {
      const verdict = readWith(ANY, text, state);
      assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
      assert.equal(verdict.key, '1; 2');
    }
    assert.equal((readWith(ANY, `${a}: none\n${b}: 1 2`, state) as { key: string }).key, 'none; 1 2');
  });

  const refused: Record<string, readonly [text: string, code: RedFlagCode]> = {
    'a list left out': [`${a}: 1`, 'malformed'],
    'lists in another order': [`${b}: 2\n${a}: 1`, 'malformed'],
    'another thing': [`${a}: 1\nowl: 2`, 'malformed'],
    'text behind it': [`${a}: 1\n${b}: 2\nDone.`, 'malformed'],
    commas: [`${a}: 1, 2\n${b}: 2`, 'malformed'],
    'an empty list': [`${a}:\n${b}: 2`, 'malformed'],
    'a house beyond all': [`${a}: 9\n${b}: 2`, 'malformed'],
    'a house that was struck before': [`${a}: 1\n${b}: 2 3`, 'illegal'],
    'a house twice': [`${a}: 1 1\n${b}: 2`, 'illegal'],
    'another order of houses': [`${a}: 2 1\n${b}: 2`, 'illegal'],
  };
  for (const [name, [text, code]] of Object.entries(refused)) {
    test(`refused: ${name}`, () => assertFlagged(ANY, [text], { state, code }));
  }

  test('of the other forms', () => {
    const [, struck, table] = PROCESS.forms;
    const key = (verdict: unknown) => (verdict as { key?: string }).key;
    assert.equal(key(readWith(ANY, `${b} cannot be at A\n${a} cannot be at B, D`, state, struck)), '1; 2');
    assert.equal(key(readWith(ANY, `${b} cannot be at -\n${a} cannot be at A, B, D`, state, struck)), 'none; 1 2');
    for (const [text, code] of [
      [`${a} cannot be at B, D\n${b} cannot be at A`, 'malformed'],
      [`${b} cannot be at A\n${a} cannot be at B D`, 'malformed'],
      [`${b} cannot be at A\n${a} cannot be at `, 'malformed'],
      [`${b} cannot be at C\n${a} cannot be at B, D`, 'illegal'],
      [`${b} cannot be at A, A\n${a} cannot be at B, D`, 'illegal'],
    ] as const) {
      assertFlagged(ANY, [text], { state, code, form: struck });
    }
    const rows = `| ${a} | ? | x | x | x |\n| ${b} | x | ? | x | x |`;
    assert.equal(key(readWith(ANY, `Thus:\n${rows}\n`, state, table)), '1; 2');
    for (const [text, code] of [
      [rows.replace('| ? | x |', '| ? |'), 'malformed'],
      [rows.replace('?', '!'), 'malformed'],
      [rows.replace(/ \|$/, ''), 'malformed'],
      [rows.split('\n')[0]!, 'malformed'],
      [`| ${a} | ? | x | ? | x |\n| ${b} | x | ? | x | x |`, 'illegal'],
    ] as const) {
      assertFlagged(ANY, [text], { state, code, form: table });
    }
  });

  test('a text without end is refused at once', () => {
    for (const endless of [`${a}: 1 `, `${a}: 1\n`, '| x ', '1 2 ', `${b} cannot be at A, `].map((part) =>
      part.repeat(30_000),
    )) {
      for (const form of PROCESS.forms) assert.ok(readWith(ANY, endless, state, form) instanceof RedFlag);
      assert.ok(readWith(inSubtasks(ANY, 3), `Step 1: ${endless}`, state) instanceof RedFlag);
    }
  });
});

describe('the generator', () => {
  test('gives each seed a puzzle of its own, the same again', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const size = { houses: 4, attributes: 3 };
        assert.deepEqual(createPuzzle(size, seed), createPuzzle(size, seed));
        assert.notDeepEqual(createPuzzle(size, seed ^ 1).clues, createPuzzle(size, seed).clues);
        const { names, kinds } = createPuzzle(size, seed);
        assert.equal(new Set(names).size, 12);
        assert.equal(new Set(kinds).size, 3);
      }),
      { numRuns: 20 },
    );
  });

  test('uses clues of all types, what says most by itself least', () => {
    const types = Array.from({ length: 8 }, (_, seed) => createPuzzle({ houses: 5, attributes: 4 }, seed).clues).flat();
    const counts = Object.groupBy(types, ({ type }) => type);
    assert.deepEqual(new Set(Object.keys(counts)), new Set(Object.keys(MEANS)));
    assert.ok(counts['found-at']!.length < types.length / 6);
  });

  test('these are the first steps of seed 1: they stay what they are from version to version', () => {
    const { states } = walk<ZebraState>(ANY, { houses: 5, attributes: 5, seed: 1 });
    assert.deepEqual(
      states.slice(0, 3).map((state) => textOf(PROCESS.prompt(state).user).split('\n')[0]),
      [
        'Step 1. gina is not in house 4.',
        'Step 2. lemon is somewhere to the right of golf.',
        'Step 3. golf is somewhere to the left of red.',
      ],
    );
  });
});

describe('several steps a sample', () => {
  test('the prompt has each rule, and each list that is needed, with its kind', () => {
    const process = inSubtasks(ANY, 4);
    const { states } = walk<ZebraState>(ANY, { houses: 4, attributes: 3, seed: 2 });
    const start = states[3]!;
    const { names, kinds, rules } = puzzleOf(start);
    const lines = textOf(process.prompt(start).user).split('\n');
    assert.deepEqual(
      lines.slice(0, 4),
      [3, 4, 5, 6].map((step) => textOf(PROCESS.prompt({ ...start, step }).user).split('\n')[0]),
    );
    const lists = new Map(
      lines.slice(4).map((line): [string, string] => {
        const [, name, kind, houses] = /^(\w+) \((\w+)\): (.*)$/.exec(line)!;
        assert.equal(kinds[Math.floor(names.indexOf(name!) / 4)], kind);
        return [name!, houses!];
      }),
    );
    const needed = rules.slice(3, 7).flatMap((_, i) =>
      textOf(PROCESS.prompt({ ...start, step: 3 + i }).user)
        .split('\n')
        .slice(1),
    );
    for (const line of needed) assert.equal(lists.get(line.split(': ')[0]!), line.split(': ')[1]);
    assert.equal(lists.size, new Set(needed).size);
  });

  test('a step under another number, another name or one too many is a red flag', () => {
    const process = inSubtasks(ANY, 3);
    const { states } = walk<ZebraState>(ANY, { houses: 4, attributes: 3, seed: 2 });
    const reply = process.reply!(process.reference!(states[0]), states[0]);
    const lines = reply.split('\n');
    assert.equal(lines.length, 3);
    assert.ok(!(readWith(process, `All three:\n${reply}\n`, states[0]) instanceof RedFlag));
    assertFlagged(process, [lines.toReversed().join('\n')], { state: states[0], code: 'malformed' });
    assertFlagged(process, [lines.slice(0, 2).join('\n')], { state: states[0], code: 'illegal' });
    assertFlagged(process, [reply.replace(/: [a-z]+/, ': owl')], { state: states[0], code: 'malformed' });
    assertFlagged(process, [reply.replace(/$/, ', owl 1')], { state: states[0], code: 'malformed' });
    const four = inSubtasks(ANY, 4);
    assertFlagged(process, [four.reply!(four.reference!(states[0]), states[0])], { state: states[0], code: 'illegal' });
    const last = states.at(-1)!;
    const end = process.reply!(process.reference!(last), last);
    assert.ok(!(readWith(process, end, last) instanceof RedFlag));
    assertFlagged(process, [`${end}\nStep ${last.step + 2}: owl 1`], { state: last, code: 'illegal' });
  });

  test('a list of which nothing is left ends a sample too', () => {
    const process = inSubtasks(ANY, 3);
    const state = walk<ZebraState>(ANY, { houses: 3, attributes: 2, seed: 1 }).states[0]!;
    const nothing = PROCESS.reference!(state).map(() => []);
    const text = process.reply!([nothing], state);
    const verdict = readWith(process, text, state);
    assert.ok(!(verdict instanceof RedFlag), JSON.stringify(verdict));
    assert.equal(process.isDone(process.apply(state, verdict.action)), true);
  });
});

describe('the input', () => {
  test('has a default for the seed', async () => {
    assert.deepEqual(await parseInput(ANY, { houses: 5, attributes: 5 }), { houses: 5, attributes: 5, seed: 1 });
  });

  for (const input of [
    {},
    { houses: 1, attributes: 2 },
    { houses: 9, attributes: 2 },
    { houses: 5, attributes: 0 },
    { houses: 5, attributes: 9 },
    { houses: 5, attributes: 2.5 },
    { houses: 5, attributes: 5, seed: -1 },
    { houses: 5, attributes: 5, clues: 3 },
  ]) {
    test(`refused: ${JSON.stringify(input)}`, () => assert.rejects(parseInput(ANY, input), UsageError));
  }
});
