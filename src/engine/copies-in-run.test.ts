/**
 * A gateway that keeps replies, before a model that errs independently once in five calls:
 * 1. It knows a request by all of its body: each draw has a seed of its own, so that no reply is sent twice and no step is wrong.
 * 2. It ignores the seed: the run pauses at the first copy, which is no vote, also when it is resumed; with the cache off it ends.
 * 3. It ignores the seed and has no names for its replies, but says that they come from its cache: the same.
 * 4. A server whose names for replies are few is no such gateway.
 * 5. A caller who knows better can take copies as votes.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chainProcess } from '../../test/fixtures/chain-process.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import { textOf } from '../core/prompt-parts.ts';
import { createRandom } from '../core/random.ts';
import { memoryJournal } from '../journals/memory.ts';
import type { RunOptions } from '../options/verbs.ts';
import { run } from '../run.ts';

const STEPS = 100;

interface Gateway {
  /** What it knows a request by. @default it keeps no replies */
  readonly keyOf?: (request: ModelRequest) => unknown;
  readonly idOf?: (call: number) => string | undefined;
  readonly tellsHits?: boolean;
}

function behind({
  keyOf,
  idOf = (call) => `chatcmpl-5f0c9a77e1${call}`,
  tellsHits = false,
}: Gateway): Model & { calls: number } {
  const random = createRandom(5);
  const kept = new Map<string, Sample>();
  const model = {
    id: 'behind-a-gateway',
    price: undefined,
    calls: 0,
    generate: async (request: ModelRequest): Promise<Sample> => {
      const key = keyOf && JSON.stringify(keyOf(request));
      const known = key === undefined ? undefined : kept.get(key);
      if (known !== undefined) return { ...known, ...(tellsHits && { isCached: true }) };
      const right = 2 * Number(textOf(request.prompt.user).split(' ').at(-1));
      const text = String(random() < 0.2 ? right + 1 + Math.floor(3 * random()) : right);
      const sample: Sample = {
        text,
        finishReason: 'stop',
        inputTokens: 10,
        outputTokens: 2,
        latencyMs: 1,
        responseId: idOf(model.calls++),
      };
      if (key !== undefined) kept.set(key, sample);
      return sample;
    },
  };
  return model;
}

const everything = ({ prompt, temperature, seed }: ModelRequest) => [prompt, temperature, seed];
const withoutSeed = ({ prompt, temperature }: ModelRequest) => [prompt, temperature];

const asked = (model: Model, more: Partial<RunOptions> = {}) =>
  run(chainProcess(), { steps: STEPS }, { model, k: 5, runId: 'r', journal: memoryJournal(), ...more });

describe('behind a gateway that keeps replies', () => {
  it('each draw is asked with a seed of its own: no step is wrong (1)', async () => {
    const gateway = behind({ keyOf: everything });
    const result = await asked(gateway);
    assert.deepEqual([result.status, result.wrongSteps], ['done', 0]);
    assert.equal(gateway.calls, result.samples + (result.wasted?.samples ?? 0));
  });

  it('a copy of a reply pauses the run, and is no vote (2)', async () => {
    const journal = memoryJournal();
    const result = await asked(behind({ keyOf: withoutSeed }), { journal, speculate: 0 });
    assert.equal(result.status, 'paused');
    assert.match(
      result.reason!,
      /answered draw \d of step 0 with its reply to draw 1 \(response id chatcmpl-5f0c9a77e1\d\).*cache.*acceptCopies/,
    );
    assert.ok(result.flags.copied! >= 1 && result.votes <= 2, JSON.stringify(result.flags));
    const off = behind({ idOf: (call) => `chatcmpl-later77e1${call}` });
    const again = await asked(off, { journal, speculate: 0 });
    assert.deepEqual([again.status, again.wrongSteps], ['done', 0]);
    assert.ok(again.flags.copied! >= 1);
  });

  it('that has no names for them but tells of its cache too (3)', async () => {
    const result = await asked(behind({ keyOf: withoutSeed, idOf: () => undefined, tellsHits: true }));
    assert.equal(result.status, 'paused');
    assert.match(result.reason!, /the headers name a cache of replies/);
  });

  it('that has short names for them too, once it is no chance (2)', async () => {
    const result = await asked(behind({ keyOf: withoutSeed, idOf: (call) => `chatcmpl-${call}` }));
    assert.deepEqual([result.status, result.end.code], ['paused', 'process']);
    assert.match(result.reason!, /response id chatcmpl-\d+\)/);
    assert.ok(result.steps <= 3, `${result.steps} steps`);
  });

  it('copies can be taken as votes by one who knows better (5)', async () => {
    const result = await asked(behind({ keyOf: withoutSeed }), { acceptCopies: true });
    assert.equal(result.status, 'done');
    assert.ok(result.wrongSteps! > 0);
  });
});

describe('a server that keeps no replies (4)', () => {
  for (const [what, idOf] of [
    ['with few names', (call: number) => `chatcmpl-${(call * 7919) % 999}`],
    ['with one name', () => 'chatcmpl-1'],
    ['without names', () => undefined],
  ] as const) {
    it(what, async () => {
      const result = await asked(behind({ idOf }));
      assert.deepEqual([result.status, result.wrongSteps], ['done', 0]);
    });
  }
});
