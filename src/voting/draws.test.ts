// These tests are about the draws of a step. They prove:
//  1. A voter's first draw has the first temperature, later ones the other; a model with a temperature of its own keeps it.
//  2. A recorded draw is not paid for again: it counts for the voter that gave it, if that still votes, and is read again in
//     the form that it answered.
//  3. A failure is a value, not a rejection; what a slot was taken for is given back whatever happens.
//  4. What lands is told as the journal keeps it, before anybody counts it; a form is asked for once.
//  5. A model is told what a step is about only where it asks for it.
//  6. Abort reaches what is in flight, and nothing else.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import {
  FLAGGED,
  heldModel,
  jsonQuestion,
  sampleEntry,
  samplerOf,
  voteContext,
  voterOf,
  voteSettings,
} from '../../test/fixtures/voting.ts';
import type { SampleEntry } from '../core/journal.ts';
import type { Model } from '../core/model.ts';
import type { StepSubject } from '../core/process.ts';
import { RedFlag } from '../core/red-flags.ts';
import { scriptedModel } from '../models/scripted.ts';
import { Slots } from './draw-slots.ts';
import { Draws, type Failed, type Landed, MAX_FLAGGED_CHARS } from './draws.ts';
import { FirstVote } from './first-vote.ts';
import type { Question, VoteContext } from './question.ts';

function drawsOf(
  model: Model,
  options: {
    readonly context?: Partial<VoteContext>;
    readonly question?: Partial<Question<unknown>>;
    readonly recorded?: readonly SampleEntry[];
  } = {},
) {
  const found = voteContext({ voters: [voterOf(model)], ...options.context });
  return { draws: new Draws(jsonQuestion(options.question), found.context, options.recorded ?? []), ...found };
}

function landed<Action>(one: Landed<Action> | Failed): Landed<Action> {
  assert.ok('sample' in one, `it failed: ${'failure' in one ? one.failure : ''}`);
  return one;
}

describe('temperatures', () => {
  test('of the first draw of each voter, and of all its later ones', async () => {
    const model = scriptedModel(() => '"a"');
    const voters = [voterOf(model), voterOf(model, 'other', 1)];
    const { draws, reported } = drawsOf(model, { context: { voters, settings: voteSettings({ temperature: 0.7 }) } });
    for (const [draw, voter] of [0, 0, 1, 0, 1].entries()) await draws.land(draw, voter);
    assert.deepEqual(
      reported.map(({ variant, temperature }) => [variant, temperature]),
      [
        ['main', 0],
        ['main', 0.7],
        ['other', 0],
        ['main', 0.7],
        ['other', 0.7],
      ],
    );
  });

  test('are not told where the server took none', async () => {
    const replies = [{ omitted: ['temperature', 'seed'] as const }, { omitted: ['seed'] as const }, {}];
    const model: Model = {
      ...scriptedModel(() => '"a"'),
      generate: async ({ draw }) => ({
        text: '"a"',
        finishReason: 'stop',
        inputTokens: 1,
        outputTokens: 1,
        latencyMs: 0,
        ...replies[draw],
      }),
    };
    const { draws, reported } = drawsOf(model);
    for (const draw of replies.keys()) await draws.land(draw, 0);
    assert.deepEqual(
      reported.map(({ temperature, details }) => [temperature, details?.omitted]),
      [
        [undefined, ['temperature', 'seed']],
        [0.1, ['seed']],
        [0.1, undefined],
      ],
    );
  });

  test('that were not sent distinguish no voters', async () => {
    const reply = { text: '"a"', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 0 } as const;
    const model = (id: string, omits: boolean): Model => ({
      ...scriptedModel(() => '"a"'),
      id,
      generate: async () => (omits ? { ...reply, omitted: ['temperature'] } : reply),
    });
    const voters = [voterOf(model('m', true)), voterOf(model('n', false)), voterOf(model('m@t=0.7', true))];
    const twins = [0, 1, 0];
    const { draws, reported } = drawsOf(model('m', true), { context: { voters, twins } });
    const classes: number[] = [];
    for (const voter of [0, 1, 2]) classes.push(landed(await draws.land(voter, voter)).voter);
    assert.deepEqual(classes, [0, 1, 0]);
    assert.deepEqual(
      reported.map((sample) => sample.model),
      ['m', 'n', 'm@t=0.7'],
    );
    // So do they when they are read again.
    const again = drawsOf(model('m', true), { context: { voters, twins }, recorded: reported });
    for (const [draw, voter] of classes.entries()) {
      assert.equal(landed(await again.draws.land(draw, 1)).voter, voter);
    }
    const sent = drawsOf(model('m', false), {
      context: { voters: [0, 1, 2].map(() => voterOf(model('m', false))), twins },
    });
    assert.equal(landed(await sent.draws.land(0, 2)).voter, 2);
  });

  test("are the model's own where it has one", async () => {
    const model = { ...scriptedModel(() => '"a"'), temperature: 0.3 };
    const { draws, reported } = drawsOf(model);
    for (const draw of [0, 1]) await draws.land(draw, 0);
    assert.deepEqual(
      reported.map(({ temperature }) => temperature),
      [0.3, 0.3],
    );
  });
});

describe('recorded draws', () => {
  test('that answered about a file which has another content now are flagged', async () => {
    const model = scriptedModel([]);
    const now = [{ name: 'a.png', mediaType: 'image/png', sizeBytes: 1, sha256: 'new' }];
    const voters = [{ ...voterOf(model), sampler: { ...samplerOf(model), look: async () => now } }];
    const ask = () => ({ prompt: { user: [{ type: 'file' as const, path: 'a.png' }] }, parse: JSON.parse });
    const about = (sha256: string) => ({ details: { files: [{ ...now[0]!, sha256 }] } });
    const recorded = [sampleEntry(0, 'a', about('old')), sampleEntry(1, 'a', about('new'))];
    const verdicts = async (context: Partial<VoteContext>) => {
      const { draws } = drawsOf(model, { context, question: { ask }, recorded });
      return Promise.all([0, 1].map(async (draw) => landed(await draws.land(draw, 0)).verdict));
    };
    const [stale, fresh] = await verdicts({ voters });
    assert.ok(stale instanceof RedFlag && /another content/.test(stale.detail) && !(fresh instanceof RedFlag));
    // A file that is gone says nothing of the votes to it.
    const look = async () => ({ fault: 'there is no such file' });
    const gone = await verdicts({ voters: [{ ...voters[0]!, sampler: { ...voters[0]!.sampler, look } }] });
    assert.ok(gone.every((verdict) => !(verdict instanceof RedFlag)));
  });

  test('are told as such, not paid again, and are the first draw of their voter', async () => {
    const model = scriptedModel(() => '"new"');
    const { draws, reported, recorded } = drawsOf(model, { recorded: [sampleEntry(1, 'old'), sampleEntry(0, 'old')] });
    const { sample, verdict, voter } = landed(await draws.land(0, 0));
    assert.deepEqual([sample.text, verdict, voter], ['"old"', { key: '"old"', action: 'old' }, 0]);
    assert.deepEqual(recorded, [sample]);
    assert.equal(landed(await draws.land(2, 0)).sample.temperature, 0.1);
    assert.deepEqual(
      reported.map(({ draw }) => draw),
      [2],
    );
  });

  test('count for the voter that gave them, no matter whose turn it is now; for the present voter if that one no longer votes', async () => {
    const model = scriptedModel([]);
    const voters = [voterOf(model), voterOf(model, 'other', 1), voterOf({ ...model, id: 'unlike' }, 'other', 1)];
    const { draws } = drawsOf(model, {
      context: { voters },
      question: { formNamed: (variant) => (variant === 'main' ? 0 : 1) },
      recorded: [
        sampleEntry(0, 'a', { variant: 'other' }),
        sampleEntry(1, 'a', { variant: 'other', model: 'unlike' }),
        sampleEntry(2, 'a', { model: 'gone' }),
      ],
    });
    const voterAt = async (draw: number, turn: number) => landed(await draws.land(draw, turn)).voter;
    assert.deepEqual([await voterAt(0, 0), await voterAt(1, 0), await voterAt(2, 1)], [1, 2, 1]);
  });

  test('of a form that is gone, and flagged ones, are red flags', async () => {
    const flag = { code: 'too-long', detail: 'x' } as const;
    const { draws } = drawsOf(scriptedModel([]), {
      recorded: [sampleEntry(0, 'a', { variant: 'gone' }), sampleEntry(1, 'a', { candidate: undefined, flag })],
    });
    const verdictOf = async (draw: number) => landed(await draws.land(draw, 0)).verdict;
    assert.deepEqual(await verdictOf(0), new RedFlag('malformed', 'the process has no variant "gone" any more'));
    assert.deepEqual(await verdictOf(1), new RedFlag('too-long', 'x'));
  });
});

describe('what lands', () => {
  test('is told as the journal keeps it', async () => {
    const reply = { text: '"a"', inputTokens: 1_000, outputTokens: 10, latencyMs: 5 };
    const price = { inputUsdPerMTok: 2, outputUsdPerMTok: 50 };
    const { draws, reported } = drawsOf({ ...scriptedModel([reply]), price });
    const { sample, verdict } = landed(await draws.land(3, 0));
    assert.deepEqual(verdict, { key: '"a"', action: 'a' });
    assert.deepEqual(reported, [sample]);
    assert.deepEqual(sample, {
      ...sampleEntry(3, 'a'),
      inputTokens: 1_000,
      outputTokens: 10,
      costUsd: 0.0025,
      latencyMs: 5,
    });
  });

  test('flagged: its text is kept for people, cut and well-formed', async () => {
    const long = `${'x'.repeat(MAX_FLAGGED_CHARS - 1)}\ud83d\ude00`;
    const { draws } = drawsOf(scriptedModel([FLAGGED, { text: long, outputTokens: 1 }, '"illegal"']));
    const [malformed, cut, illegal] = await Promise.all([0, 1, 2].map((draw) => draws.land(draw, 0)));
    const { sample } = landed(malformed!);
    assert.deepEqual([sample.candidate, sample.flag?.code, sample.text], [undefined, 'malformed', FLAGGED]);
    assert.equal(landed(illegal!).sample.flag?.code, 'illegal');
    const { text } = landed(cut!).sample;
    assert.ok(text.isWellFormed());
    assert.equal(text, `${'x'.repeat(MAX_FLAGGED_CHARS - 1)}\ufffd`);
  });

  test('a form is asked for once, when it is first needed', async () => {
    const asked: number[] = [];
    const ask = (form: number) => {
      asked.push(form);
      return { prompt: { user: `form ${form}` }, parse: (text: string) => JSON.parse(text) };
    };
    const model = scriptedModel(() => '"a"');
    const voters = [voterOf(model), voterOf(model, 'other', 4)];
    const { draws } = drawsOf(model, { context: { voters }, question: { ask } });
    for (const [draw, voter] of [0, 0, 1, 1, 0].entries()) await draws.land(draw, voter);
    assert.deepEqual(asked, [0, 4]);
    assert.deepEqual(
      model.requests.map(({ prompt }) => prompt.user),
      ['form 0', 'form 0', 'form 4', 'form 4', 'form 0'],
    );
  });
});

test('a model is told what a step is about only where it asks for it; its index always', async () => {
  const subject = { process: {}, state: 'secret', form: {}, stepIndex: 3 } as unknown as StepSubject;
  const ask = () => ({ prompt: { user: 'x' }, subject, parse: (text: string) => text });
  for (const readsSubject of [undefined, true]) {
    const model = { ...scriptedModel(['a']), readsSubject };
    landed(await drawsOf(model, { question: { ask } }).draws.land(0, 0));
    const [request] = model.requests;
    assert.equal(request!.stepIndex, 3);
    assert.equal(request!.subject?.state, readsSubject ? 'secret' : undefined);
  }
});

describe('slots and failures', () => {
  test('a call waits for its slot, is told before it is made, and gives the slot back whatever happens', async () => {
    const model = heldModel();
    const calls: number[] = [];
    const slots = new Slots(1);
    const { draws } = drawsOf(model, { context: { slots, onCall: () => calls.push(model.requests.length) } });
    const all = [0, 1, 2].map((draw) => draws.land(draw, 0));
    await idle();
    assert.deepEqual([...model.held.keys()], [0]);
    model.answer(0, 'a');
    await idle();
    assert.deepEqual([...model.held.keys()], [1]);
    model.answer(1, new Error('the provider is broken'));
    await idle();
    model.answer(2, 'b');
    const [, failed, last] = await Promise.all(all);
    assert.match(String(failed && 'failure' in failed && failed.failure), /the provider is broken/);
    assert.equal(landed(last!).sample.text, '"b"');
    assert.deepEqual(calls, [0, 1, 2]);
  });

  test('a mistake in the process, and one of who is told, is a failure of the draw', async () => {
    const thrown = new Error('no prompt');
    const ask = () => {
      throw thrown;
    };
    assert.deepEqual(await drawsOf(scriptedModel([]), { question: { ask } }).draws.land(0, 0), { failure: thrown });
    const onSample = () => {
      throw thrown;
    };
    const { draws } = drawsOf(scriptedModel(['"a"']), { context: { onSample } });
    assert.deepEqual(await draws.land(0, 0), { failure: thrown });
  });

  test('abort ends the calls in flight; one that has landed, or asks for no signal, is left alone', async () => {
    const model = heldModel();
    const signals: AbortSignal[] = [];
    const watched: Model = {
      ...model,
      generate: (request) => {
        if (request.draw !== 2) signals.push(request.signal);
        return request.draw === 2
          ? Promise.resolve({ ...sampleEntry(2, 'c'), finishReason: 'stop' })
          : model.generate(request);
      },
    };
    const { draws } = drawsOf(watched, {
      context: { voters: [{ sampler: samplerOf(watched), form: 0, variant: 'main' }] },
    });
    const all = [0, 1, 2].map((draw) => draws.land(draw, 0));
    await idle();
    model.answer(0, 'a');
    await idle();
    draws.abort();
    const [first, second, third] = await Promise.all(all);
    assert.equal(landed(first!).sample.text, '"a"');
    assert.match(String(second && 'failure' in second && second.failure), /no longer needs this draw/);
    assert.equal(landed(third!).sample.text, '"c"');
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false, true],
    );
  });
});

test('before the first vote, draws that end without counting keep no turn from others (3)', async () => {
  const firstVote = new FirstVote({ votes: 0, flags: 0 }, 750);
  const reply = { text: 'no JSON', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 0 } as const;
  const model: Model = {
    ...scriptedModel([]),
    generate: async () => ({ ...reply, responseId: 'chatcmpl-BqTn3xLhJ0wR' }),
  };
  const { draws } = drawsOf(model, { context: { firstVote } });
  // The first is flagged, the others are its copies: none of them is counted.
  for (let draw = 0; draw < 20; draw++) await draws.land(draw, 0);
  assert.equal(firstVote.turn(new AbortController().signal), undefined);
});
