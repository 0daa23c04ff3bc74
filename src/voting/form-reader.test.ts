/**
 * These tests are about a form's reader. They prove:
 * 1. It reads as `readReply` does, and a text that equals the last one is not read again.
 * 2. The dress of a reply is taken off and named; what needs no parser is flagged first, and its text is never parsed.
 * 3. Reasoning in a reply counts against no limit of its answer.
 * 4. A parser that wants the dress gets it; with the policy `none` every parser does.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonQuestion } from '../../test/fixtures/voting.ts';
import type { Sample } from '../core/model.ts';
import { RedFlag } from '../core/red-flags.ts';
import { FormReader } from './form-reader.ts';

const SETTINGS = { maxOutputTokens: 10 };

function reply(text: string, more: Partial<Sample> = {}): Sample {
  return { text, finishReason: 'stop', inputTokens: 1, outputTokens: 5, latencyMs: 1, ...more };
}

/** A reader of JSON documents that tells what was parsed. */
function reading(settings: ConstructorParameters<typeof FormReader>[2] = SETTINGS) {
  const parsed: string[] = [];
  const parse = (text: string) => {
    parsed.push(text);
    return JSON.parse(text) as unknown;
  };
  const question = jsonQuestion({ ask: (form) => ({ prompt: { user: `form ${form}` }, parse }) });
  return { reader: new FormReader(question, 2, settings), parsed };
}

test('a text is read once in a row, flagged or not', () => {
  const { reader, parsed } = reading();
  assert.equal(reader.asked.prompt.user, 'form 2');
  const first = reader.read(reply('"a"'));
  assert.deepEqual(first, { key: '"a"', action: 'a' });
  assert.equal(reader.read(reply('"a"')), first);
  const flag = reader.read(reply('no JSON'));
  assert.ok(flag instanceof RedFlag && flag.code === 'malformed');
  assert.equal(reader.read(reply('no JSON')), flag);
  assert.deepEqual(reader.readAgain('"a"'), first);
  const illegal = reader.read(reply('"illegal"'));
  assert.ok(illegal instanceof RedFlag && illegal.code === 'illegal');
  assert.deepEqual(parsed, ['"a"', 'no JSON', '"a"', '"illegal"']);
});

test('the dress is taken off, and named', () => {
  const { reader } = reading();
  assert.deepEqual(reader.read(reply('<think>a or b</think>\n```json\n"a"\n```')), { key: '"a"', action: 'a' });
  assert.deepEqual(reader.dress, ['reasoning', 'fence']);
  reader.read(reply('"a"'));
  assert.deepEqual(reader.dress, []);
});

test('what needs no parser is flagged before the text is parsed', () => {
  const { reader, parsed } = reading();
  const codes = [
    reply('"a"', { finishReason: 'length' }),
    reply('"a"', { outputTokens: 11 }),
    reply('<think>a or b</think>'),
  ].map((sample) => (reader.read(sample) as RedFlag).code);
  assert.deepEqual(codes, ['truncated', 'too-long', 'empty']);
  assert.deepEqual(parsed, []);
});

test('reasoning counts against no limit of the answer', () => {
  const { reader } = reading();
  assert.ok(!(reader.read(reply('"a"', { outputTokens: 900, reasoningTokens: 895 })) instanceof RedFlag));
  assert.ok(
    !(reader.read(reply(`<think>${'a or b? '.repeat(100)}</think>"a"`, { outputTokens: 250 })) instanceof RedFlag),
  );
  const long = reader.read(reply(`<think>b?</think>"${'a'.repeat(90)}"`, { outputTokens: 50 }));
  assert.ok(long instanceof RedFlag && long.code === 'too-long');
});

test('a parser that wants a fence is given the reply as it came', () => {
  const parse = (text: string) => {
    const inner = /^```\n(.*)\n```$/.exec(text)?.[1];
    if (inner === undefined) throw new RedFlag('malformed', 'expected a fence');
    return inner;
  };
  const question = jsonQuestion({ ask: () => ({ prompt: { user: '' }, parse }) });
  const reader = new FormReader(question, 0, SETTINGS);
  assert.deepEqual(reader.read(reply('```\na\n```')), { key: '"a"', action: 'a' });
  assert.deepEqual(reader.dress, []);
  const flag = reader.read(reply('**a**'));
  assert.ok(flag instanceof RedFlag);
  assert.deepEqual(reader.dress, ['bold']);
});

test('with the policy `none` the dress stays on', () => {
  const { reader, parsed } = reading({ ...SETTINGS, dress: 'none' });
  const flag = reader.read(reply('```\n"a"\n```'));
  assert.ok(flag instanceof RedFlag && flag.code === 'malformed');
  assert.deepEqual(reader.dress, []);
  assert.deepEqual(parsed, ['```\n"a"\n```']);
});
