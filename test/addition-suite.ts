import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyProcess, Form } from '../src/core/process.ts';
import { RedFlag, readReply } from '../src/core/red-flags.ts';
import { parseInput } from '../src/core/schema.ts';
import { type AddAction, type AddInput, type AddState, isRightSum } from '../src/processes/benchmarks/add.ts';
import { assertRefused } from './benchmark-suite.ts';
import * as fc from './properties.ts';

const numerals = fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }).map((digits) => digits.join(''));
/** Two numbers. */
export const inputs = fc.record({ a: numerals, b: numerals });

export function walk<State extends AddState>(
  process: { apply: (state: State, action: never) => State; isDone: (state: State) => boolean },
  start: State,
  decide: (state: State, step: number) => unknown,
): { end: State; steps: number } {
  let state = start;
  let steps = 0;
  while (!process.isDone(state)) state = process.apply(state, decide(state, steps++) as never);
  return { end: state, steps };
}

// biome-ignore lint/suspicious/noExplicitAny: both additions
export function readAs(process: AnyProcess, form: Form<any, any>, text: string, state: unknown) {
  return readReply(text, {
    parse: (reply) => form.parse(reply, state),
    check: (action) => process.check?.(action, state),
    key: process.key,
  });
}

/** What each way to add must prove. @param states all that a step can be in */
export function proveAddition(process: AnyProcess, states: readonly AddState[]): void {
  test('the reference adds, in as many steps as predicted', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { end, steps } = walk(process, process.start(input), process.reference!);
        assert.equal(BigInt(end.sum), BigInt(input.a) + BigInt(input.b));
        assert.equal(isRightSum(end), true);
        assert.equal(steps, process.steps!(input));
      }),
    );
  });

  test('100,000 digits', () => {
    const input: AddInput = { digits: 100_000, seed: 3 };
    const { end, steps } = walk(process, process.start(input), process.reference!);
    assert.ok(isRightSum(end));
    assert.equal(end.a.length, 100_000);
    assert.equal(steps, process.steps!(input));
  });

  test('one mistake makes its own difference to the sum, in its place', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(), (input, at, which) => {
        const steps = process.steps!(input);
        if (steps === 0) return;
        let difference = 0n;
        const { end } = walk<AddState>(process, process.start(input), (state, step) => {
          const right = process.reference!(state);
          if (step !== at % steps) return right;
          const mistakes = process.simulation!.mistakes!(state);
          const wrong = mistakes[which % mistakes.length];
          difference = BigInt(totalOf(wrong) - totalOf(right)) * 10n ** BigInt(state.column);
          return wrong;
        });
        assert.notEqual(difference, 0n);
        assert.equal(BigInt(end.sum) - BigInt(input.a) - BigInt(input.b), difference);
        assert.equal(isRightSum(end), false);
      }),
    );
  });

  test('replies are read back; the right action and every mistake pass the check, and are different', () => {
    for (const state of states) {
      const actions = [process.reference!(state), ...process.simulation!.mistakes!(state)];
      assert.ok(actions.length >= 2, JSON.stringify(state));
      assert.equal(new Set(actions.map(process.key)).size, actions.length);
      for (const action of actions) {
        for (const form of process.forms) {
          const verdict = readAs(process, form, form.reply!(action, state), state);
          assert.ok(!(verdict instanceof RedFlag), `${form.name}: ${JSON.stringify([state, action, verdict])}`);
          assert.deepEqual(verdict.action, action);
        }
      }
    }
  });

  test('input: numerals, or their length and a seed', async () => {
    const given = await parseInput(process, { a: '007', b: '95' });
    assert.deepEqual(given, { a: '007', b: '95' });
    const drawn = process.start(await parseInput(process, { digits: 40 }));
    assert.match(drawn.a, /^[1-9]\d{39}$/);
    assert.match(drawn.b, /^[1-9]\d{39}$/);
    assert.notEqual(drawn.a, drawn.b);
    assert.deepEqual(process.start({ digits: 40, seed: 1 }), drawn);
    assert.notEqual(process.start({ digits: 40, seed: 2 }).a, drawn.a);
    const refused = [
      {},
      { a: '1' },
      { a: '', b: '1' },
      { a: '1', b: '-1' },
      { a: '1', b: '1.5' },
      { a: '1', b: '٣' },
      { a: 1, b: 2 },
      { a: '1', b: '1', digits: 3 },
      { digits: 0 },
      { digits: 1.5 },
      { digits: 3, seed: -1 },
      { a: '1'.repeat(100_001), b: '1' },
      'a',
      null,
    ];
    await assertRefused(
      process,
      refused,
      /expected (two numbers .* or \{"digits": 300|1 to 100000 decimal digits)|digits: |seed: /,
    );
  });
}

function totalOf(action: AddAction | number): number {
  return typeof action === 'number' ? action : 10 * action.carry + action.digit;
}
