// These tests are about servers that answer with other models than the one asked for. They prove: each other model is noted once,
// however often it changes, and so few are noted that a server which makes names up fills no journal. How requests are put
// otherwise is in `wire-formats.test.ts`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelRequest, Sample } from '../core/model.ts';
import { AdaptingCalls } from './adapting-calls.ts';

const REQUEST: ModelRequest = {
  prompt: { user: 'What?' },
  temperature: 0.1,
  maxOutputTokens: 750,
  draw: 0,
  signal: new AbortController().signal,
};

function answeredBy(names: readonly (string | undefined)[]): AdaptingCalls {
  let call = 0;
  const ask = async (): Promise<Sample> => {
    const name = names[call++ % names.length];
    const reply = { text: 'a', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 } as const;
    return name === undefined ? reply : { ...reply, answeredBy: name };
  };
  return new AdaptingCalls({ id: 'm', hasTemplate: false, ask });
}

test('another model that answers is noted once, and each further one', async () => {
  const calls = answeredBy([undefined, 'small', 'small', 'large', 'small']);
  const told: number[] = [];
  let last: Sample | undefined;
  for (let i = 0; i < 10; i++) {
    last = await calls.generate(REQUEST);
    told.push(last.adaptations?.length ?? 0);
  }
  assert.deepEqual(told, [0, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
  assert.deepEqual(
    last?.adaptations?.map(({ message }) => message),
    ['model m: the server says that small answered.', 'model m: the server says that large answered.'],
  );
});

test('a server that makes names up fills no journal', async () => {
  const calls = answeredBy(Array.from({ length: 100 }, (_, i) => `name-${i}`));
  let last: Sample | undefined;
  for (let i = 0; i < 100; i++) last = await calls.generate(REQUEST);
  assert.equal(last?.adaptations?.length, 16);
});
