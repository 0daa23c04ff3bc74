// These tests are about every built-in process with a reference and a number of steps, also with several steps a sample where it
// has `subtasks`, with its example input and a few more, in each of its forms. They prove:
//  1. Start, steps, prompt, reference, mistakes, reply, parse, check, key and apply are pure: frozen arguments survive, the
//     same arguments give the same results, on a second instance too. States and actions are plain JSON.
//  2. `reply` and `parse` are inverse in every form, after wrong turns too; the reference and every mistake pass the check,
//     under different keys.
//  3. `steps` is the exact number of reference steps until the end.
//  4. Prompts do not depend on what was asked before, and what they have in common is in `system`, so that the prompts a
//     run is recognised by are stable and providers can cache the constant part.
//  5. The prompts of a step differ from form to form, and a reply in one form, read by another's parser, is a red flag or
//     the same action.
//     The notation of one line has no words that could tell its forms apart, and no system text; the journal has the form of a sample.
//  6. The self-test of variants passes, and names a form whose parser is wrong.
//  7. Voted runs with an unreliable model decide nothing wrongly, with k chosen for them and with k = 8, with and without
//     variants; where the process can verify answers, wrong ones are refuted. The journal says which variant a sample was
//     asked in: they take turns.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../../test/effort.ts';
import { UsageError } from '../core/errors.ts';
import { type AnyProcess, type Form, inSubtasks, testVariants } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { createRandom } from '../core/random.ts';
import { RedFlag, readReply, type Valid } from '../core/red-flags.ts';
import { parseInput } from '../core/schema.ts';
import { memoryJournal } from '../journals/memory.ts';
import { run } from '../run.ts';
import { BUILT_IN_PROCESSES, builtInProcess } from './index.ts';

/** Beside the example inputs. A new process is tested without an entry here. */
const FURTHER_INPUTS: Readonly<Record<string, readonly unknown[]>> = {
  hanoi: [{ disks: 1 }, { disks: 2 }, { disks: 7 }],
  'hanoi-flag': [{ disks: 3 }],
  'hanoi-repair': [{ disks: 3 }],
  'extract-checked': [
    {
      schema: {
        name: 'string',
        paid: 'boolean',
        due: 'date',
        state: ['open', 'closed'],
        lines: 'integer[]',
        to: { city: 'string' },
      },
      record: { from: 'Ada', body: 'two lines' },
      expected: { name: 'Ada B', paid: true, due: '2024-02-29', state: 'open', lines: [1, 2], to: { city: 'Ulm' } },
    },
  ],
  checkers: [{ checkers: 1 }, { checkers: 2 }],
  'matrix-chain': [
    { turns: 1 },
    { turns: 40, seed: 3, modulus: null },
    { turns: 40, seed: 4, modulus: 97, fullDictionary: true, checkDeterminant: true },
  ],
  multiply: [
    { a: '9', b: '0' },
    { a: '907', b: '30050' },
  ],
  sort: [{ numbers: [2, 1] }, { numbers: [-3, 7, 0, 12, 5] }],
  subsequence: [{ numbers: [0] }, { numbers: [-5, 5, 4, 5, 0] }],
  'round-trip': [{ records: 4, edits: 8, seed: 5 }],
  'include-words': [{ words: 1 }, { words: 23, wordsPerStep: 5, seed: 3 }],
  zebra: [
    { houses: 2, attributes: 1, seed: 2 },
    { houses: 3, attributes: 4, seed: 2 },
  ],
  'dict-sum': [
    { turns: 1 },
    { turns: 50, keysPerTurn: 12, seed: 3 },
    { turns: 50, keysPerTurn: 3, seed: 4, fullDictionary: true },
  ],
};

/** Every state of a run is checked up to this many, then one in a hundred. Of subtasks, with many mistakes each, fewer. */
const DENSE_STEPS = amount({ quick: 10, slow: 120 });
const VOTED_STEPS = 200;
const WANDERED_STEPS = amount({ quick: 10, slow: 120 });
const MODEL = 'simulated:p=0.9,v=0.9';

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

/** States that wrong turns lead to: every other decision is a mistake. From the end it starts again. */
function wander(process: AnyProcess, input: unknown, most: number): unknown[] {
  const random = createRandom(17);
  const states: unknown[] = [];
  let state: unknown = stored(process.start(input));
  while (states.length < most) {
    states.push(state);
    const mistakes = process.simulation!.mistakes!(state);
    const wrong = mistakes[Math.floor(random() * mistakes.length * 2)];
    state = stored(process.apply(state, frozen(wrong ?? process.reference!(state))));
    if (process.isDone(state)) state = stored(process.start(input));
  }
  return states;
}

// biome-ignore lint/suspicious/noExplicitAny: as in AnyProcess
type AnyForm = Form<any, any>;

function readIn(form: AnyForm, { check, key }: AnyProcess, text: string, state: unknown): Valid<unknown> | RedFlag {
  return readReply(text, {
    parse: (reply) => form.parse(reply, state),
    check: (action) => check?.(frozen(action), state),
    key,
  });
}

function sparse<T>(states: readonly T[], dense = DENSE_STEPS): T[] {
  return states.filter((_, i) => i < dense || i % 100 === 0 || i >= states.length - 10);
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

const CASES = Object.entries(BUILT_IN_PROCESSES).flatMap(([name, { process: create, exampleInput }]) => {
  const inputs = [exampleInput, ...(FURTHER_INPUTS[name] ?? [])];
  const sizes = create().subtasks === undefined ? [1] : amount({ quick: [1, 3], slow: [1, 2, 7] });
  return sizes.map((size) => ({ create: () => inSubtasks(create(), size), given: inputs, size }));
});

/** Processes whose forms differ in names alone, within one notation that a small network was made for. */
const OF_ONE_NOTATION = new Set(['hanoi-short']);

for (const { create, given, size } of CASES) {
  const process = create();
  const { name } = process;
  // `extract` is `extract-checked` without one.
  // Where the number of steps depends on what is decided, there is another suite: solve.test.ts.
  if (process.reference === undefined || process.steps === undefined) continue;
  const inputs: unknown[] = [];
  for (const input of given) {
    inputs.push(frozen(await parseInput(process, frozen(structuredClone(input)))));
  }

  for (const input of inputs) {
    describe(`${name} ${JSON.stringify(input)}`, () => {
      const { states, end } = walk(process, input);
      const visited = [
        ...sparse(states, Math.ceil(DENSE_STEPS / size)),
        ...wander(process, input, Math.ceil(WANDERED_STEPS / size)),
      ];

      test('has all that the simulated model needs', () => {
        for (const field of ['reference', 'reply', 'steps'] as const) {
          assert.equal(typeof process[field], 'function', field);
        }
        assert.equal(typeof process.simulation?.mistakes, 'function');
      });

      test('the input survives being checked again', async () => {
        assert.deepEqual(await parseInput(process, stored(input)), input);
      });

      test('ends after exactly as many steps as predicted', () => {
        assert.equal(process.isDone(end), true);
        assert.equal(states.length, process.steps!(input));
        assert.ok(states.length > 0);
      });

      test('is pure: the same arguments give the same results, on another instance too', () => {
        const other = create();
        assert.deepEqual(other.start(input), process.start(input));
        for (const state of visited) {
          const reference = frozen(process.reference!(state));
          for (const { reference: again, simulation, apply, isDone, forms } of [process, other]) {
            assert.deepEqual(again!(state), reference);
            assert.deepEqual(simulation!.mistakes!(state), process.simulation!.mistakes!(state));
            assert.deepEqual(apply(state, reference), process.apply(state, reference));
            assert.equal(isDone(state), false);
            for (const [i, { name, prompt, reply }] of forms.entries()) {
              assert.equal(name, process.forms[i]!.name);
              assert.deepEqual(prompt(state), process.forms[i]!.prompt(state));
              assert.equal(reply!(reference, state), process.forms[i]!.reply!(reference, state));
            }
          }
        }
      });

      test('replies in every form are read back; reference and mistakes pass the check under different keys', () => {
        for (const state of visited) {
          const actions = [process.reference!(state), ...process.simulation!.mistakes!(state)];
          assert.ok(actions.length >= 2, 'every step can go wrong');
          assert.equal(new Set(actions.map(process.key)).size, actions.length, JSON.stringify(actions));
          for (const action of actions.map(stored)) {
            for (const form of process.forms) {
              const text = form.reply!(action, state);
              const verdict = readIn(form, process, text, state);
              assert.ok(!(verdict instanceof RedFlag), `${form.name}: ${text}: ${JSON.stringify(verdict)}`);
              assert.equal(verdict.key, process.key(action), text);
              assert.deepEqual(verdict.action, action);
            }
          }
        }
      });

      const isOneNotation = OF_ONE_NOTATION.has(name);
      test('a reply in one form is never another action in another form', () => {
        for (const state of isOneNotation ? [] : visited) {
          for (const action of [process.reference!(state), ...process.simulation!.mistakes!(state)]) {
            for (const form of process.forms) {
              const text = form.reply!(action, state);
              for (const other of process.forms) {
                const verdict = readIn(other, process, text, state);
                if (!(verdict instanceof RedFlag)) assert.equal(verdict.key, process.key(action), text);
              }
            }
          }
        }
      });

      test('the forms of a step are different prompts, in both parts', () => {
        for (const state of visited) {
          const prompts = process.forms.map(({ prompt }) => prompt(state));
          for (const part of isOneNotation ? (['user'] as const) : (['system', 'user'] as const)) {
            assert.equal(new Set(prompts.map((prompt) => prompt[part])).size, prompts.length, textOf(prompts[0]!.user));
          }
        }
      });

      test('the variants pass their self-test, and a wrong parser does not, under its name', () => {
        for (const state of visited) testVariants(process, state);
        const [state] = visited;
        const [mistake] = process.simulation!.mistakes!(state);
        for (const wrong of process.forms) {
          const forms = process.forms.map((form) => (form === wrong ? { ...form, parse: () => mistake } : form));
          assert.throws(
            () => testVariants({ ...process, forms }, state),
            (thrown) => thrown instanceof UsageError && thrown.message.includes(`variant "${wrong.name}" does not`),
          );
        }
      });

      test('a step after a mistake can be asked and answered', () => {
        for (const state of sparse(states)) {
          for (const mistake of process.simulation!.mistakes!(state)) {
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
        const ask = ({ forms }: AnyProcess, state: unknown) => forms.map(({ prompt }) => prompt(state));
        const fresh = create();
        const expected = first.map((state) => ask(fresh, state));
        for (const state of sparse(states)) ask(process, state);
        for (const other of inputs) ask(process, process.start(other));
        const lastFirst = first.toReversed().map((state) => ask(process, state));
        assert.deepEqual(lastFirst.toReversed(), expected);
      });

      for (const form of isOneNotation ? [] : process.forms) {
        test(`what all prompts of a run in the form ${form.name} have in common is in \`system\``, () => {
          const prompts = states.map((state) => form.prompt(state));
          assert.equal(new Set(prompts.map(({ system }) => system)).size, 1);
          assert.notEqual(prompts[0]!.system ?? '', '');
          if (prompts.length < 2) return;
          const users = prompts.map(({ user }) => textOf(user));
          const ends = users.map((user) => [...user].reverse().join(''));
          for (const texts of [users, ends]) assert.ok(commonStart(texts) <= 40, users[0]);
        });
      }

      // One step does not show how a model errs.
      if (input !== inputs[0] || states.length === 1) return;
      for (const k of ['auto', 8] as const) {
        test(`${VOTED_STEPS} voted steps with k = ${k}: none is wrong`, async () => {
          const result = await run(process, input, {
            model: `${MODEL},alternatives=3`,
            k,
            maxSteps: VOTED_STEPS,
            journal: memoryJournal(),
          });
          const steps = Math.min(VOTED_STEPS, states.length);
          assert.deepEqual([result.steps, result.wrongSteps, result.undecided], [steps, 0, 0], result.reason ?? '');
          assert.equal(result.status, states.length > VOTED_STEPS ? 'paused' : 'done');
          assert.deepEqual(result.state, states[steps] ?? end);
          const { contestedSteps, flags } = result;
          // Where answers are verified, a wrong one is no vote.
          const isSeen = process.verification?.verify === undefined ? contestedSteps > 0 : (flags.refuted ?? 0) > 0;
          assert.ok(isSeen && result.flagged > 0, 'the model did err');
        });
      }

      const names = process.forms.map((form) => form.name);
      test(`${VOTED_STEPS} voted steps in the forms ${names.join(', ')}, which take turns: none is wrong`, async () => {
        const journal = memoryJournal();
        const { steps, wrongSteps, undecided } = await run(process, input, {
          model: MODEL,
          k: 8,
          variants: 'all',
          maxSteps: VOTED_STEPS,
          runId: 'variants',
          record: 'all',
          journal,
        });
        assert.deepEqual([steps, wrongSteps, undecided], [Math.min(VOTED_STEPS, states.length), 0, 0]);
        const [voted, dissented] = [new Set<string>(), new Set<string>()];
        for (let stepIndex = 0; stepIndex < steps; stepIndex++) {
          const state = states[stepIndex];
          for (const { draw, variant, text, candidate } of await journal.samples('variants', stepIndex)) {
            const form = process.forms[draw % names.length]!;
            assert.equal(variant, form.name, `step ${stepIndex}, draw ${draw}`);
            if (candidate === undefined) continue;
            assert.equal(process.key(form.parse(text, state)), candidate, text);
            const isRight = candidate === process.key(process.reference!(state));
            (isRight ? voted : dissented).add(variant);
          }
        }
        // The first right answer is the decision of a verified step: few are asked for in other forms than the first.
        const leastWrong = process.verification?.verify === undefined ? names.length : 1;
        assert.ok(voted.size === names.length && dissented.size >= leastWrong, 'each form votes, right and wrong');
      });
    });
  }
}
