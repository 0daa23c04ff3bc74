// Proves of every built-in process, with its example input and a few more:
//  1. Start, steps, prompt, reference, mistakes, reply, parse, check, key and apply are pure: frozen arguments survive, the
//     same arguments give the same results, on a second instance too. States and actions are plain JSON.
//  2. `reply` and `parse` are inverse; the reference and every mistake pass the check, under different keys.
//  3. `steps` is the exact number of reference steps until the end.
//  4. Prompts do not depend on what was asked before, and what they have in common is in `system`, so that the prompts a
//     run is recognised by are stable and providers can cache the constant part.
//  5. Voted runs with an unreliable model decide nothing wrongly, with k chosen for them and with k = 8.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run } from '../defaults.ts';
import { memoryJournal } from '../journals/memory.ts';
import { type AnyProcess, parseInput } from '../process.ts';
import { RedFlag, readReply } from '../red-flags.ts';
import { BUILT_IN_PROCESSES, builtInProcess } from './index.ts';

/** Beside the example inputs. A new process is tested without an entry here. */
const FURTHER_INPUTS: Readonly<Record<string, readonly unknown[]>> = {
  hanoi: [{ disks: 1 }, { disks: 2 }, { disks: 7 }],
  'hanoi-flag': [{ disks: 3 }],
  'hanoi-repair': [{ disks: 3 }],
  'dict-sum': [
    { turns: 1 },
    { turns: 50, keysPerTurn: 12, seed: 3 },
    { turns: 50, keysPerTurn: 3, seed: 4, fullDictionary: true },
  ],
};

/** Every state of a run is checked up to this many, then one in a hundred. */
const DENSE_STEPS = 300;
const VOTED_STEPS = 200;

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) frozen(member);
    Object.freeze(value);
  }
  return value;
}

/** A frozen copy as it comes back from a journal. */
function stored<T>(value: T): T {
  const copy = JSON.parse(JSON.stringify(value)) as T;
  assert.deepEqual(copy, value, 'plain JSON');
  assert.deepEqual(structuredClone(value), value);
  return frozen(copy);
}

interface Walk {
  readonly states: readonly unknown[];
  readonly end: unknown;
}

/** The reference's way to the end, every state frozen. */
function walk(process: AnyProcess, input: unknown): Walk {
  const states: unknown[] = [];
  let state: unknown = stored(process.start(input));
  // A process that never ends would fill the memory before a time limit stops it.
  while (!process.isDone(state) && states.length < 100_000) {
    states.push(state);
    state = stored(process.apply(state, frozen(process.reference!(state))));
  }
  return { states, end: state };
}

function sparse<T>(states: readonly T[]): T[] {
  return states.filter((_, i) => i < DENSE_STEPS || i % 100 === 0 || i >= states.length - 10);
}

/** How many characters all of the texts begin with. */
function commonStart(texts: readonly string[]): number {
  const [first = '', ...others] = texts;
  let length = first.length;
  for (const text of others) while (!text.startsWith(first.slice(0, length))) length--;
  return length;
}

test('built-in processes are found by their names, which they bear themselves', () => {
  for (const [name, { about }] of Object.entries(BUILT_IN_PROCESSES)) {
    assert.equal(builtInProcess(name)?.name, name);
    assert.match(about, /^\S.*[^.\s]$/, 'one line for the list of processes');
  }
  for (const name of ['', 'Hanoi', 'constructor', '__proto__']) assert.equal(builtInProcess(name), undefined);
});

for (const [name, { process: create, exampleInput }] of Object.entries(BUILT_IN_PROCESSES)) {
  const process = create();
  const inputs: unknown[] = [];
  for (const input of [exampleInput, ...(FURTHER_INPUTS[name] ?? [])]) {
    inputs.push(frozen(await parseInput(process, frozen(structuredClone(input)))));
  }

  for (const input of inputs) {
    describe(`${name} ${JSON.stringify(input)}`, () => {
      const { states, end } = walk(process, input);

      test('has all that the simulated model needs', () => {
        for (const field of ['reference', 'reply', 'mistakes', 'steps'] as const) {
          assert.equal(typeof process[field], 'function', field);
        }
      });

      test('the input survives being checked again', async () => {
        assert.deepEqual(await parseInput(process, stored(input)), input);
      });

      test('ends after exactly as many steps as foretold', () => {
        assert.equal(process.isDone(end), true);
        assert.equal(states.length, process.steps!(input));
        assert.ok(states.length > 0);
      });

      test('is pure: the same arguments give the same results, on another instance too', () => {
        const other = create();
        assert.deepEqual(other.start(input), process.start(input));
        for (const state of sparse(states)) {
          const reference = frozen(process.reference!(state));
          for (const { prompt, reference: again, mistakes, reply, apply, isDone } of [process, other]) {
            assert.deepEqual(prompt(state), process.prompt(state));
            assert.deepEqual(again!(state), reference);
            assert.deepEqual(mistakes!(state), process.mistakes!(state));
            assert.equal(reply!(reference, state), process.reply!(reference, state));
            assert.deepEqual(apply(state, reference), process.apply(state, reference));
            assert.equal(isDone(state), false);
          }
        }
      });

      test('replies are read back; reference and mistakes pass the check under different keys', () => {
        for (const state of sparse(states)) {
          const actions = [process.reference!(state), ...process.mistakes!(state)];
          assert.ok(actions.length >= 2, 'every step can go wrong');
          for (const action of actions) {
            const text = process.reply!(frozen(action), state);
            const verdict = readReply(text, {
              parse: (reply) => process.parse(reply, state),
              check: (read) => process.check?.(frozen(read), state),
              key: process.key,
            });
            assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
            assert.equal(verdict.key, process.key(action), text);
            assert.deepEqual(verdict.action, stored(action));
          }
          assert.equal(new Set(actions.map(process.key)).size, actions.length, JSON.stringify(actions));
        }
      });

      test('a step after a mistake can be asked and answered', () => {
        for (const state of sparse(states)) {
          for (const mistake of process.mistakes!(state)) {
            const next = stored(process.apply(state, frozen(mistake)));
            if (process.isDone(next)) continue;
            assert.ok(process.prompt(next).user.length > 0);
            assert.equal(process.check?.(process.reference!(next), next), undefined);
          }
        }
      });

      test('prompts are stable, whatever was asked before', () => {
        // The states that a run is recognised by.
        const first = states.slice(0, 3);
        const fresh = create();
        const expected = first.map((state) => fresh.prompt(state));
        for (const state of sparse(states)) process.prompt(state);
        for (const other of inputs) process.prompt(process.start(other));
        const lastFirst = first.toReversed().map((state) => process.prompt(state));
        assert.deepEqual(lastFirst.toReversed(), expected);
      });

      test('what all prompts of a run have in common is in `system`', () => {
        const prompts = states.map((state) => process.prompt(state));
        assert.equal(new Set(prompts.map(({ system }) => system)).size, 1);
        assert.notEqual(prompts[0]!.system ?? '', '');
        if (prompts.length < 2) return;
        const users = prompts.map(({ user }) => user);
        const ends = users.map((user) => [...user].reverse().join(''));
        for (const texts of [users, ends]) assert.ok(commonStart(texts) <= 40, users[0]);
      });

      if (input !== inputs[0]) return;
      for (const k of ['auto', 8] as const) {
        test(`${VOTED_STEPS} voted steps with k = ${k}: none is wrong`, async () => {
          const result = await run(process, input, {
            model: 'simulated:p=0.9,v=0.9,alternatives=3',
            k,
            maxSteps: VOTED_STEPS,
            journal: memoryJournal(),
          });
          const steps = Math.min(VOTED_STEPS, states.length);
          assert.deepEqual([result.steps, result.wrongSteps, result.undecided], [steps, 0, 0], result.reason ?? '');
          assert.equal(result.status, states.length > VOTED_STEPS ? 'paused' : 'done');
          assert.deepEqual(result.state, states[steps] ?? end);
          assert.ok(result.contestedSteps > 0 && result.flagged > 0, 'the model did err');
        });
      }
    });
  }
}
