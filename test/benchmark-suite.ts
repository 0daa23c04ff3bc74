import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../src/core/errors.ts';
import { type AnyProcess, type Form, inSubtasks } from '../src/core/process.ts';
import { RedFlag, readReply, type Valid } from '../src/core/red-flags.ts';
import { parseInput } from '../src/core/schema.ts';
import * as fc from './properties.ts';

/** What every benchmark with an exact checker must prove, on inputs of all kinds. Beside it stands process-conformance.test.ts. */
export function proveBenchmark(benchmark: {
  readonly process: AnyProcess;
  readonly inputs: fc.Arbitrary<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: as in AnyProcess
  readonly isRight: (state: any) => boolean;
  /** Where a mistake makes the end wrong, whatever follows. Everywhere by default. */
  // biome-ignore lint/suspicious/noExplicitAny: as in AnyProcess
  readonly isFatal?: (state: any) => boolean;
}): void {
  const { process, inputs, isRight, isFatal = () => true } = benchmark;

  test('the reference ends in a state that the checker finds right, after as many steps as predicted', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { states, end } = walk(process, input);
        assert.equal(isRight(end), true, JSON.stringify(end));
        assert.equal(states.length, process.steps!(input));
      }),
    );
  });

  test('one mistake, and what is right after it, ends in a state that the checker finds wrong', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(), (input, at, which) => {
        const fatal = walk(process, input).states.filter(isFatal);
        const wrongAt = fatal[at % fatal.length];
        const { end } = walk(process, input, (state) => {
          if (state !== wrongAt && JSON.stringify(state) !== JSON.stringify(wrongAt)) return undefined;
          const mistakes = process.simulation!.mistakes!(state);
          return mistakes[which % mistakes.length];
        });
        assert.equal(isRight(end), false, JSON.stringify(end));
      }),
    );
  });

  test('after any mistakes each form reads what it writes; what is right and what is wrong pass, and are different', () => {
    fc.assert(
      fc.property(inputs, fc.infiniteStream(fc.nat(11)), (input, choices) => {
        const { states } = walk(process, input, (state) => {
          const mistakes = process.simulation!.mistakes!(state);
          return mistakes[choices.next().value! % (mistakes.length + 4)];
        });
        for (const state of states.slice(-40)) {
          const actions = [process.reference!(state), ...process.simulation!.mistakes!(state)];
          assert.ok(actions.length >= 2, `nothing can go wrong in ${JSON.stringify(state)}`);
          assert.equal(new Set(actions.map(process.key)).size, actions.length);
          for (const form of process.forms) {
            for (const action of actions) {
              const verdict = readWith(process, form.reply!(action, state), state, form);
              assert.ok(!(verdict instanceof RedFlag), `${form.name}: ${JSON.stringify([state, action, verdict])}`);
              assert.deepEqual(verdict.action, action);
            }
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test('several steps a sample, and all of them in one, end in the same state', () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: 2, max: 9 }), (input, size) => {
        const { end } = walk(process, input);
        const all = process.steps!(input);
        for (const steps of [size, Math.max(2, all), all + 3]) {
          const larger = inSubtasks(process, steps);
          const by = walk(larger, input, (state) => {
            const verdict = readWith(larger, larger.reply!(larger.reference!(state), state), state);
            assert.ok(!(verdict instanceof RedFlag), JSON.stringify(verdict));
            return verdict.action;
          });
          assert.deepEqual(by.end, end);
          assert.equal(by.states.length, larger.steps!(input));
          if (steps >= all) assert.equal(by.states.length, Math.min(all, 1), 'one call');
        }
      }),
      { numRuns: 30 },
    );
  });
}

/** From the start to the end: as `decide` says, or else as the reference does. */
export function walk<State>(
  process: AnyProcess,
  input: unknown,
  decide: (state: State) => unknown = () => undefined,
): { states: State[]; end: State } {
  const states: State[] = [];
  let state: State = process.start(input);
  while (!process.isDone(state)) {
    states.push(state);
    state = process.apply(state, decide(state) ?? process.reference!(state));
  }
  return { states, end: state };
}

export function readWith(
  process: AnyProcess,
  text: string,
  state: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: as in AnyProcess
  form: Form<any, any> = process.forms[0]!,
): Valid<unknown> | RedFlag {
  return readReply(text, {
    parse: (reply) => form.parse(reply, state),
    check: (action) => process.check?.(action, state),
    key: process.key,
  });
}

/** That each of these texts is a red flag with this code. */
export function assertFlagged(
  process: AnyProcess,
  texts: readonly string[],
  // biome-ignore lint/suspicious/noExplicitAny: as in AnyProcess
  expected: { readonly state: unknown; readonly code: RedFlag['code']; readonly form?: Form<any, any> },
): void {
  for (const text of texts) {
    const verdict = readWith(process, text, expected.state, expected.form);
    assert.ok(verdict instanceof RedFlag, `accepted: ${text.slice(0, 200)}`);
    assert.equal(verdict.code, expected.code, `${text.slice(0, 200)}: ${verdict.detail}`);
  }
}

/** That none of these inputs fits, each refused with such a message. */
export async function assertRefused(process: AnyProcess, inputs: readonly unknown[], message: RegExp): Promise<void> {
  for (const input of inputs) {
    await assert.rejects(
      parseInput(process, input),
      (thrown) => thrown instanceof UsageError && message.test(thrown.message),
      JSON.stringify(input),
    );
  }
}
