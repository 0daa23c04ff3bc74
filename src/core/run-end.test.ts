// These tests are about the ends of runs. They prove:
//  1. Each class of error has the end's code and status that its recovery asks for, and stays at hand in `error`.
//  2. What the journal keeps of an error has neither stack nor cause.
//  3. What is done, or goes on, has no reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BudgetError, JournalError, ModelError, ProcessError, UsageError } from './errors.ts';
import { type EndCode, endedBy, INTERRUPTED, reasonOf, recordedEnd } from './run-end.ts';

const CASES: readonly [thrown: unknown, code: EndCode, status: string][] = [
  [new BudgetError('spent', { unit: 'usd', limit: 1, spent: 2 }), 'budget', 'paused'],
  [new ModelError('no key', { code: 'authentication', recovery: 'pause' }), 'model', 'paused'],
  [new ModelError('busy', { code: 'unavailable', recovery: 'retry' }), 'model', 'paused'],
  [new ModelError('never', { code: 'rejected', recovery: 'stop' }), 'model', 'stopped'],
  [new JournalError('full', { code: 'disk-full' }), 'journal', 'paused'],
  [new JournalError('gone', { code: 'writer-lost', recovery: 'stop' }), 'journal', 'stopped'],
  [new ProcessError('threw', { code: 'threw' }), 'process', 'stopped'],
  [new ProcessError('effect', { code: 'effect-failed', recovery: 'pause' }), 'process', 'paused'],
  [new UsageError('not so', { option: 'k' }), 'usage', 'stopped'],
  [new TypeError('x is undefined'), 'unexpected', 'stopped'],
  ['a text', 'unexpected', 'stopped'],
];

for (const [thrown, code, status] of CASES) {
  test(`${thrown instanceof Error ? `${thrown.name} ${thrown.message}` : thrown}: ${status}, ${code}`, () => {
    const ended = endedBy(thrown);
    assert.deepEqual([ended.status, ended.end.code], [status, code]);
    assert.equal(ended.end.error, thrown instanceof Error ? thrown : undefined);
    assert.equal(ended.end.message, thrown instanceof Error ? thrown.message : thrown);
    assert.equal(reasonOf(ended.end), ended.end.message);
  });
}

test('the journal keeps name, code and recovery of an error, not what it quotes', () => {
  const cause = new Error('secret');
  const error = new ModelError('no key', { code: 'authentication', recovery: 'pause', cause });
  const kept = recordedEnd(endedBy(error).end);
  const shown = { name: 'ModelError', code: 'authentication', recovery: 'pause' };
  assert.deepEqual(kept, { code: 'model', message: 'no key', error: shown });
  assert.deepEqual(JSON.parse(JSON.stringify(kept)), kept);
  assert.deepEqual(recordedEnd(endedBy(new TypeError('odd')).end).error, {
    name: 'TypeError',
    code: null,
    recovery: null,
  });
  assert.equal(recordedEnd(INTERRUPTED.end).error, null);
});

test('what is done, or goes on, has no reason', () => {
  assert.equal(reasonOf({ code: 'done', message: 'done after 3 steps' }), null);
  assert.equal(reasonOf(null), null);
});
