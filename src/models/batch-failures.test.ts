/**
 * What becomes of batches that fail, by a provider of a few lines, in virtual time:
 * 1. One that failed as a whole pauses the map and is forgotten: the next command sends its requests again.
 * 2. One for which the provider had no room is sent again when there may be some, in halves if nothing else waits.
 * 3. A row that the provider does not answer fails its item, with its words; so does one that fails again and again.
 * 4. One that an earlier execution sent and that has failed, or is forgotten, is no reason to pause.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type {
  Experimental_BatchV4,
  Experimental_BatchV4Error,
  Experimental_BatchV4ItemResult,
  Experimental_BatchV4Status,
} from '@ai-sdk/provider';
import { APICallError } from '@ai-sdk/provider';
import { defineProcess } from '../core/process.ts';
import type { ItemResult } from '../engine/item.ts';
import { memoryJournal } from '../journals/memory.ts';
import { map } from '../map.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { batchModel, type OpenBatch } from './batch.ts';

const ECHO = defineProcess<string, { text: string; isOver: boolean }, string>({
  name: 'echo',
  version: '1',
  start: (text) => ({ text, isOver: false }),
  steps: () => 1,
  isDone: ({ isOver }) => isOver,
  prompt: ({ text }) => ({ user: text }),
  parse: (text) => text,
  apply: ({ text }) => ({ text, isOver: true }),
});

const NO_ROOM: Experimental_BatchV4Error = {
  code: 'token_limit_exceeded',
  message: 'Enqueued token limit reached. Please try again once some in_progress batches have been completed.',
};

interface World {
  /** Why the batch with this number, from 0, fails as a whole. */
  readonly whole?: (batch: number) => Experimental_BatchV4Error | undefined;
  /** Why a row fails. */
  readonly row?: (user: string) => Experimental_BatchV4Error | undefined;
  /** Whether the provider has forgotten it. */
  readonly isGone?: (batch: number) => boolean;
  /** Whether it is still being worked on. */
  readonly isPending?: () => boolean;
}

function startWorld(world: World) {
  const clock = virtualClock();
  const sent: { user: string; id: string }[][] = [];
  const batch: Pick<Experimental_BatchV4, 'provider' | 'doStartBatch' | 'doGetBatchStatus' | 'doGetBatchResults'> = {
    provider: 'openai.batch',
    async doStartBatch({ requests }) {
      const rows = requests.map((request) => {
        assert.ok(request.type === 'text');
        const last = request.options.prompt.at(-1)!;
        const part = last.content[0];
        assert.ok(typeof part === 'object' && part.type === 'text');
        return { user: part.text, id: request.id };
      });
      return { batchId: String(sent.push(rows) - 1), status: 'pending', warnings: [] };
    },
    async doGetBatchStatus({ batchId }): Promise<Experimental_BatchV4Status> {
      if (world.isGone?.(Number(batchId))) {
        const message = 'No such batch';
        throw new APICallError({ message, statusCode: 404, url: 'http://host/v1', requestBodyValues: {} });
      }
      if (world.isPending?.()) return { status: 'pending' };
      const error = world.whole?.(Number(batchId));
      return error === undefined ? { status: 'completed' } : { status: 'failed', error };
    },
    async doGetBatchResults({ batchId }) {
      const results = sent[Number(batchId)]!.map(({ user, id }): Experimental_BatchV4ItemResult => {
        const error = world.row?.(user);
        if (error !== undefined) return { type: 'text', id, status: 'failed', error };
        const inputTokens = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 };
        const result = {
          content: [{ type: 'text' as const, text: user }],
          finishReason: { unified: 'stop' as const, raw: 'stop' },
          usage: { inputTokens, outputTokens: { total: 1, text: 1, reasoning: 0 } },
          warnings: [],
        };
        return { type: 'text', id, status: 'succeeded', result };
      });
      return ReadableStream.from(results) as ReadableStream<Experimental_BatchV4ItemResult>;
    },
  };
  let kept: readonly OpenBatch[] = [];
  const journal = memoryJournal();
  /** One command. */
  const play = async (texts: readonly string[], signal?: AbortSignal) => {
    const store = {
      load: () => kept,
      save: (batches: readonly OpenBatch[]) => {
        kept = structuredClone(batches);
      },
    };
    const named = { batch: batch as Experimental_BatchV4, modelId: 'm', id: 'm', price: undefined };
    const model = batchModel({ ...named, clock, store });
    const items = map(ECHO, texts, { model, clock, journal, runId: 'r', k: 3, maxRetries: 2, signal });
    const results: ItemResult<string>[] = [];
    try {
      for await (const result of items) results.push(result);
    } catch {
      // The end says why.
    }
    const { end } = await items.result;
    await model.close?.();
    return { end, results, kept };
  };
  return { play, sent, clock };
}

const sizes = (sent: readonly (readonly unknown[])[]) => sent.map(({ length }) => length);

describe('a batch that failed as a whole', () => {
  test('pauses the map with its reason, and the next command sends its requests again (1)', async () => {
    const error = { code: 'invalid_file', message: 'The file cannot be read.' };
    const { play, sent } = startWorld({ whole: (batch) => (batch === 0 ? error : undefined) });
    const paused = await play(['a', 'b']);
    assert.equal(paused.end.code, 'model');
    assert.match(paused.end.message, /batch 0 failed: The file cannot be read\./);
    assert.deepEqual([paused.results, paused.kept], [[], []]);
    const done = await play(['a', 'b']);
    assert.equal(done.end.code, 'done');
    assert.deepEqual(sizes(sent), [6, 6]);
  });

  test('for want of room is sent again after a while, halved where nothing else waits (2)', async () => {
    const { play, sent, clock } = startWorld({
      whole: (batch) => (sent[batch]!.length > 2 ? NO_ROOM : undefined),
    });
    const { end, results } = await play(['a', 'b']);
    assert.equal(end.code, 'done', end.message);
    assert.deepEqual(
      results.map(({ result }) => result),
      ['a', 'b'],
    );
    assert.deepEqual(sizes(sent).slice(0, 2), [6, 3]);
    assert.ok(
      sizes(sent)
        .slice(2)
        .filter((size) => size <= 2).length >= 3,
      `${sizes(sent)}`,
    );
    assert.ok(clock.now() >= 60_000 && clock.now() < 600_000, `${clock.now()} ms`);
  });

  test('of an earlier execution is sent again at once, as is one that the provider has forgotten (4)', async () => {
    for (const kind of ['whole', 'isGone'] as const) {
      const interrupt = new AbortController();
      const isOver = () => interrupt.signal.aborted;
      const { play, sent } = startWorld({
        whole: (batch) => (kind === 'whole' && isOver() && batch === 0 ? { message: 'expired' } : undefined),
        isGone: (batch) => kind === 'isGone' && isOver() && batch === 0,
        isPending: () => {
          if (isOver()) return false;
          interrupt.abort(new Error('interrupted'));
          return true;
        },
      });
      const texts = ['a', 'b', 'c'];
      const paused = await play(texts, interrupt.signal);
      assert.deepEqual([paused.end.code, paused.kept.length], ['interrupted', 1]);
      const done = await play(texts);
      assert.equal(done.end.code, 'done', done.end.message);
      assert.equal(done.results.length, 3);
      assert.deepEqual(sizes(sent), [9, 9]);
    }
  });
});

describe('a row that the provider does not answer', () => {
  test('fails its item with the words of the provider, and no other (3)', async () => {
    const rows: [Experimental_BatchV4Error, RegExp, batches: number][] = [
      [{ statusCode: 400, code: 'content_filter', message: 'filtered' }, /not answered: model m: .*"filtered"/, 1],
      [{ statusCode: 400, message: 'some reason' }, /not answered: model m: .*"some reason"/, 1],
      [{ statusCode: 500, message: 'broken' }, /"broken".*Other prompts were answered\.$/, 3],
    ];
    for (const [error, reason, batches] of rows) {
      const { play, sent } = startWorld({ row: (user) => (user === 'bad' ? error : undefined) });
      const { end, results } = await play(['a', 'bad', 'c']);
      assert.equal(end.code, 'done', end.message);
      assert.deepEqual(
        results.map(({ status, result }) => result ?? status),
        ['a', 'undecided', 'c'],
      );
      assert.match(results[1]!.reason!, reason);
      assert.ok(sent.length <= batches, `${sizes(sent)}`);
      // Nothing is asked again.
      assert.equal((await play(['a', 'bad', 'c'])).end.code, 'done');
      assert.ok(sent.length <= batches, `${sizes(sent)}`);
    }
  });
});
