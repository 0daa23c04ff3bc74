// These tests are about hedging. They prove:
//  1. Nothing is asked twice before the voter's own percentile is known; then only what is slower, about as many as the
//     percentile says. The first answer counts, once; the other call is aborted.
//  2. A call that fails in time is not asked again here; where both fail, the first failure is reported; an abort ends both.
//  3. It takes the tail off: the mean of waiting falls, in virtual time.
//  4. Where wrong answers are faster than right ones a vote errs at most e (1 + share of hedged calls), and the decision error
//     is, within what 200,000 decisions can tell, what that gives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelError } from '../core/errors.ts';
import type { ModelRequest, Sample } from '../core/model.ts';
import { createRandom, mix, standardNormal } from '../core/random.ts';
import type { Sampler } from '../core/sampler.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { hedged } from './hedging.ts';

type Answer = (request: ModelRequest) => { text?: string; ms: number; failure?: Error };

function setUp(answer: Answer, percentile = 95) {
  const clock = virtualClock();
  const asked: ModelRequest[] = [];
  let [hedges, aborted] = [0, 0];
  const sampler: Sampler = {
    model: { id: 'm', price: undefined, generate: () => Promise.reject(new Error('not used')) },
    async sample(request) {
      asked.push(request);
      const { text = 'x', ms, failure } = answer(request);
      try {
        await clock.sleep(ms, request.signal);
      } catch (thrown) {
        aborted++;
        throw thrown;
      }
      if (failure !== undefined) throw failure;
      return { text, finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: ms } satisfies Sample;
    },
  };
  const onHedge = () => hedges++;
  const { sample } = hedged({ sampler, clock, percentile, onHedge });
  const ask = (draw: number, signal = new AbortController().signal, rest: Partial<ModelRequest> = {}) =>
    sample({ prompt: { user: 'u' }, temperature: 0, maxOutputTokens: 10, draw, signal, ...rest });
  return { clock, asked, ask, counts: () => ({ hedges, aborted }) };
}

const isSecond = ({ draw }: ModelRequest) => draw >= 1_000_000;
const lognormal = (seed: number, sigma: number) => 100 * Math.exp(sigma * standardNormal(createRandom(seed)));

test('about as many are asked twice as the percentile says, and none before it is known', async () => {
  const { ask, asked, counts } = setUp(({ draw }) => ({ ms: lognormal(mix(draw, 5), 0.5) }));
  for (let draw = 0; draw < 31; draw++) await ask(draw);
  assert.equal(counts().hedges, 0);
  for (let draw = 31; draw < 5_000; draw++) await ask(draw);
  const { hedges, aborted } = counts();
  // 5 %, and a little more, since the percentile is that of times which hedging has cut.
  assert.ok(hedges > 200 && hedges < 500, `${hedges}`);
  assert.equal(asked.length, 5_000 + hedges);
  assert.equal(aborted, hedges, 'the slower call of each pair is aborted');
});

test('the first answer counts, whichever it is', async () => {
  const slow = new Map([
    [40, { first: 1_000, second: 10, text: 'second' }],
    [41, { first: 150, second: 500, text: 'first' }],
  ]);
  const { ask } = setUp((request) => {
    const times = slow.get(request.draw % 1_000_000);
    if (times === undefined) return { ms: 100 };
    return isSecond(request) ? { ms: times.second, text: 'second' } : { ms: times.first, text: 'first' };
  });
  for (let draw = 0; draw < 40; draw++) await ask(draw);
  for (const [draw, { text }] of slow) assert.equal((await ask(draw)).text, text);
});

test('both calls ask for the same', async () => {
  const { ask, asked } = setUp(({ draw }) => ({ ms: draw === 40 ? 1_000 : 100 }));
  const schema = { type: 'object' };
  for (let draw = 0; draw <= 40; draw++) await ask(draw, undefined, { reasoning: 'low', schema, seed: draw });
  const [first, second] = asked.slice(-2);
  assert.ok(isSecond(second!) && !isSecond(first!));
  for (const { reasoning, schema: held, seed } of [first!, second!]) {
    assert.deepEqual([reasoning, held, seed], ['low', schema, 40]);
  }
});

test('failures: in time, of one, of both; an abort', async () => {
  const failure = (message: string) => new ModelError(message, { code: 'unavailable', recovery: 'retry' });
  const plan = new Map<number, Record<'first' | 'second', ReturnType<Answer>>>([
    [50, { first: { ms: 10, failure: failure('early') }, second: { ms: 10 } }],
    [51, { first: { ms: 500, failure: failure('late') }, second: { ms: 600, text: 'saved' } }],
    [52, { first: { ms: 500, failure: failure('one') }, second: { ms: 200, failure: failure('two') } }],
    [53, { first: { ms: 900 }, second: { ms: 900 } }],
  ]);
  const { ask, clock, counts } = setUp((request) => {
    const planned = plan.get(request.draw % 1_000_000);
    return planned?.[isSecond(request) ? 'second' : 'first'] ?? { ms: 100 };
  });
  for (let draw = 0; draw < 48; draw++) await ask(draw);
  await assert.rejects(ask(50), /early/);
  assert.equal(counts().hedges, 0);
  assert.equal((await ask(51)).text, 'saved');
  await assert.rejects(ask(52), /one/);
  const abort = new AbortController();
  const aborted = ask(53, abort.signal);
  await clock.sleep(300);
  abort.abort(new Error('no longer wanted'));
  await assert.rejects(aborted, /no longer wanted/);
  assert.equal(counts().aborted, 2);
});

test('it takes the tail off', async () => {
  const wait = async (percentile: number) => {
    const { ask, clock } = setUp(({ draw }) => ({ ms: lognormal(mix(draw, 9), 1.5) }), percentile);
    const startMs = clock.now();
    for (let draw = 0; draw < 3_000; draw++) await ask(draw);
    return (clock.now() - startMs) / 3_000;
  };
  const [plain, hedgedWait] = [await wait(99.99), await wait(90)];
  assert.ok(hedgedWait < 0.85 * plain, `${hedgedWait} against ${plain}`);
});

test('where wrong answers are twice as fast, the decision error is that of e (1 + share)', () => {
  const [p, share, decisions] = [0.9, 0.05, 200_000];
  const random = createRandom(11);
  const draw = () => {
    const isRight = random() < p;
    return { isRight, ms: (isRight ? 200 : 100) * Math.exp(0.5 * standardNormal(random)) };
  };
  const times = Array.from({ length: 100_000 }, () => draw().ms).sort((a, b) => a - b);
  const threshold = times[Math.floor((1 - share) * times.length)]!;
  const hedgedVote = () => {
    const first = draw();
    if (first.ms <= threshold) return first.isRight;
    const second = draw();
    return first.ms <= threshold + second.ms ? first.isRight : second.isRight;
  };
  const error = (vote: () => boolean) => {
    let wrong = 0;
    for (let i = 0; i < decisions; i++) {
      const race = aheadByK({ margin: 3 }).start();
      while (race.decided() === undefined) race.record(vote() ? 'right' : 'wrong');
      if (race.decided() === 'wrong') wrong++;
    }
    return wrong / decisions;
  };
  const exact = (e: number) => 1 / (1 + ((1 - e) / e) ** 3);
  const [plain, withHedge] = [error(() => draw().isRight), error(hedgedVote)];
  const bound = exact((1 - p) * (1 + share));
  const spread = 3 * Math.sqrt(bound / decisions);
  assert.ok(Math.abs(plain - exact(1 - p)) < spread, `${plain}`);
  assert.ok(withHedge < bound + spread, `${withHedge} against ${bound} and ${plain}`);
});
