// These tests are about the question of a step. They prove: it is what the process says of that state, each part asked for when it
// is needed; what the process's own functions throw is a failure of that part at that step.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ProcessError } from '../core/errors.ts';
import { defineProcess, type ProcessDefinition } from '../core/process.ts';
import { redFlag } from '../core/red-flags.ts';
import { questionOf } from './step-question.ts';

const DEFINITION: ProcessDefinition<undefined, number, number> = {
  name: 'count',
  version: '1',
  start: () => 0,
  isDone: (state) => state === 3,
  prompt: (state) => ({ user: `after ${state}` }),
  parse: (text, state) => Number(text) + 10 * state,
  apply: (_, action) => action,
};

const question = (changes: Partial<typeof DEFINITION> = {}, state = 1) =>
  questionOf(defineProcess({ ...DEFINITION, ...changes }), state, 5);

test('forms by index, each with its own prompt and parser, found again by name', () => {
  const variants = [{ name: 'roman', prompt: () => ({ user: 'after I' }), parse: (text: string) => text.length }];
  const { stepIndex, ask, formNamed } = question({ variants });
  assert.equal(stepIndex, 5);
  const [main, roman] = [ask(0), ask(1)];
  assert.deepEqual([main.prompt, roman.prompt], [{ user: 'after 1' }, { user: 'after I' }]);
  assert.deepEqual([main.parse('2'), roman.parse('II')], [12, 2]);
  assert.deepEqual([main.subject?.state, main.subject?.stepIndex, roman.subject?.form.name], [1, 5, 'roman']);
  assert.deepEqual(['main', 'roman', 'gone'].map(formNamed), [0, 1, undefined]);
});

test('checks and keys of the process, with the state of the step', () => {
  const plain = question();
  assert.equal(plain.check, undefined);
  assert.equal(plain.key(2), '2');
  const checked = question({
    check: (action, state) => (action > state ? redFlag('illegal', 'too far') : undefined),
    key: (action) => `#${action}`,
  });
  assert.deepEqual([checked.check!(1), checked.check!(2)?.code], [undefined, 'illegal']);
  assert.equal(checked.key(2), '#2');
});

describe('verification', () => {
  test('of answers: none, at all steps, or at those where they can be verified', async () => {
    const verify = (action: number, state: number) => action === state + 1;
    assert.equal(question().verify, undefined);
    const everywhere = question({ verification: { verify } });
    assert.deepEqual([await everywhere.verify!(2), await everywhere.verify!(3)], [true, false]);
    const some = { verify, isVerifiable: (state: number) => state === 1 };
    assert.notEqual(question({ verification: some }, 1).verify, undefined);
    assert.equal(question({ verification: some }, 2).verify, undefined);
  });

  test('of candidates by a verifier: what the process asks it, of this state', () => {
    const verifyPrompt = (action: number, state: number) => ({ user: `${action} after ${state}?` });
    assert.deepEqual(question({ verification: { verifyPrompt } }).judge!(2).prompt, { user: '2 after 1?' });
  });
});

test('the role of a step says who is asked', () => {
  assert.equal(question().role, undefined);
  assert.equal(question({ role: (state) => (state === 1 ? 'judge' : undefined) }).role, 'judge');
});

test('what its functions throw is told as a failure of that part', async () => {
  const fail = () => {
    throw new TypeError('x is undefined');
  };
  const isOf = (part: string) => (thrown: unknown) =>
    thrown instanceof ProcessError && thrown.message.includes(part) && thrown.message.includes('5');
  assert.throws(() => question({ prompt: fail }).ask(0), isOf('prompt'));
  assert.throws(() => question({ role: fail }), isOf('role'));
  assert.throws(() => question({ verification: { verify: () => true, isVerifiable: fail } }), isOf('isVerifiable'));
  assert.throws(() => question({ verification: { verifyPrompt: fail } }).judge!(1), isOf('verifyPrompt'));
  await assert.rejects(async () => question({ verification: { verify: fail } }).verify!(1), isOf('verify'));
});
