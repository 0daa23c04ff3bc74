// These tests are about a delegating model. They prove:
//  1. What is not replaced is the model's own, also where the model is a class with getters and private fields.
//  2. What is replaced is replaced, and the model itself stays as it was.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DelegatingModel } from './delegating-model.ts';
import type { Model, ModelRequest, Sample } from './model.ts';

class Priced implements Model {
  #calls = 0;
  #usd = 1;
  isClosed = false;
  get id() {
    return `priced-${this.#usd}`;
  }
  get price() {
    return { inputUsdPerMTok: this.#usd, outputUsdPerMTok: this.#usd };
  }
  get account() {
    return 'one';
  }
  get whyNoFiles() {
    return 'reads text alone';
  }
  get loadsFiles() {
    return true;
  }
  get rates() {
    return { p: 0.9, v: 1 };
  }
  async generate({ draw }: ModelRequest): Promise<Sample> {
    this.#calls++;
    const text = `${draw} of ${this.#calls}`;
    return { text, finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 0 };
  }
  async close() {
    this.isClosed = true;
  }
}

const REQUEST: ModelRequest = {
  prompt: { user: 'x' },
  temperature: 0,
  maxOutputTokens: 1,
  draw: 7,
  signal: new AbortController().signal,
};

describe('a delegating model', () => {
  it('asks a class for what is not replaced', async () => {
    const inner = new Priced();
    const model = new DelegatingModel(inner, { temperature: 0.7 });
    assert.deepEqual(
      [model.id, model.price, model.account, model.rates, model.temperature, model.isBatched, model.readsSubject],
      ['priced-1', inner.price, 'one', { p: 0.9, v: 1 }, 0.7, undefined, undefined],
    );
    assert.deepEqual([model.whyNoFiles, model.loadsFiles], ['reads text alone', true]);
    assert.equal((await model.generate(REQUEST)).text, '7 of 1');
    assert.equal((await inner.generate(REQUEST)).text, '7 of 2');
    await model.close();
    assert.ok(inner.isClosed);
  });

  it('replaces what it is told to', async () => {
    const inner = new Priced();
    const parts = {
      id: 'other',
      price: undefined,
      account: undefined,
      isProven: true,
      generate: (request: ModelRequest) => inner.generate({ ...request, draw: request.draw + 1 }),
    };
    const model = new DelegatingModel(inner, parts);
    assert.deepEqual([model.id, model.price, model.account, model.isProven], ['other', undefined, undefined, true]);
    assert.equal((await model.generate(REQUEST)).text, '8 of 1');
    assert.equal(inner.id, 'priced-1');
  });
});
