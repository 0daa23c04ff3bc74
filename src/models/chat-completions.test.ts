/**
 * What is written is what the AI SDK writes for the same prompt, and what is read is what it reads: checked against it on random
 * documents. Nothing that a server sends makes reading throw.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OpenAICompatibleChatLanguageModel } from '@ai-sdk/openai-compatible';
import * as fc from '../../test/properties.ts';
import { ModelError } from '../core/errors.ts';
import type { ModelRequest } from '../core/model.ts';
import type { FilePart } from '../core/prompt-parts.ts';
import { toSample } from './ai-sdk.ts';
import { readCompletion, writeChat } from './chat-completions.ts';
import { readErrorDocument } from './error-document.ts';
import { promptOf } from './sdk-request.ts';

const NUM_RUNS = 300;
const sdk = new OpenAICompatibleChatLanguageModel('tiny', { provider: 'server', url: () => 'http://host/v1' });

const text = fc.string({ unit: 'grapheme' });

function requestOf(prompt: ModelRequest['prompt'], temperature: number, maxOutputTokens: number): ModelRequest {
  return { prompt, temperature, maxOutputTokens, draw: 0, signal: new AbortController().signal };
}

/** What may stand at any place of a reply: what is meant, what is left out, and what does not belong there. */
function maybe<T>(value: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: value, weight: 6 }, fc.constantFrom<unknown>(null, undefined, 7, 'x', [], {}, true));
}

const part = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.record({ type: fc.constant('thinking'), thinking: fc.array(fc.record({ type: fc.constant('text'), text })) }),
);
const reply = fc.record({
  choices: maybe(
    fc.array(
      maybe(
        fc.record({
          message: maybe(
            fc.record({
              role: fc.constantFrom('assistant', undefined),
              content: maybe(fc.oneof(text, fc.array(part))),
              refusal: maybe(text),
              reasoning_content: fc.constantFrom(undefined, null, 'hm'),
            }),
          ),
          finish_reason: fc.constantFrom('stop', 'length', 'content_filter', 'tool_calls', 'new', null, undefined),
        }),
      ),
      { maxLength: 2 },
    ),
  ),
  usage: fc.option(
    fc.record({
      prompt_tokens: fc.constantFrom(5, 0, null, undefined),
      completion_tokens: fc.constantFrom(3, 0, null, undefined),
      prompt_tokens_details: fc.constantFrom({ cached_tokens: 4 }, { cached_tokens: null }, null, undefined),
    }),
  ),
});

describe('a request', () => {
  it('is that of the AI SDK', async () => {
    const turn = fc.record({ user: text, reply: text });
    const part = fc.oneof(
      fc.record({ type: fc.constant('text' as const), text }),
      fc.record(
        {
          type: fc.constant('file' as const),
          data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
          mediaType: fc.constantFrom('image/png', 'image/webp', 'application/pdf'),
          filename: fc.constantFrom('a.pdf', 'ü "b".png'),
        },
        { requiredKeys: ['type', 'data', 'mediaType'] },
      ),
      fc.constant({ type: 'file' as const, url: 'https://host/a.png', mediaType: 'image/png' }),
    );
    const user = fc.oneof(text, fc.array(part, { minLength: 2, maxLength: 4 }));
    const prompt = fc.record({ system: fc.option(text, { nil: undefined }), turns: fc.array(turn), user });
    await fc.assert(
      fc.asyncProperty(prompt, fc.double({ min: 0, max: 2 }), fc.nat(), async (asked, temperature, maxOutputTokens) => {
        const options = { prompt: promptOf(asked), temperature, maxOutputTokens };
        const { body } = await sdk.prepareRequest(options);
        const ours = JSON.parse(writeChat('tiny', requestOf(asked, temperature, maxOutputTokens)));
        assert.deepEqual(ours, JSON.parse(JSON.stringify(body)));
      }),
      { numRuns: NUM_RUNS },
    );
  });
});

describe('a file in a request', () => {
  const bytes = Buffer.from('%PDF-1');
  const written = (part: object) => {
    const user = [{ type: 'file' as const, ...part } as FilePart, { type: 'text' as const, text: 'What is it?' }];
    return JSON.parse(writeChat('tiny', requestOf({ user }, 0, 10))).messages[0].content;
  };

  it('is a data URL, a URL or a document', () => {
    const text = { type: 'text', text: 'What is it?' };
    assert.deepEqual(written({ data: bytes, mediaType: 'image/png', filename: 'a.png' }), [
      { type: 'image_url', image_url: { url: 'data:image/png;base64,JVBERi0x' } },
      text,
    ]);
    assert.deepEqual(written({ data: bytes, mediaType: 'application/pdf', filename: 'a.pdf' }), [
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0x' } },
      text,
    ]);
    assert.deepEqual(written({ url: new URL('https://host/a.png?x=1'), mediaType: 'image/png' }), [
      { type: 'image_url', image_url: { url: 'https://host/a.png?x=1' } },
      text,
    ]);
  });

  it('is refused where chat completions have no place for it, and where nobody has read it', () => {
    const refused = (part: object, why: RegExp) =>
      assert.throws(
        () => written(part),
        (thrown) => thrown instanceof ModelError && thrown.isOfPrompt && why.test(thrown.message),
      );
    refused(
      { url: 'https://host/a.pdf?key=1', mediaType: 'application/pdf' },
      /"https:\/\/host\/a\.pdf" was not sent: chat/,
    );
    refused({ data: bytes, mediaType: 'audio/wav', filename: 'a.wav' }, /"a\.wav" was not sent: audio\/wav is neither/);
    refused({ path: 'a.png', mediaType: 'image/png' }, /nobody has read it/);
  });
});

describe('a reply', () => {
  it('is read as the AI SDK reads it, where that takes it', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(reply, async (document) => {
        const body = JSON.stringify(document);
        const ours = readCompletion(body, 1);
        const theirs = await sdk.convertResponse({ body: JSON.parse(body) }).catch(() => undefined);
        if (theirs === undefined) return;
        taken++;
        const { text, finishReason } = toSample(theirs, 1);
        assert.deepEqual({ text: ours?.text, finishReason: ours?.finishReason }, { text, finishReason });
      }),
      { numRuns: NUM_RUNS },
    );
    assert.ok(taken > NUM_RUNS / 20, `${taken}`);
  });

  it('has counts of tokens that can be true, and others are unknown', () => {
    const usageOf = (usage: unknown, content = 'yes') => {
      const body = JSON.stringify({ choices: [{ message: { content }, finish_reason: 'stop' }], usage });
      const { inputTokens, outputTokens, cachedInputTokens } = readCompletion(body, 1)!;
      return [inputTokens, outputTokens, cachedInputTokens];
    };
    assert.deepEqual(usageOf({ prompt_tokens: 7, completion_tokens: 2 }), [7, 2, undefined]);
    for (const wrong of [0, -3, 1.5, '7', null, true, 1e300, undefined]) {
      const usage = { prompt_tokens: wrong, completion_tokens: wrong };
      assert.deepEqual(usageOf(usage), [undefined, undefined, undefined], JSON.stringify(usage));
    }
    assert.deepEqual(usageOf({ prompt_tokens: 7, completion_tokens: 0 }, ''), [7, 0, undefined]);
    const cached = (cached_tokens: unknown) => ({ prompt_tokens: 7, prompt_tokens_details: { cached_tokens } });
    assert.deepEqual(usageOf(cached(0)), [7, undefined, 0]);
    assert.deepEqual(usageOf(cached(-4)), [7, undefined, undefined]);
    for (const usage of [null, 7, [], 'none', undefined]) {
      assert.deepEqual(usageOf(usage), [undefined, undefined, undefined]);
    }
  });

  it('has its reasoning beside its text, whatever the server calls it, and what it says of itself', () => {
    const read = (message: object, rest: object = {}) => {
      const body = { choices: [{ message, finish_reason: 'stop' }], ...rest };
      const { text, reasoning, reasoningTokens, responseId, answeredBy, systemFingerprint } = readCompletion(
        JSON.stringify(body),
        1,
        'tiny',
      )!;
      return { text, reasoning, reasoningTokens, responseId, answeredBy, systemFingerprint };
    };
    const bare = { text: 'yes', reasoning: undefined, reasoningTokens: undefined };
    const none = { responseId: undefined, answeredBy: undefined, systemFingerprint: undefined };
    for (const message of [
      { content: 'yes', reasoning_content: null },
      { content: 'yes', reasoning: '' },
    ]) {
      assert.deepEqual(read(message), { ...bare, ...none });
    }
    const parts = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
      { type: 'text', text: 'yes' },
    ];
    for (const message of [
      { content: 'yes', reasoning_content: 'hm' },
      { content: 'yes', reasoning: 'hm' },
      { content: parts },
    ]) {
      assert.deepEqual(read(message), { ...bare, ...none, reasoning: 'hm' });
    }
    const usage = {
      prompt_tokens: 5,
      completion_tokens: 650,
      completion_tokens_details: { reasoning_tokens: 640 },
    };
    assert.deepEqual(read({ content: 'yes' }, { id: 'r7', model: 'vast', system_fingerprint: 'fp', usage }), {
      ...bare,
      reasoningTokens: 640,
      responseId: 'r7',
      answeredBy: 'vast',
      systemFingerprint: 'fp',
    });
  });

  it('that was ended by an error is none', () => {
    const body = '{"choices":[{"message":{"content":"half a"},"finish_reason":"error"}]}';
    assert.equal(readCompletion(body, 1), undefined);
    assert.equal(readErrorDocument(body)?.statusCode, 502);
  });

  it('tells what was cached, reasoned and charged, in the words of each server', () => {
    const read = (usage: object) => {
      const body = { choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }], usage };
      const { text: _, finishReason: __, latencyMs: ___, ...counts } = readCompletion(JSON.stringify(body), 1)!;
      return counts;
    };
    const counts = { prompt_tokens: 1_200, completion_tokens: 645 };
    const plain = { inputTokens: 1_200, outputTokens: 645 };
    // OpenAI, vLLM and others
    assert.deepEqual(
      read({
        ...counts,
        prompt_tokens_details: { cached_tokens: 1_024 },
        completion_tokens_details: { reasoning_tokens: 640 },
      }),
      { ...plain, cachedInputTokens: 1_024, reasoningTokens: 640 },
    );
    // DeepSeek
    assert.deepEqual(read({ ...counts, prompt_cache_hit_tokens: 1_024, prompt_cache_miss_tokens: 176 }), {
      ...plain,
      cachedInputTokens: 1_024,
    });
    // OpenRouter, by its key and by the caller's own
    const upstream = { cost_details: { upstream_inference_cost: 0.5 } };
    assert.deepEqual(read({ ...counts, cost: 0.25, is_byok: false, ...upstream }), { ...plain, chargedUsd: 0.25 });
    assert.deepEqual(read({ ...counts, cost: 0.25, is_byok: true, ...upstream }), { ...plain, chargedUsd: 0.75 });
    assert.deepEqual(read({ ...counts, cost: 0 }), { ...plain, chargedUsd: 0 });
    // What is no amount, or not the whole one, is not known.
    for (const cost of [-1, '0.1', null, { total_cost: 0.1 }]) assert.deepEqual(read({ ...counts, cost }), plain);
    assert.deepEqual(read({ ...counts, cost: 0.25, is_byok: true }), plain);
    for (const reasoning_tokens of [-1, 0.5, '7', null]) {
      assert.deepEqual(read({ ...counts, completion_tokens_details: { reasoning_tokens } }), plain);
    }
  });

  it('without a message of an assistant is none', () => {
    const none = ['', 'x', 'null', '[]', '7', '{}', '{"choices":null}', '{"choices":[]}', '{"choices":[{}]}'];
    for (const body of [...none, '{"choices":[{"message":7}]}', '{"choices":[{"message":{"content":7}}]}']) {
      assert.equal(readCompletion(body, 1), undefined, body);
    }
  });

  it('never makes reading throw, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          reply.map((document) => JSON.stringify(document)),
        ),
        (body) => {
          const sample = readCompletion(body, 1);
          if (sample !== undefined) assert.equal(typeof sample.text, 'string');
          const message = readErrorDocument(body)?.message;
          assert.ok(message === undefined || typeof message === 'string');
        },
      ),
      { numRuns: NUM_RUNS },
    );
  });
});
