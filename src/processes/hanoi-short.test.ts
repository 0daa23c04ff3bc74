// The notation that the network in the package was trained on (training/towers.py). These tests prove: prompts and answers are
// that notation, to the letter; a form has other letters in the same order, and other pegs; any number of forms can be made, and another seed
// makes others; the check has the rules of the game alone. What all processes have in common is proven by process-conformance.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { RedFlag } from '../core/red-flags.ts';
import { hanoiShort } from './hanoi-short.ts';
import { type HanoiState, legalMoves, type Move } from './hanoi-state.ts';

const process = hanoiShort();
const userOf = (state: HanoiState, form = 0, of = process) => of.forms[form]!.prompt(state).user as string;

/** The first states of a tower on its optimal path. */
function states(disks: number, steps: number): HanoiState[] {
  const found = [process.start({ disks })];
  for (let step = 0; step < steps; step++) {
    const state = found.at(-1)!;
    found.push(process.apply(state, process.reference!(state), undefined));
  }
  return found;
}

test('the notation of a tower of four disks', () => {
  const path = states(4, 3);
  assert.deepEqual(
    path.map((state) => userOf(state)),
    ['e0dcba|1|2|012|-00>', 'e0dcb|1a|2|012|a01>', 'e0dc|1a|2b|012|b02>', 'e0dc|1|2ba|012|a12>'],
  );
  assert.deepEqual(
    path.map((state) => process.forms[0]!.reply!(process.reference!(state), state)),
    ['a01.', 'b02.', 'a12.', 'c01.'],
  );
  assert.match(userOf(states(5, 0)[0]!), /^o0edcba\|1\|2\|/);
});

test('a form has letters in the order of the sizes, and says the same', () => {
  const many = hanoiShort({ forms: 40 });
  assert.equal(new Set(many.forms.map(({ name }) => name)).size, 40);
  const property = fc.property(fc.integer({ min: 1, max: 26 }), fc.nat(30), fc.nat(39), (disks, steps, form) => {
    const state = states(disks, Math.min(steps, 2 ** disks - 2)).at(-1)!;
    const [, ...stacks] = /^[eo]0([a-z]*)\|1([a-z]*)\|2([a-z]*)\|/.exec(userOf(state, form, many))!;
    const letters = stacks.join('');
    assert.equal(new Set(letters).size, disks);
    for (const stack of stacks) assert.equal(stack, [...stack].sort().reverse().join(''));
    assert.deepEqual(stacks.map(({ length }) => length).sort(), state.pegs.map(({ length }) => length).sort());
    for (const move of legalMoves(state)) {
      const { parse, reply } = many.forms[form]!;
      assert.deepEqual(parse(reply!(move, state), state), move);
    }
  });
  fc.assert(property);
});

test('another seed makes other forms, the same seed the same', () => {
  const [state] = states(20, 0);
  const prompts = (seed: number) => hanoiShort({ seed }).forms.map(({ prompt }) => prompt(state!).user);
  assert.deepEqual(prompts(3), prompts(3));
  assert.notDeepEqual(prompts(3), prompts(4));
  assert.equal(prompts(3)[0], prompts(4)[0], 'the first form is the plain one');
});

test('what is no move is flagged, and what the rules forbid', () => {
  const [, state] = states(3, 1);
  const { parse } = process.forms[0]!;
  for (const text of ['', 'a01', 'a01.\n', 'A01.', 'a03.', 'd01.', 'a01.b02.']) {
    assert.throws(
      () => parse(text, state!),
      (thrown) => thrown instanceof RedFlag && thrown.code === 'malformed',
      text,
    );
  }
  const illegal: Move[] = [
    [1, 0, 2],
    [2, 0, 2],
    [1, 2, 2],
    [3, 0, 1],
  ];
  for (const move of illegal) assert.equal(process.check!(move, state!)?.code, 'illegal', String(move));
  for (const move of legalMoves(state!)) assert.equal(process.check!(move, state!), undefined);
});
