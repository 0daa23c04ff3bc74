// These tests prove the following: a model that answers under its dated name, or under a gateway's, is the one that was asked, and
// others are not; what is no name is not taken; the headers of each gateway that has a cache say that a reply comes from it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factsOf, isCachedReply, isSameModel } from './reply-facts.ts';

test('a model is the same under its dated name and behind a gateway', () => {
  for (const [asked, answered] of [
    ['gpt-5-mini', 'gpt-5-mini-2025-08-07'],
    ['claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
    ['gpt-4', 'gpt-4-0613'],
    ['mistral-large-latest', 'mistral-large-2411'],
    ['openai/gpt-4.1-mini', 'gpt-4.1-mini-2025-04-14'],
    ['gpt-4.1-mini', 'openai/gpt-4.1-mini'],
    ['qwen/qwen3-8b:free', 'Qwen/Qwen3-8B'],
  ]) {
    assert.ok(isSameModel(asked!, answered!), `${asked} ${answered}`);
  }
  for (const [asked, answered] of [
    ['gpt-5', 'gpt-5-mini-2025-08-07'],
    ['gpt-5-mini', 'gpt-5'],
    ['claude-haiku-4-5', 'claude-haiku-4'],
    ['openai/gpt-4.1', 'anthropic/claude-haiku-4-5'],
    ['qwen3-8b', 'qwen3-80b'],
  ]) {
    assert.ok(!isSameModel(asked!, answered!), `${asked} ${answered}`);
  }
});

test('the facts of a reply are its names', () => {
  assert.deepEqual(factsOf({ id: 'r1', model: 'gpt-5-2025-08-07', fingerprint: 'fp_1' }, 'gpt-5'), {
    responseId: 'r1',
    systemFingerprint: 'fp_1',
  });
  assert.deepEqual(factsOf({ id: 7, model: 'other', fingerprint: null }, 'gpt-5'), { answeredBy: 'other' });
  assert.deepEqual(factsOf({ model: 'other' }, undefined), {});
  for (const id of ['', 'a\nb', 'x'.repeat(201), 'a\ud800', ['a'], {}]) assert.deepEqual(factsOf({ id }, 'm'), {});
});

test('headers say that a reply comes from a cache', () => {
  const hits: Record<string, string>[] = [
    { 'x-litellm-cache-key': 'abc' },
    { 'cf-aig-cache-status': 'HIT' },
    { 'helicone-cache': 'HIT' },
    { 'x-portkey-cache-status': 'hit' },
    { 'x-portkey-cache-status': 'SEMANTIC HIT' },
    { 'x-openrouter-cache-status': 'HIT' },
    { 'x-cache': 'Hit from cloudfront' },
  ];
  for (const headers of hits) assert.ok(isCachedReply(headers), JSON.stringify(headers));
  for (const headers of [
    {},
    { 'cf-aig-cache-status': 'MISS' },
    { 'x-portkey-cache-status': 'SEMANTIC MISS' },
    { 'x-portkey-cache-status': 'DISABLED' },
    { 'x-cache': 'Miss from cloudfront' },
  ]) {
    assert.ok(!isCachedReply(headers), JSON.stringify(headers));
  }
});
