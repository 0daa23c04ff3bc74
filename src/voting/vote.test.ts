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
import {
  FLAGGED,
  heldModel,
  jsonQuestion,
  sampleEntry,
  samplerOf,
  tallyOf,
  textOf,
  voteContext,
  voterOf,
  voteSettings,
} from '../../test/fixtures/voting.ts';
import { ModelError, UsageError } from '../core/errors.ts';
import type { SampleEntry } from '../core/journal.ts';
import type { Model } from '../core/model.ts';
import { createRandom, type Random } from '../core/random.ts';
import { scriptedModel } from '../models/scripted.ts';
import { aheadByK, firstToK, fixedMajority, RULE_NAMES, ruleByName, type StopRule } from '../statistics/stop-rules.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import type { InFlight } from './in-flight.ts';
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
          const reply = isFlagged ? FLAGGED : randomReply(random);
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
      assert.deepEqual([outcome.type, outcome.tally], ['decided', tallyOf({ a: 6, b: 1 })]);
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
    assert.deepEqual(outcome.tally, tallyOf({ a: 1 }), 'too late to count');
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
      const replies = Array.from({ length: 150 }, () => (random() < 0.2 ? FLAGGED : randomReply(random)));
      const rule = ruleByName(RULE_NAMES[round % RULE_NAMES.length]!, { k: 3 });
      const inOrder = startVote(
        scriptedModel(({ draw }) => textOf(replies[draw]!)),
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
    assert.deepEqual(outcome.tally, tallyOf({ right: 3, wrong: 2 }));
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
    assert.deepEqual(decided.tally, tallyOf({ a: 3 }));
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
    const replies = ['"a"', FLAGGED, '"a"', '"a"'].map((text) => ({ text, inputTokens: 1000, outputTokens: 10 }));
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
    const untold = () =>
      scriptedModel(replies.map((reply, i) => (i === 2 ? { ...reply, inputTokens: undefined } : reply)));
    assert.equal((await startVote({ ...untold(), price: priced.price }).outcome).costUsd, null);
    assert.equal((await startVote(untold()).outcome).costUsd, 0);
  });
});

describe('undecided', () => {
  test('at the vote limit, even for a leader by a plurality', async () => {
    const model = scriptedModel(['a', 'a', 'b', 'a', 'b', 'a', 'a', 'b', 'b', 'a'].map(textOf));
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
    assert.deepEqual([outcome.type, outcome.samples, outcome.tally], ['undecided', 4, tallyOf({ a: 2, b: 2 })]);
    assert.deepEqual(model.aborted, [4]);
  });

  test('a tie of a fixed majority', async () => {
    const outcome = await startVote(scriptedModel(['a', 'b', 'b', 'a'].map(textOf)), {
      rule: fixedMajority({ votes: 4 }),
    }).outcome;
    assert.deepEqual([outcome.type, outcome.votes], ['undecided', 4]);
  });

  test('at the limit of flags, when no sample can be used', async () => {
    const model = scriptedModel(() => FLAGGED);
    const outcome = await startVote(model, { rule: aheadByK({ margin: 3, maxVotes: 8 }) }).outcome;
    assert.ok(outcome.type === 'undecided');
    assert.deepEqual([outcome.code, outcome.votes, outcome.flags], ['flag-limit', 0, { malformed: outcome.samples }]);
    assert.equal(outcome.samples, 8);
  });

  test('a leading vote does not decide when the rest is flagged', async () => {
    const model = scriptedModel((_, call) => (call < 2 ? '"a"' : FLAGGED));
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
    const first = startVote(scriptedModel(['"a"', '"b"', FLAGGED, '"a"', '"a"', '"a"']));
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
    const recorded = [sampleEntry(0, 'a'), sampleEntry(2, 'b'), sampleEntry(3, 'a')];
    const model = scriptedModel(({ draw }) => textOf(draw === 1 ? 'a' : 'c'));
    const outcome = await startVote(model, { rule: firstToK({ votes: 3 }) }, {}, {}, recorded).outcome;
    assert.deepEqual(outcome.tally, tallyOf({ a: 3, b: 1 }));
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
      { ...sampleEntry(0, 'a'), variant: 'other' },
      { ...sampleEntry(1, 'a'), variant: 'gone' },
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
    const recorded = [
      { ...sampleEntry(0, 'b'), candidate: undefined, flag: { code: 'too-long', detail: 'x' } as const },
    ];
    const model = scriptedModel(() => '"a"');
    const outcome = await startVote(model, {}, {}, {}, recorded).outcome;
    assert.deepEqual([outcome.tally, outcome.flags], [tallyOf({ a: 3 }), { 'too-long': 1 }]);
  });
});

describe('escalation', () => {
  const RUNGS = [
    { name: 'votes', voters: [0] },
    { name: 'panel', voters: [1, 2] },
    { name: 'verifier', voters: [1, 2] },
  ];
  /** Each voter says what its list says, the last of it for ever. */
  function panelOf(...replies: (readonly string[])[]) {
    const models = replies.map((list, i) => ({
      ...scriptedModel((_, call) => textOf(list[Math.min(call, list.length - 1)]!)),
      id: `model ${i}`,
    }));
    return { models, voters: models.map((model) => voterOf(model)) };
  }
  const judge = (action: unknown) => ({
    prompt: { user: String(action) },
    parse: (reply: string) => reply === '"yes"',
  });

  test('a contested step is handed on; what was voted so far counts on, and the decision says what settled it', async () => {
    const { models, voters } = panelOf(['a', 'b'], ['b'], ['b']);
    const told: unknown[] = [];
    const onEscalation = (escalation: unknown) => told.push(escalation);
    const { outcome, reported } = startVote(models[0]!, {}, { voters, rungs: RUNGS.slice(0, 2), onEscalation });
    const decided = await outcome;
    assert.deepEqual([decided.type, decided.settledBy, decided.firstVote], ['decided', 'panel', '"a"']);
    assert.deepEqual(decided.tally, tallyOf({ b: 4, a: 1 }));
    assert.deepEqual(decided.classVotes, [[2, 1, 1], [1]]);
    assert.deepEqual(told, [{ stepIndex: 7, to: 'panel', reason: 'dissent', tally: tallyOf({ a: 1, b: 1 }) }]);
    assert.deepEqual(
      reported.map(({ model }) => model),
      // The third draw of the first voter was in flight when the second was counted.
      ['model 0', 'model 0', 'model 0', 'model 1', 'model 2'],
    );
  });

  test('five flags in a row escalate a step, and are counted from zero there', async () => {
    const { models, voters } = panelOf([FLAGGED], [FLAGGED, FLAGGED, 'a'], ['a']);
    const told: string[] = [];
    const onEscalation = ({ reason }: { reason: string }) => told.push(reason);
    const decided = await startVote(models[0]!, {}, { voters, rungs: RUNGS.slice(0, 2), onEscalation }).outcome;
    assert.deepEqual([decided.type, decided.settledBy, decided.votes], ['decided', 'panel', 3]);
    assert.ok(decided.flags!.malformed! >= 7);
    assert.deepEqual(told, ['flags']);
  });

  test('undecided at the limits of the last rung, with the code of the limit', async () => {
    const rule = aheadByK({ margin: 3, maxVotes: 4 });
    const contested = panelOf(['a', 'b'], ['a'], ['b']);
    const outcome = await startVote(
      contested.models[0]!,
      { rule },
      { voters: contested.voters, rungs: RUNGS.slice(0, 2) },
    ).outcome;
    assert.ok(outcome.type === 'undecided');
    assert.deepEqual([outcome.code, outcome.settledBy], ['vote-limit', 'panel']);
    const mute = panelOf([FLAGGED], [FLAGGED], [FLAGGED]);
    const flagged = await startVote(mute.models[0]!, { rule }, { voters: mute.voters, rungs: RUNGS.slice(0, 2) })
      .outcome;
    assert.ok(flagged.type === 'undecided');
    assert.deepEqual([flagged.code, flagged.samples, flagged.votes], ['flag-limit', 8, 0]);
  });

  test('a verifier is asked of each candidate; the one that it accepts alone is the decision', async () => {
    const { models, voters } = panelOf(['a', 'a', 'b']);
    const rungs = [RUNGS[0]!, { name: 'verifier', voters: [0] }];
    const checker = { ...scriptedModel(({ prompt }) => textOf(prompt.user === 'b' ? 'yes' : 'no')), id: 'checker' };
    const verifier = samplerOf({ ...checker, price: { inputUsdPerMTok: 1e6, outputUsdPerMTok: 0 } });
    const { outcome, reported } = startVote(models[0]!, {}, { voters, rungs, verifier }, { judge });
    const decided = await outcome;
    assert.ok(decided.type === 'decided');
    assert.deepEqual([decided.action, decided.settledBy], ['b', 'verifier']);
    assert.deepEqual(decided.tally, [
      ['"b"', 1],
      ['"a"', 2],
    ]);
    // One token each of six judgements; all nine samples have a number of their own.
    assert.deepEqual([decided.samples, decided.votes, decided.costUsd], [9, 3, 6]);
    assert.deepEqual(
      reported.map(({ draw }) => draw),
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.deepEqual(
      checker.requests.map(({ prompt }) => prompt.user),
      ['a', 'a', 'a', 'b', 'b', 'b'],
    );
  });

  test('where it accepts none alone the votes go on, on the rung of the verifier', async () => {
    const { models, voters } = panelOf(['a', 'b', 'a']);
    const rungs = [RUNGS[0]!, { name: 'verifier', voters: [0] }];
    const verifier = samplerOf({ ...scriptedModel(() => '"no"'), id: 'checker' });
    const decided = await startVote(models[0]!, {}, { voters, rungs, verifier }, { judge }).outcome;
    assert.deepEqual([decided.type, decided.settledBy, decided.votes], ['decided', 'verifier', 5]);
    assert.deepEqual(decided.tally, tallyOf({ a: 4, b: 1 }));
  });

  test('what is in flight is counted before a verifier is asked, and may make that needless', async () => {
    const model = heldModel();
    const checker = scriptedModel([]);
    const voting = startVote(
      model,
      {
        isSuspicious: ({ runnerUpVotes, leaderVotes }) => runnerUpVotes > 0 && leaderVotes < 3,
        rule: firstToK({ votes: 3 }),
      },
      { rungs: [RUNGS[0]!, { name: 'verifier', voters: [0] }], verifier: samplerOf(checker), firstDraws: 4 },
      { judge },
    );
    for (const [draw, reply] of ['a', 'b', 'a', 'a'].entries()) {
      await idle();
      model.answer(draw, reply);
    }
    const decided = await voting.outcome;
    assert.deepEqual([decided.type, decided.settledBy, decided.tally], ['decided', undefined, tallyOf({ a: 3, b: 1 })]);
    assert.equal(checker.requests.length, 0);
  });
});

describe('answers that can be verified', () => {
  test('the first one that is right is the decision; wrong ones are red flags', async () => {
    const model = scriptedModel(['a', 'b', FLAGGED, 'c', 'c'].map(textOf));
    const verified: unknown[] = [];
    const verify = async (action: unknown) => {
      verified.push(action);
      return action === 'c';
    };
    const decided = await startVote(model, {}, {}, { verify }).outcome;
    assert.ok(decided.type === 'decided');
    assert.deepEqual([decided.action, decided.settledBy, decided.samples], ['c', 'verify', 4]);
    assert.deepEqual([decided.flags, decided.tally], [{ refuted: 2, malformed: 1 }, tallyOf({ c: 1 })]);
    assert.deepEqual(verified, ['a', 'b', 'c']);
    assert.equal(model.requests.length, 4, 'one at a time');
  });

  test('undecided at the limit of flags, when none is right', async () => {
    const rule = aheadByK({ margin: 3, maxVotes: 6 });
    const outcome = await startVote(
      scriptedModel(() => '"a"'),
      { rule },
      {},
      { verify: () => false },
    ).outcome;
    assert.ok(outcome.type === 'undecided');
    assert.deepEqual([outcome.code, outcome.flags], ['flag-limit', { refuted: 6 }]);
  });
});

describe('a guess at the decision', () => {
  test('follows what arrives, in whatever order; a wider first round is asked for once', async () => {
    const model = heldModel();
    const told: unknown[] = [];
    const voting = startVote(model, {}, { firstDraws: 5, onLeader: (...leader) => told.push(leader) });
    await idle();
    assert.equal(model.held.size, 5);
    for (const [draw, reply] of [
      [4, 'b'],
      [2, 'a'],
      [0, 'a'],
      [1, 'a'],
    ] as const) {
      model.answer(draw, reply);
      await idle();
    }
    assert.deepEqual(told, [
      ['"b"', 'b', false],
      ['"b"', 'b', true],
      ['"a"', 'a', false],
    ]);
    const outcome = await voting.outcome;
    assert.deepEqual([outcome.type, outcome.samples], ['decided', 3]);
    assert.deepEqual(model.aborted, [3]);
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
      assert.deepEqual(decided.tally, tallyOf({ a: 3 }));
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
    const model = scriptedModel((_, call) => textOf(names[call % names.length]!));
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
  changes: Partial<VoteContext> = {},
  question: Partial<Question<unknown>> = {},
  paid: readonly SampleEntry[] = [],
): Voting {
  const { context, reported, recorded } = voteContext({
    settings: voteSettings(settings),
    voters: [voterOf(model)],
    ...changes,
  });
  return { outcome: vote(jsonQuestion(question), context, paid), reported, recorded, inFlight: context.inFlight };
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

function randomReply(random: Random): string {
  return random() < 0.6 ? 'a' : random() < 0.6 ? 'b' : 'c';
}
