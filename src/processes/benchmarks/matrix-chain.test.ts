// These tests are about the matrix chain. They prove:
//  1. What benchmark-suite.ts says holds modulo all kinds of numbers and without a modulus. A mistake is never made good.
//  2. Dictionary and words are functions of the seed; every matrix has entries from -9 to 9 and an inverse, so that a chain
//     never comes to zero, however long.
//  3. A step starts from the product it was given, right or wrong. The state is small however many turns; without a modulus
//     the numbers grow as said, and stay exact.
//  4. A prompt is enough in each form to answer it, also where the dictionary stands among the rules; its example is right, in
//     every arithmetic, and its words are not in the dictionary.
//  5. The check bounds the entries; the determinant, where it is checked, lets few slips pass, and those that keep it.
//  6. Any other shape of reply is a red flag. Several steps a sample have a line each.
//  7. The input is turns, with a default for all else; anything else is refused with what was expected.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks, type Prompt } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { parseInput } from '../../core/schema.ts';
import {
  createMatrices,
  isRightChain,
  type Matrix,
  type MatrixChainInput,
  type MatrixChainState,
  matrixChain,
} from './matrix-chain.ts';

const PROCESS = matrixChain();
const ANY: AnyProcess = PROCESS;
const INPUT: MatrixChainInput = { turns: 30, seed: 1, modulus: 10, fullDictionary: false, checkDeterminant: false };

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const moduli = fc.oneof(fc.constantFrom(2, 3, 6, 10, 97, 1_000_000, null), fc.integer({ min: 2, max: 1_000_000 }));
const inputs: fc.Arbitrary<MatrixChainInput> = fc.record({
  turns: fc.integer({ min: 1, max: 25 }),
  seed: seeds,
  modulus: moduli,
  fullDictionary: fc.boolean(),
  checkDeterminant: fc.boolean(),
});

/** Multiplies by the definition, row by column. */
function productOf(x: Matrix, y: Matrix, modulus: number | null): Matrix {
  const entry = (row: number, column: number) => {
    const sum = [0, 1].reduce((total, i) => total + BigInt(x[2 * row + i]!) * BigInt(y[2 * i + column]!), 0n);
    if (modulus === null) return String(sum);
    const rest = sum % BigInt(modulus);
    return String(rest < 0n ? rest + BigInt(modulus) : rest);
  };
  return [entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)];
}

function determinant([a, b, c, d]: Matrix): bigint {
  return BigInt(a) * BigInt(d) - BigInt(b) * BigInt(c);
}

describe('matrix-chain', () => {
  proveBenchmark({ process: PROCESS, inputs, isRight: isRightChain });
});

describe('the generator', () => {
  test('a seed gives the same matrices and the same words again, another seed others', () => {
    fc.assert(
      fc.property(seeds, moduli, (seed, modulus) => {
        const dictionary = createMatrices(seed, modulus);
        assert.deepEqual(createMatrices(seed, modulus), dictionary);
        assert.notDeepEqual(createMatrices(seed ^ 1, modulus), dictionary);
        assert.equal(dictionary.size, 100);
        for (const matrix of dictionary.values()) {
          for (const entry of matrix) assert.match(entry, /^(0|-?[1-9])$/);
          // Some power of an inverse there must be: the determinant has no factor of the modulus.
          let [x, y] = [determinant(matrix), BigInt(modulus ?? 0)];
          while (y !== 0n) [x, y] = [y, x % y];
          assert.ok(modulus === null ? x !== 0n : x === 1n || x === -1n, String(matrix));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('these are the first matrices and words of seed 1: they stay what they are from version to version', () => {
    assert.deepEqual([...createMatrices(1, 10)].slice(0, 2), [
      ['about', ['7', '-6', '-3', '-3']],
      ['above', ['1', '-6', '-8', '1']],
    ]);
    const words = walk<MatrixChainState>(ANY, INPUT).states.map((state) => wordIn(textOf(PROCESS.prompt(state).user)));
    assert.deepEqual(words.slice(0, 4), ['laugh', 'candy', 'green', 'board']);
  });

  test('words are drawn uniformly, entries nearly so', () => {
    const uses = new Map<string, number>();
    const state = PROCESS.start({ ...INPUT, turns: 20_000 });
    for (let turn = 0; turn < 20_000; turn++) {
      const word = wordIn(textOf(PROCESS.prompt({ ...state, turn }).user));
      uses.set(word, (uses.get(word) ?? 0) + 1);
    }
    assert.equal(uses.size, 100);
    // 200 +- 14 of each.
    for (const [word, count] of uses) assert.ok(Math.abs(count - 200) < 70, `${word}: ${count}`);
    const entries = Array.from({ length: 100 }, (_, seed) => [...createMatrices(seed, null).values()].flat()).flat();
    const counts = Map.groupBy(entries, Number);
    assert.equal(counts.size, 19);
    // 40,000 entries: 2,105 +- 45 of each; 0 is rarer in matrices that can be inverted.
    for (const [entry, { length }] of counts) assert.ok(Math.abs(length - 2_105) < 350, `${entry}: ${length}`);
  });
});

function wordIn(user: string): string {
  return /^Word: (.*)$/m.exec(user)![1]!;
}

describe('the chain', () => {
  test('never comes to zero, modulo a number or without one', () => {
    for (const modulus of [2, 6, 10, 97, null]) {
      const { states, end } = walk<MatrixChainState>(ANY, { ...INPUT, turns: 1_000, modulus });
      for (const { product } of states) {
        const rest = modulus === null ? determinant(product) : determinant(product) % BigInt(modulus);
        assert.notEqual(rest, 0n);
      }
      assert.equal(isRightChain(end), true);
      // Modulo 10 a state is shorter than 130 characters; without a modulus an entry has less than 1,257 digits.
      const digits = Math.max(...end.product.map((entry) => entry.length));
      if (modulus === null) assert.ok(digits > 700 && digits < 1_257, String(digits));
      else assert.ok(digits <= 2);
    }
  });

  test('of different orders has different ends, and no mistake is made good', () => {
    const { states, end } = walk<MatrixChainState>(ANY, INPUT);
    for (const state of states) {
      for (const mistake of PROCESS.simulation!.mistakes!(state)) {
        let reached = PROCESS.apply(state, mistake);
        while (!PROCESS.isDone(reached)) reached = PROCESS.apply(reached, PROCESS.reference!(reached));
        assert.notDeepEqual(reached.product, end.product);
        assert.equal(isRightChain(reached), false);
      }
    }
  });

  test('the state of a run of a billion turns fits in a line', () => {
    const state = { ...PROCESS.start({ ...INPUT, turns: 1e9, modulus: 1_000_000 }), turn: 999_999_999 };
    assert.ok(JSON.stringify({ ...state, product: PROCESS.reference!(state) }).length < 200);
  });

  test('one process serves several runs at once', () => {
    const states = [INPUT, { ...INPUT, seed: 2 }, { ...INPUT, modulus: null }].map((input) => PROCESS.start(input));
    const prompts = states.map((state) => matrixChain().prompt(state));
    assert.equal(new Set(prompts.map((prompt) => JSON.stringify(prompt))).size, 3);
    for (let i = 0; i < 6; i++) assert.deepEqual(PROCESS.prompt(states[i % 3]!), prompts[i % 3]);
  });
});

describe('the prompt', () => {
  const matrixOf = (text: string) => text.match(/-?\d+/g)!.slice(-4) as unknown as Matrix;
  /** Product, word and matrix, as the form's prompt has them; the dictionary may stand in `system`. */
  const readers: Record<string, (prompt: Prompt) => { product: Matrix; word: string; matrix: Matrix }> = {
    main: ({ system, user }) => {
      const [, product, word] = /^Product so far: (.*)\nWord: (.*)(?:\n|$)/.exec(textOf(user))!;
      const entries = [...`${system}\n${user}`.matchAll(new RegExp(`^${word} = (.*)$`, 'gm'))];
      return { product: matrixOf(product!), word: word!, matrix: matrixOf(entries.at(-1)![1]!) };
    },
    formulas: ({ system, user }) => {
      const [, product, word] = /(?:^|\n)(a=.*)\nwith (.*)$/.exec(textOf(user))!;
      const entries = [...`${system}\n${user}`.matchAll(new RegExp(`^${word}: (e=.*)$`, 'gm'))];
      return { product: matrixOf(product!), word: word!, matrix: matrixOf(entries.at(-1)![1]!) };
    },
    substitution: ({ system, user }) => {
      const [, product, word] = /^(A = .*\nB = .*)\nPut in (\w+)/.exec(textOf(user))!;
      const entries = [...`${system}\n${user}`.matchAll(new RegExp(`${word}: (u = .*)$`, 'gm'))];
      return { product: matrixOf(product!), word: word!, matrix: matrixOf(entries.at(-1)![1]!) };
    },
  };

  test('is enough in each form, with all of the dictionary or what the step needs', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), (input, which) => {
        const { states } = walk<MatrixChainState>(ANY, input);
        const state = states[which % states.length]!;
        for (const { name, prompt } of PROCESS.forms) {
          const shown = prompt(state);
          const { product, matrix } = readers[name]!(shown);
          assert.deepEqual(productOf(product, matrix, input.modulus), PROCESS.reference!(state));
          if (input.modulus !== null) assert.ok(shown.system!.includes(`modulo ${input.modulus} `));
          else assert.ok(!shown.system!.includes('modulo'));
          const entries =
            textOf(shown.user).split('\n').length -
            textOf(prompt({ ...state, fullDictionary: true }).user).split('\n').length;
          assert.equal(entries, input.fullDictionary || name === 'substitution' ? 0 : 1);
        }
      }),
    );
  });

  test('has an example that is right in every arithmetic, with a word that is not in the dictionary', () => {
    const dictionary = createMatrices(1, 10);
    for (const modulus of [2, 5, 10, 1_000, null]) {
      const state = PROCESS.start({ ...INPUT, modulus });
      const examples = {
        main: /Example:\n(.*?)\n1\*/s,
        formulas: /Example:\n(.*?)\np=/s,
        substitution: /example,\n(.*?)\nbecomes/s,
      };
      for (const { name, prompt, parse, reply } of PROCESS.forms) {
        const system = prompt(state).system!;
        const user = examples[name as keyof typeof examples].exec(system)![1]!;
        const { product, word, matrix } = readers[name]!({ user });
        const answer = reply!(productOf(product, matrix, modulus), state);
        assert.ok(system.includes(`\n${answer}\n`), `${answer} in ${system}`);
        assert.deepEqual(parse(answer, state), productOf(product, matrix, modulus));
        assert.ok(!dictionary.has(word), word);
      }
    }
  });

  test('of several steps has the words in their order, and an example that is right', () => {
    const two = inSubtasks(PROCESS, 2);
    const { states } = walk<MatrixChainState>(two, { ...INPUT, turns: 5 });
    const single = walk<MatrixChainState>(ANY, { ...INPUT, turns: 5 }).states.map((state) =>
      wordIn(textOf(PROCESS.prompt(state).user)),
    );
    const shown = states.map((state) => /^Words: (.*)\nProduct so far: /.exec(textOf(two.prompt(state).user))![1]);
    assert.deepEqual(shown, [single.slice(0, 2).join(', '), single.slice(2, 4).join(', '), single[4]]);
    const [, start, piano, llama, first, second] =
      /Words: piano, llama\nProduct so far: (.*)\npiano = (.*)\nllama = (.*)\nThe answer:\npiano: (.*)\nllama: (.*)\n/
        .exec(two.prompt(states[0]).system!)!
        .map((text, i) => (i === 0 ? (['', '', '', ''] as const) : matrixOf(text)));
    assert.deepEqual(first, productOf(start!, piano!, 10));
    assert.deepEqual(second, productOf(first!, llama!, 10));
  });
});

describe('the check', () => {
  test('bounds the entries by the modulus, or by what the product so far can make', () => {
    const state: MatrixChainState = { ...PROCESS.start(INPUT), product: ['1', '2', '0', '9'] };
    const passes = (entry: string, place: number, given = state) =>
      PROCESS.check!(PROCESS.reference!(given).with(place, entry) as unknown as Matrix, given) === undefined;
    for (let place = 0; place < 4; place++) {
      assert.deepEqual(
        ['0', '9', '10', '-1', '9'.repeat(400)].map((entry) => passes(entry, place)),
        [true, true, false, false, false],
      );
      const unbounded: MatrixChainState = { ...state, modulus: null, product: ['1', '-2', '0', '0'] };
      const most = place < 2 ? 27 : 9;
      assert.deepEqual(
        [String(most), String(-most), String(most + 1), String(-most - 1), '9'.repeat(400_000)].map((entry) =>
          passes(entry, place, unbounded),
        ),
        [true, true, false, false, false],
      );
    }
  });

  test('of the determinant lets right answers pass, and of slips in one entry few', () => {
    let [slips, passed] = [0, 0];
    const { states } = walk<MatrixChainState>(ANY, { ...INPUT, turns: 300, modulus: 97, checkDeterminant: true });
    for (const state of states) {
      const right = PROCESS.reference!(state);
      assert.equal(PROCESS.check!(right, state), undefined);
      for (const mistake of PROCESS.simulation!.mistakes!(state)) {
        assert.equal((determinant(mistake) - determinant(right)) % 97n, 0n);
      }
      for (let place = 0; place < 4; place++) {
        for (const other of [1, 10, 50]) {
          slips++;
          const wrong = right.with(place, String((Number(right[place]) + other) % 97)) as unknown as Matrix;
          const flag = PROCESS.check!(wrong, state);
          if (flag === undefined) passed++;
          else assert.equal(flag.code, 'illegal');
        }
      }
    }
    // One opposite entry in 97 is 0.
    assert.ok(passed > 0 && passed / slips < 0.03, `${passed} of ${slips}`);
  });
});

describe('replies', () => {
  const [state] = walk<MatrixChainState>(ANY, INPUT).states.slice(4);

  test('in any other shape are malformed', () => {
    const wrong: readonly (readonly string[])[] = [
      [
        '[[1, 2], [3, 4]]',
        'product = [[1, 2], [3, 4]].',
        'product = [[1, 2], [3]]',
        'product = [[1, 2, 3], [4]]',
        'product = [[1, 2], [3, 4], [5, 6]]',
        'product = [1, 2, 3, 4]',
        'product = [[1,2],[3,4]]',
        'product = [[01, 2], [3, 4]]',
        'product = [[-0, 2], [3, 4]]',
        'product = [[1.0, 2], [3, 4]]',
        'product = [[1, 2], [3, x]]',
        'product = [[1, 2], [3, 4]] mod 10',
        'product = [[1, 2], [3, 4]]\nproduct = [[1, 2], [3, 5]]',
        'product = [[1, 2], [3, 4]]\nThat is all.',
        '',
      ],
      [
        'p=1 q=2 r=3',
        'p=1, q=2, r=3, s=4',
        'p = 1 q = 2 r = 3 s = 4',
        'P=1 q=2 r=3 s=4',
        'p=1 q=2 r=3 s=4 t=5',
        'q=2 p=1 r=3 s=4',
      ],
      [
        'A = 1x + 2y, B = 3x + 4y',
        'A = (1)x + (2)y\nB = (3)x + (4)y',
        'A = (1)u + (2)v, B = (3)u + (4)v',
        'A = (1)x + (2)y',
      ],
    ];
    for (const [i, texts] of wrong.entries()) {
      assertFlagged(ANY, texts, { state, code: 'malformed', form: PROCESS.forms[i]! });
    }
  });

  test('with entries that cannot be are illegal', () => {
    assertFlagged(ANY, ['product = [[1, 2], [3, 10]]', 'product = [[-1, 2], [3, 4]]'], { state, code: 'illegal' });
  });

  test('of several steps: a line each, under its word', () => {
    const two = inSubtasks(PROCESS, 2);
    const right = two.reply!(two.reference!(state), state);
    const [first, second] = right.split('\n') as [string, string];
    assert.equal((readWith(two, `Now:\n${right}\n`, state) as { key: string }).key, two.key(two.reference!(state)));
    const malformed = [
      `${second}\n${first}`,
      `${first}\n\n${second}`,
      `${first}\nNo:\n${right}`,
      right.replaceAll(':', ' ='),
      `${right}\nDone`,
      `${right}\n${second}`,
      `${first.replace(/^\w+/, 'piano')}\n${second}`,
    ];
    assertFlagged(two, malformed, { state, code: 'malformed' });
    const three = inSubtasks(PROCESS, 3);
    const tooMany = three.reply!(three.reference!(state), state);
    assertFlagged(two, [first, tooMany], { state, code: 'illegal' });
  });

  test('that are long cost no more than their length', () => {
    // Quadratic behaviour would take minutes here.
    for (const part of ['product = [[1, 2], [3, 4]]\n', 'product = [[', '9', '[', '-']) {
      for (const modulus of [10, null]) {
        for (const process of [ANY, inSubtasks(PROCESS, 2)]) {
          readWith(process, part.repeat(400_000 / part.length), { ...state, modulus });
          readWith(process, `product = [[${part.repeat(400_000 / part.length)}, 2], [3, 4]]`, { ...state, modulus });
        }
      }
    }
  });
});

test('input: turns, with a default for all else', async () => {
  assert.deepEqual(await parseInput(ANY, { turns: 30 }), INPUT);
  assert.deepEqual(await parseInput(ANY, { turns: 1_000, modulus: null }), { ...INPUT, turns: 1_000, modulus: null });
  const refused = [
    {},
    { turns: 0 },
    { turns: 1.5 },
    { turns: 2e9 },
    { turns: 1, modulus: 1 },
    { turns: 1, modulus: 1_000_001 },
    { turns: 1, modulus: 2.5 },
    { turns: 1_001, modulus: null },
    { turns: 1, seed: -1 },
    { turns: 1, seed: 2 ** 32 },
    { turns: 1, checkdeterminant: true },
    { turns: 1, fullDictionary: 'no' },
    7,
    null,
  ];
  for (const input of refused) await assert.rejects(parseInput(ANY, input), UsageError, JSON.stringify(input));
  await assert.rejects(
    parseInput(ANY, { turns: 1_001, modulus: null }),
    /turns: expected at most 1000 turns without a modulus/,
  );
});
