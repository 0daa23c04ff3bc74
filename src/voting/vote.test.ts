/**
 * A vote:
 * - has exactly as many draws in flight as would decide if they agreed, at most `maxConcurrency`, and aborts the rest
 * - counts samples in the order in which they were asked for: the decision does not depend on which answer is fast
 * - never counts a flagged sample as a vote, and never decides by anything but its rule
 * - reports every paid sample, also when it fails, and never pays for a recorded one again
 * - survives any reply
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import { createSampler } from '../calls/retrying-sampler.ts';
import { candidateKey } from '../core/candidate.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { SampleEntry } from '../core/journal.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import type { StepSubject } from '../core/process.ts';
import { createRandom, type Random } from '../core/random.ts';
import { redFlag } from '../core/red-flags.ts';
import { type ScriptedReply, scriptedModel } from '../models/scripted.ts';
import { aheadByK, firstToK, fixedMajority, RULE_NAMES, ruleByName, type StopRule } from '../statistics/stop-rules.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { InFlight } from './in-flight.ts';
import type { Question, VoteContext, VoteSettings } from './question.ts';
import { vote } from './vote.ts';

describe('draws in flight', () => {
  for (const name of RULE_NAMES) {
    test(`${name}: exactly as many as would decide if they agreed`, async () => {
      const random = createRandom(1);
      for (let round = 0; round < 20; round++) {
        const rule = ruleByName(name, { k: 3 });
        const race = rule.start();
        const model = heldModel();
        const voting = startVote(model, { rule });
        let flagged = 0;
        for (let draw = 0; race.decided() === undefined; draw++) {
          await idle();
          if (race.tally.total + race.needed() > rule.limit || flagged >= (rule.flagLimit ?? rule.limit)) break;
          assert.equal(model.held.size, race.needed());
          const isFlagged = random() < 0.2;
          const reply = isFlagged ? 'flag me' : randomReply(random);
          if (isFlagged) flagged++;
          else race.record(JSON.stringify(reply));
          model.answer(draw, reply);
        }
        const outcome = await voting.outcome;
        assert.deepEqual(outcome.tally, race.tally.entries());
        if (outcome.type === 'decided') assert.equal(outcome.samples, model.requests.length, 'no draw is wasted');
      }
    });
  }

  test('never more than maxConcurrency, and the decision is the same', async () => {
    for (const maxConcurrency of [1, 2, 3, 100]) {
      const model = heldModel();
      const voting = startVote(model, { rule: aheadByK({ margin: 5 }), maxConcurrency });
      let most = 0;
      for (let draw = 0; draw < 7; draw++) {
        await idle();
        most = Math.max(most, model.held.size);
        model.answer(draw, draw === 2 ? 'b' : 'a');
      }
      const outcome = await voting.outcome;
      assert.equal(most, Math.min(5, maxConcurrency));
      assert.deepEqual([outcome.type, outcome.tally], ['decided', tally({ a: 6, b: 1 })]);
    }
  });

  test('what is still in flight when the step is decided is aborted, and waited for', async () => {
    const model = heldModel();
    const voting = startVote(model, { rule: decidesEarly(3) });
    await idle();
    model.answer(0, 'a');
    const outcome = await voting.outcome;
    assert.deepEqual([outcome.type, outcome.samples], ['decided', 1]);
    assert.deepEqual(model.aborted, [1, 2]);
    assert.equal(model.held.size, 0);
  });

  test('an answer that comes in spite of the abort is reported, because it was paid', async () => {
    const answers: ((text: string) => void)[] = [];
    const model = scriptedModel(() => new Promise((resolve) => answers.push(resolve)));
    const voting = startVote(model, { rule: decidesEarly(2) });
    await idle();
    answers[0]!('"a"');
    await idle();
    assert.equal(model.requests[1]!.signal.aborted, true);
    answers[1]!('"b"');
    const outcome = await voting.outcome;
    assert.deepEqual(outcome.tally, tally({ a: 1 }), 'too late to count');
    assert.deepEqual(
      voting.reported.map(({ draw, candidate }) => [draw, candidate]),
      [
        [0, '"a"'],
        [1, '"b"'],
      ],
    );
  });

  test('a pause aborts all of them at once, also those made later', async () => {
    const model = heldModel();
    const voting = startVote(model, {});
    await idle();
    const reason = new Error('paused');
    voting.inFlight.abort(reason);
    await assert.rejects(voting.outcome, reason);
    assert.deepEqual(model.aborted, [0, 1, 2]);
    const later = heldModel();
    await assert.rejects(startVote(later, {}, { inFlight: voting.inFlight }).outcome, reason);
    assert.deepEqual(later.aborted, [0, 1, 2]);
  });

  test('the first draw has temperature 0, later ones 0.1; every draw has its number and the limit of tokens', async () => {
    const model = scriptedModel(['"a"', '"b"', '"a"', '"a"', '"a"']);
    await startVote(model, { maxOutputTokens: 321 }).outcome;
    assert.deepEqual(
      model.requests.map(({ draw, temperature, maxOutputTokens }) => [draw, temperature, maxOutputTokens]),
      [
        [0, 0, 321],
        [1, 0.1, 321],
        [2, 0.1, 321],
        [3, 0.1, 321],
        [4, 0.1, 321],
      ],
    );
  });
});

describe('counting', () => {
  test('fast answers are not favoured: any order of arrival gives the same decision', async () => {
    const random = createRandom(2);
    for (let round = 0; round < 60; round++) {
      const replies = Array.from({ length: 150 }, () => (random() < 0.2 ? 'flag me' : randomReply(random)));
      const rule = ruleByName(RULE_NAMES[round % RULE_NAMES.length]!, { k: 3 });
      const inOrder = startVote(
        scriptedModel(({ draw }) => text(replies[draw]!)),
        { rule },
      );
      const expected = await inOrder.outcome;
      const model = heldModel();
      const voting = startVote(model, { rule, maxConcurrency: 1 + Math.floor(random() * 6) });
      let outcome: unknown;
      void voting.outcome.then((value) => {
        outcome = value;
      });
      for (await idle(); outcome === undefined; await idle()) {
        const draws = [...model.held.keys()];
        const draw = draws[Math.floor(random() * draws.length)]!;
        model.answer(draw, replies[draw]!);
      }
      assert.deepEqual(outcome, expected);
    }
  });

  test('three quick wrong answers do not overtake the slow first one', async () => {
    const model = heldModel();
    const voting = startVote(model, { rule: firstToK({ votes: 3 }) });
    await idle();
    model.answer(2, 'wrong');
    model.answer(1, 'wrong');
    await idle();
    assert.equal(model.requests.length, 3, 'no further draw before the first is known');
    for (const draw of [0, 3, 4]) {
      model.answer(draw, 'right');
      await idle();
    }
    const outcome = await voting.outcome;
    assert.deepEqual(outcome.tally, tally({ right: 3, wrong: 2 }));
  });

  test('flagged samples never vote, and are counted by code', async () => {
    const { outcome, reported } = startVote(
      scriptedModel([
        '"a"',
        'no JSON',
        { text: '"b"', finishReason: 'length' },
        { text: '"b"', finishReason: 'refused' },
        { text: '"b"', outputTokens: 751 },
        '  ',
        '"illegal"',
        '"b" ... or rather "a"',
        '"a"',
        '"a"',
      ]),
    );
    const decided = await outcome;
    assert.deepEqual(decided.tally, tally({ a: 3 }));
    assert.deepEqual([decided.samples, decided.votes], [10, 3]);
    assert.deepEqual(decided.flags, { malformed: 2, truncated: 1, refused: 1, 'too-long': 1, empty: 1, illegal: 1 });
    for (const { flag, candidate } of reported) assert.equal(flag === undefined, candidate !== undefined);
  });

  test('equal actions are one candidate, whatever their text', async () => {
    const { outcome } = startVote(scriptedModel(['{"x":1,"y":[2]}', '{ "y": [2.0], "x": 1e0 }', '{"y":[2],"x":1}\n']));
    const decided = await outcome;
    assert.ok(decided.type === 'decided');
    assert.deepEqual([decided.action, decided.samples], [{ x: 1, y: [2] }, 3]);
  });

  test('tokens, cost and time are summed over all samples; an unknown price makes the cost unknown', async () => {
    const replies = ['"a"', 'flag me', '"a"', '"a"'].map((text) => ({ text, inputTokens: 1000, outputTokens: 10 }));
    const clock = virtualClock();
    const priced: Model = { ...scriptedModel(replies), price: { inputUsdPerMTok: 2, outputUsdPerMTok: 50 } };
    const slow: Model = {
      ...priced,
      generate: async (request) => {
        await clock.sleep(100);
        return priced.generate(request);
      },
    };
    const decided = await startVote(slow, {}, { monotonicMs: () => clock.monotonicMs() }).outcome;
    assert.deepEqual([decided.inputTokens, decided.outputTokens, decided.latencyMs], [4000, 40, 200]);
    assert.ok(Math.abs(decided.costUsd! - 4 * (0.002 + 0.0005)) < 1e-12);
    const unpriced = await startVote({ ...scriptedModel(replies), price: undefined }).outcome;
    assert.equal(unpriced.costUsd, null);
    const untold = scriptedModel(replies.map((reply, i) => (i === 2 ? { ...reply, inputTokens: undefined } : reply)));
    assert.equal((await startVote(untold).outcome).costUsd, null);
  });
});

describe('undecided', () => {
  test('at the vote limit, even for a leader by a plurality', async () => {
    const model = scriptedModel(['a', 'a', 'b', 'a', 'b', 'a', 'a', 'b', 'b', 'a'].map(text));
    const outcome = await startVote(model, { rule: aheadByK({ margin: 4, maxVotes: 10 }) }).outcome;
    assert.ok(outcome.type === 'undecided');
    assert.equal(outcome.code, 'vote-limit');
    assert.deepEqual(outcome.tally.slice(0, 1), [['"a"', outcome.tally[0]![1]]]);
    assert.ok(outcome.votes <= 10 && outcome.tally[0]![1] > outcome.tally[1]![1]);
    assert.equal('action' in outcome, false);
  });

  test('as soon as the votes left cannot decide; what is still in flight is aborted', async () => {
    const model = heldModel();
    const voting = startVote(model, { rule: aheadByK({ margin: 3, maxVotes: 6 }) });
    for (const [draw, reply] of ['a', 'b', 'a', 'b'].entries()) {
      await idle();
      model.answer(draw, reply);
    }
    const outcome = await voting.outcome;
    // At 2 : 2 three more would be needed, and only two are left.
    assert.deepEqual([outcome.type, outcome.samples, outcome.tally], ['undecided', 4, tally({ a: 2, b: 2 })]);
    assert.deepEqual(model.aborted, [4]);
  });

  test('a tie of a fixed majority', async () => {
    const outcome = await startVote(scriptedModel(['a', 'b', 'b', 'a'].map(text)), {
      rule: fixedMajority({ votes: 4 }),
    }).outcome;
    assert.deepEqual([outcome.type, outcome.votes], ['undecided', 4]);
  });

  test('at the limit of flags, when no sample can be used', async () => {
    const model = scriptedModel(() => 'flag me');
    const outcome = await startVote(model, { rule: aheadByK({ margin: 3, maxVotes: 8 }) }).outcome;
    assert.ok(outcome.type === 'undecided');
    assert.deepEqual([outcome.code, outcome.votes, outcome.flags], ['flag-limit', 0, { malformed: outcome.samples }]);
    assert.equal(outcome.samples, 8);
  });

  test('a leading vote does not decide when the rest is flagged', async () => {
    const model = scriptedModel((_, call) => (call < 2 ? '"a"' : 'flag me'));
    const outcome = await startVote(model, { rule: aheadByK({ margin: 3, maxVotes: 8 }) }).outcome;
    assert.deepEqual([outcome.type, outcome.votes], ['undecided', 2]);
  });
});

describe('a model that fails', () => {
  const failure = new ModelError('the key was refused', { code: 'authentication', recovery: 'pause' });

  test('ends the vote; what had landed was reported, what is in flight is aborted', async () => {
    const model = heldModel();
    const voting = startVote(model, { rule: aheadByK({ margin: 4 }) });
    await idle();
    model.answer(1, 'a');
    model.answer(0, failure);
    await assert.rejects(voting.outcome, failure);
    assert.deepEqual(
      voting.reported.map(({ draw }) => draw),
      [1],
    );
    assert.deepEqual(model.aborted, [2, 3]);
  });

  test('harms nobody when a later draw fails while an earlier one is still out', async () => {
    const model = heldModel();
    const voting = startVote(model);
    await idle();
    model.answer(2, failure);
    model.answer(1, failure);
    // Were a rejection left alone for a moment, Node would end the program here.
    await idle();
    await idle();
    model.answer(0, 'a');
    await assert.rejects(voting.outcome, failure);
    assert.deepEqual(
      voting.reported.map(({ draw }) => draw),
      [0],
    );
  });

  test('is asked again under the same draw number while it may recover', async () => {
    const busy = new ModelError('too many requests', { code: 'rate-limit', recovery: 'retry' });
    const model = scriptedModel([busy, '"a"', '"a"', '"a"']);
    const decided = await startVote(model).outcome;
    assert.deepEqual([decided.type, decided.samples], ['decided', 3]);
    assert.deepEqual(
      model.requests.map(({ draw }) => draw),
      [0, 1, 2, 0],
    );
  });

  test('a mistake in the process definition is not taken for a bad sample', async () => {
    const parse = () => {
      throw new UsageError('expected a synchronous schema');
    };
    const ask = () => ({ prompt: { user: 'What?' }, parse });
    await assert.rejects(startVote(scriptedModel(['a', 'a', 'a']), {}, {}, { ask }).outcome, UsageError);
  });
});

describe('recorded draws', () => {
  test('are counted, not drawn again', async () => {
    const first = startVote(scriptedModel(['"a"', '"b"', 'flag me', '"a"', '"a"', '"a"']));
    const whole = await first.outcome;
    for (let kept = 0; kept <= first.reported.length; kept++) {
      const model = scriptedModel(({ draw }) => first.reported[draw]!.text);
      const voting = startVote(model, {}, {}, {}, first.reported.slice(0, kept));
      assert.deepEqual(await voting.outcome, whole);
      assert.equal(model.requests.length, first.reported.length - kept);
      assert.deepEqual(voting.recorded, first.reported.slice(0, kept));
      assert.deepEqual(voting.reported, first.reported.slice(kept));
    }
  });

  test('may have gaps, because answers land in any order', async () => {
    const recorded = [sample(0, 'a'), sample(2, 'b'), sample(3, 'a')];
    const model = scriptedModel(({ draw }) => text(draw === 1 ? 'a' : 'c'));
    const outcome = await startVote(model, { rule: firstToK({ votes: 3 }) }, {}, {}, recorded).outcome;
    assert.deepEqual(outcome.tally, tally({ a: 3, b: 1 }));
    assert.deepEqual(
      model.requests.map(({ draw }) => draw),
      [1],
    );
  });

  test('are read in the form that they answered; of a form that is gone they are red flags', async () => {
    const asked: number[] = [];
    const ask = (form: number) => {
      asked.push(form);
      return { prompt: { user: 'What?' }, parse: (text: string) => `${form}${JSON.parse(text)}` };
    };
    const formNamed = (variant: string) => ['main', 'other'].indexOf(variant) + 1 || undefined;
    const recorded = [
      { ...sample(0, 'a'), variant: 'other' },
      { ...sample(1, 'a'), variant: 'gone' },
    ];
    const model = scriptedModel(() => '"a"');
    const outcome = await startVote(model, { rule: firstToK({ votes: 3 }) }, {}, { ask, formNamed }, recorded).outcome;
    assert.deepEqual(outcome.tally, [
      ['"0a"', 3],
      ['"2a"', 1],
    ]);
    assert.deepEqual(outcome.flags, { malformed: 1 });
    assert.deepEqual(asked.sort(), [0, 2]);
  });

  test('that were flagged stay flagged, whatever their text says', async () => {
    const recorded = [{ ...sample(0, 'b'), candidate: undefined, flag: { code: 'too-long', detail: 'x' } as const }];
    const model = scriptedModel(() => '"a"');
    const outcome = await startVote(model, {}, {}, {}, recorded).outcome;
    assert.deepEqual([outcome.tally, outcome.flags], [tally({ a: 3 }), { 'too-long': 1 }]);
  });
});

describe('any reply', { timeout: 30_000 }, () => {
  const evil: Record<string, string> = {
    'five megabytes': JSON.stringify('x'.repeat(5_000_000)),
    'five megabytes of brackets': '['.repeat(5_000_000),
    'deep arrays': `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    'deep objects': `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
    'a number beyond all': '1e999',
    'half a surrogate pair': '"\ud83d"',
    'two keys in one normal form': '{"ü":1,"u\u0308":2}',
  };
  for (const [name, reply] of Object.entries(evil)) {
    test(`${name}: a red flag`, async () => {
      const { outcome, reported } = startVote(scriptedModel([reply, '"a"', '"a"', '"a"']));
      const decided = await outcome;
      assert.deepEqual(decided.tally, tally({ a: 3 }));
      assert.equal(decided.samples, 4);
      assert.ok(reported[0]!.text.length <= 65_536, 'the journal does not keep five megabytes of nonsense');
      assert.ok(reported[0]!.flag!.detail.length < 1_000);
    });
  }

  test('`__proto__` keys are ordinary keys and reach no prototype', async () => {
    const reply = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const decided = await startVote(scriptedModel([reply, reply, reply])).outcome;
    assert.ok(decided.type === 'decided');
    assert.equal(JSON.stringify(decided.action), reply);
    assert.equal(Object.getPrototypeOf(decided.action), Object.prototype);
    assert.equal('polluted' in {}, false);
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const model = scriptedModel((_, call) => text(names[call % names.length]!));
    const outcome = await startVote(model, { rule: aheadByK({ margin: 3, maxVotes: 8 }) }).outcome;
    assert.ok(
      outcome.tally.every(([, votes]) => votes <= 2),
      JSON.stringify(outcome.tally),
    );
  });

  test('control characters stay what they are', async () => {
    const action = '\u0000\u0007\u001b[2J\u202e\n';
    const { outcome, reported } = startVote(scriptedModel(Array(3).fill(JSON.stringify(action))));
    const decided = await outcome;
    assert.ok(decided.type === 'decided');
    assert.equal(decided.action, action);
    assert.equal(reported[0]!.text, JSON.stringify(action));
  });
});

interface Voting {
  readonly outcome: ReturnType<typeof vote<unknown>>;
  /** Samples that were paid in this vote. */
  readonly reported: SampleEntry[];
  readonly recorded: SampleEntry[];
  readonly inFlight: InFlight;
}

/** Starts a vote on a question whose replies are JSON; by default first to ahead by 3, temperatures as in the paper. */
function startVote(
  model: Model,
  settings: Partial<VoteSettings> = {},
  context: Partial<VoteContext> = {},
  question: Partial<Question<unknown>> = {},
  paid: readonly SampleEntry[] = [],
): Voting {
  const reported: SampleEntry[] = [];
  const recorded: SampleEntry[] = [];
  const inFlight = context.inFlight ?? new InFlight();
  const outcome = vote<unknown>(
    {
      stepIndex: 7,
      ask: () => ({ prompt: { user: 'What comes next?' }, parse: (text) => JSON.parse(text) }),
      formNamed: (variant) => (variant === 'main' ? 0 : undefined),
      check: (action) => (action === 'illegal' ? redFlag('illegal', 'not allowed') : undefined),
      key: candidateKey,
      ...question,
    },
    {
      settings: {
        rule: aheadByK({ margin: 3 }),
        firstTemperature: 0,
        temperature: 0.1,
        maxOutputTokens: 750,
        maxConcurrency: 100,
        ...settings,
      },
      voters: [
        {
          sampler: createSampler({ model, clock: virtualClock(), random: createRandom(0), maxRetries: 2 }),
          form: 0,
          variant: 'main',
        },
      ],
      monotonicMs: () => 0,
      onSample: (sample, isRecorded) => (isRecorded ? recorded : reported).push(sample),
      ...context,
      inFlight,
    },
    paid,
  );
  return { outcome, reported, recorded, inFlight };
}

/** A model whose answers come when the test says so. */
function heldModel() {
  const held = new Map<number, { resolve: (reply: string) => void; reject: (reason: unknown) => void }>();
  const aborted: number[] = [];
  const model = scriptedModel(
    ({ draw, signal }: ModelRequest) =>
      new Promise<ScriptedReply>((resolve, reject) => {
        const onAbort = () => {
          held.delete(draw);
          aborted.push(draw);
          reject(signal.reason);
        };
        held.set(draw, { resolve, reject });
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort, { once: true });
      }),
  );
  const answer = (draw: number, reply: string | Error) => {
    const { resolve, reject } = held.get(draw)!;
    held.delete(draw);
    if (reply instanceof Error) reject(reply);
    else resolve(text(reply));
  };
  return { ...model, held, aborted, answer };
}

/** Decides on its first vote, although it asked for more. */
function decidesEarly(needed: number): StopRule {
  return {
    name: 'early',
    limit: 100,
    start() {
      const race = firstToK({ votes: 1 }).start();
      return {
        tally: race.tally,
        record: (candidate) => race.record(candidate),
        decided: () => race.decided(),
        needed: () => needed,
      };
    },
  };
}

function text(reply: string): string {
  return reply === 'flag me' ? reply : JSON.stringify(reply);
}

function randomReply(random: Random): string {
  return random() < 0.6 ? 'a' : random() < 0.6 ? 'b' : 'c';
}

function tally(votes: Record<string, number>): [string, number][] {
  return Object.entries(votes).map(([reply, count]) => [JSON.stringify(reply), count]);
}

function sample(draw: number, reply: string): SampleEntry {
  const usage: Omit<Sample, 'text'> = { finishReason: 'stop', inputTokens: 4, outputTokens: 1, latencyMs: 0 };
  const entry = {
    ...usage,
    type: 'sample',
    stepIndex: 7,
    draw,
    model: 'scripted',
    variant: 'main',
    temperature: 0,
    costUsd: 0,
  } as const;
  return { ...entry, text: text(reply), candidate: text(reply), flag: undefined };
}

describe('what a model is told', () => {
  const subject = { process: {}, state: 'secret', form: {} } as unknown as StepSubject;
  const asked: Question<string> = {
    stepIndex: 3,
    ask: () => ({ prompt: { user: 'x' }, subject: { ...subject, stepIndex: 3 }, parse: (text) => text }),
    formNamed: () => 0,
    key: (action) => action,
  };

  for (const readsSubject of [undefined, true]) {
    test(`is the subject of a step only where it asks for it: ${readsSubject}`, async () => {
      const requests: ModelRequest[] = [];
      const generate = async (request: ModelRequest): Promise<Sample> => {
        requests.push(request);
        return { text: 'a', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 0 };
      };
      const model: Model = { id: 'm', price: undefined, readsSubject, generate };
      const sampler = createSampler({ model, clock: virtualClock(), random: createRandom(1), maxRetries: 0 });
      await vote(asked, {
        settings: {
          rule: aheadByK({ margin: 1 }),
          firstTemperature: 0,
          temperature: 0,
          maxOutputTokens: 9,
          maxConcurrency: 1,
        },
        voters: [{ sampler, form: 0, variant: 'main' }],
        inFlight: new InFlight(),
        monotonicMs: () => 0,
        onSample: () => {},
      });
      assert.equal(requests.length, 1);
      assert.equal(requests[0]!.stepIndex, 3);
      assert.equal(requests[0]!.subject?.state, readsSubject ? 'secret' : undefined);
    });
  }
});
