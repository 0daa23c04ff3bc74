// These tests are about a verifier. They prove:
//  1. It is shown the task as its first form puts it, and the answer as the process would write it, or what the process says
//     instead; its reply is yes or no, or a red flag.
//  2. The candidate that it accepts is the decision only where it rejects all others, and only while there are few of them.
//  3. It is asked of each candidate in a vote of its own: ahead by three, on the same slots and calls, with no guesses.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jsonQuestion, samplerOf, voteContext, voterOf, voteSettings } from '../../test/fixtures/voting.ts';
import { defineProcess, type ProcessDefinition } from '../core/process.ts';
import { RedFlag } from '../core/red-flags.ts';
import { scriptedModel } from '../models/scripted.ts';
import { Slots } from './draw-slots.ts';
import type { Decision, Question, Undecided, VoteContext } from './question.ts';
import { acceptedAlone, judgeForm } from './verifier.ts';

const DEFINITION: ProcessDefinition<undefined, number, number> = {
  name: 'count',
  version: '1',
  start: () => 0,
  isDone: (state) => state === 3,
  prompt: (state) => ({ user: `What comes after ${state}?` }),
  parse: Number,
  apply: (_, action) => action,
};

describe('what it is asked', () => {
  const userOf = (changes: Partial<typeof DEFINITION>) =>
    judgeForm(defineProcess({ ...DEFINITION, ...changes }), 1, 2).prompt;

  test('the task and the answer, by default as JSON', () => {
    const { system, user } = userOf({});
    assert.match(system!, /yes if the answer is right, with no if not/);
    assert.equal(user, 'The task:\nWhat comes after 1?\n\nThe answer:\n2\n\nIs this answer right? yes or no:');
  });

  test('the system prompt too, and the answer as the process writes it', () => {
    const prompt = () => ({ system: 'You count.', user: 'And now?' });
    const { user } = userOf({ prompt, reply: (action, state) => `${action} after ${state}` });
    assert.equal(
      user,
      'The task:\nYou count.\n\nAnd now?\n\nThe answer:\n2 after 1\n\nIs this answer right? yes or no:',
    );
  });

  test('what the process says instead', () => {
    const { subject, prompt } = judgeForm(
      defineProcess({
        ...DEFINITION,
        verification: { verifyPrompt: (action, state) => ({ user: `${state} + 1 = ${action}?` }) },
      }),
      1,
      2,
    );
    assert.deepEqual(prompt, { user: '1 + 1 = 2?' });
    assert.deepEqual(subject?.proposed, { action: 2 });
  });

  test('yes or no; anything else is a red flag', () => {
    const { parse } = judgeForm(defineProcess(DEFINITION), 1, 2);
    for (const text of ['yes', 'Yes.', ' YES!\n']) assert.equal(parse(text), true);
    for (const text of ['no', 'No.', '\tno']) assert.equal(parse(text), false);
    for (const text of ['', 'yes and no', 'yes, it is', 'nope', 'y']) {
      assert.throws(
        () => parse(text),
        (thrown) => thrown instanceof RedFlag && thrown.code === 'malformed',
        text,
      );
    }
  });
});

describe('which candidate it accepts alone', () => {
  const candidates = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `"${i}"`, action: String(i) }));
  const verdict = (outcome: boolean | undefined) =>
    (outcome === undefined ? { type: 'undecided' } : { type: 'decided', action: outcome }) as Decision<boolean>;

  function asks(verdicts: readonly (boolean | undefined)[], changes: Partial<VoteContext> = {}, hasJudge = true) {
    const asked: { question: Question<boolean>; context: VoteContext }[] = [];
    const verifier = samplerOf({ ...scriptedModel([]), id: 'checker' });
    const { context } = voteContext({ voters: [voterOf(scriptedModel([]))], verifier, ...changes });
    const judge = (action: unknown) => ({ prompt: { user: `Is ${action} right?` }, parse: () => true });
    const accepted = acceptedAlone(
      candidates(verdicts.length),
      jsonQuestion({ judge: hasJudge ? judge : undefined }),
      context,
      async (question, context): Promise<Decision<boolean> | Undecided> => {
        asked.push({ question, context });
        return verdict(verdicts[asked.length - 1]);
      },
    );
    return accepted.then((candidate) => ({ candidate, asked }));
  }

  test('the one it accepts, when it has rejected all others', async () => {
    for (const [verdicts, expected] of [
      [[true, false], '"0"'],
      [[false, true, false], '"1"'],
      [[false, false, false, false, true], '"4"'],
      [[true], '"0"'],
    ] as const) {
      const { candidate, asked } = await asks(verdicts);
      assert.equal(candidate, expected);
      assert.equal(asked.length, verdicts.length);
    }
  });

  test('none where it accepts none or two, or cannot decide about one; the rest are not asked about', async () => {
    for (const [verdicts, calls] of [
      [[false, false], 2],
      [[true, true, false], 2],
      [[undefined, true], 1],
      [[true, undefined, false], 2],
      [[], 0],
    ] as const) {
      const { candidate, asked } = await asks(verdicts);
      assert.equal(candidate, undefined);
      assert.equal(asked.length, calls);
    }
  });

  test('none, and nothing is asked, with more than five candidates, without a verifier, without a question for it', async () => {
    assert.equal((await asks([true, false, false, false, false])).candidate, '"0"');
    for (const refused of [
      asks([true, false, false, false, false, false]),
      asks([true], { verifier: undefined }),
      asks([true], {}, false),
    ]) {
      const { candidate, asked } = await refused;
      assert.deepEqual([candidate, asked.length], [undefined, 0]);
    }
  });

  test('in a vote of its own: ahead by three, on the same slots, with no guesses, no ladder and no rates', async () => {
    const slots = new Slots(3);
    const onCall = () => {};
    const settings = voteSettings({ isSuspicious: () => true, maxOutputTokens: 99 });
    const { asked } = await asks([true, false], {
      settings,
      slots,
      onCall,
      onLeader: () => assert.fail('a judgement is no guess at the decision'),
      onEscalation: () => assert.fail('a judgement is not escalated'),
      reliability: () => 0,
      firstDraws: 9,
    });
    for (const [i, { question, context }] of asked.entries()) {
      assert.equal(question.stepIndex, 7);
      assert.equal(question.ask(0).prompt.user, `Is ${i} right?`);
      assert.equal(question.formNamed('whatever'), 0);
      assert.deepEqual([question.key(true), question.key(false)], ['yes', 'no']);
      assert.equal(context.settings.rule.name, 'ahead-by-k(k=3)');
      assert.equal(context.settings.maxOutputTokens, 99);
      assert.deepEqual(
        context.voters.map(({ sampler }) => sampler.model.id),
        ['checker'],
      );
      assert.equal(context.slots, slots);
      assert.equal(context.onCall, onCall);
      const { isSuspicious } = context.settings;
      const { onLeader, onEscalation, reliability, firstDraws, rungs, verifier } = context;
      for (const own of [isSuspicious, onLeader, onEscalation, reliability, firstDraws, rungs, verifier]) {
        assert.equal(own, undefined);
      }
    }
  });
});
