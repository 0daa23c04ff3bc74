// These tests are about a replay. They prove:
//  1. By the rule and the flags of the run it finds every decision again: action, votes by candidate and by voter class, what
//     settled it, flags, samples and cost; with any rule, margin, share of flags, variants, ladder, panel and concurrency.
//  2. By a smaller margin it is what a run with that margin would have been, sample for sample; k = 1 is the first vote.
//  3. By a larger one it says which steps the samples do not decide, and how many more there would have to be at least.
//  4. A flag that does not count makes votes of the samples that had no other and can be parsed; never of a malformed one.
//  5. Wrong decisions are counted against the reference in the states of the run, before and after.
//  6. Steps without samples are listed, and are in no sum; a paused run's open step is judged too.
//  7. It writes nothing, asks no model, and reads the journal by pages.
//  8. What it cannot replay it refuses: an unknown run, a changed process unless accepted, effects, unusable options.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chainProcess } from '../../test/fixtures/chain-process.ts';
import * as fc from '../../test/properties.ts';
import { calibrate } from '../calibrate.ts';
import { JournalError, ProcessError, UsageError } from '../core/errors.ts';
import type { Journal, StepEntry } from '../core/journal.ts';
import { type AnyProcess, defineProcess, type ProcessDefinition } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { RED_FLAG_CODES, type RedFlagCode, redFlag } from '../core/red-flags.ts';
import { memoryJournal } from '../journals/memory.ts';
import { type ScriptedReply, scriptedModel } from '../models/scripted.ts';
import type { ReplayOptions, RunOptions } from '../options.ts';
import { hanoi } from '../processes/hanoi.ts';
import { replay } from '../replay.ts';
import { run } from '../run.ts';
import { RULE_NAMES } from '../statistics/stop-rules.ts';
import type { ReplayedStep, ReplayResult } from './replay-loop.ts';
import type { RunResult } from './run-result.ts';

const HANOI = hanoi();
const RUN = 'r';

async function recorded(options: Partial<RunOptions>, process: AnyProcess = HANOI, input: unknown = { disks: 5 }) {
  const journal = options.journal ?? memoryJournal();
  const base = { model: 'simulated:p=0.8,v=0.85,seed=1', k: 3, record: 'all', runId: RUN } as const;
  const result = await run(process, input, { ...base, ...options, journal });
  assert.ok(typeof journal !== 'string');
  return { journal, result, decisions: await journal.decisions(RUN) };
}

async function replayed(journal: Journal, options: ReplayOptions = {}, process: AnyProcess = HANOI) {
  const steps: ReplayedStep[] = [];
  const onStep = (step: ReplayedStep) => steps.push(step);
  const result = await replay(process, RUN, { ...options, journal, onStep });
  return { result, steps };
}

/** What must be found again of a decision. */
function essence({ action, samples, votes, classVotes, settledBy, flags, ...more }: StepEntry) {
  const { inputTokens, outputTokens, costUsd } = more;
  return { action, samples, votes, classVotes, settledBy, flags, inputTokens, outputTokens, costUsd };
}

function assertSame(decisions: readonly StepEntry[], steps: readonly ReplayedStep[]): void {
  for (const [i, decision] of decisions.entries()) {
    const { outcome, after, wrong } = steps[i]!;
    const { tally, ...rest } = after;
    assert.deepEqual([outcome, rest], ['same', essence(decision)], `step ${i}`);
    assert.deepEqual(tally.length > 1 ? tally : undefined, decision.tally);
    assert.deepEqual([wrong.before, wrong.after], [decision.wrong, decision.wrong]);
  }
}

function assertNothingChanged({ outcomes, before, after, missing, saved }: ReplayResult): void {
  assert.deepEqual([outcomes.different, outcomes.short], [0, 0]);
  assert.deepEqual(after, before);
  const nothing = { samples: 0, tokens: { input: 0, output: 0 }, costUsd: 0 };
  assert.deepEqual([missing, saved], [nothing, nothing]);
}

describe('by the rule and the flags of the run', { timeout: 60_000 }, () => {
  const parts = fc.record({
    seed: fc.integer({ min: 0, max: 1e6 }),
    rule: fc.constantFrom(...RULE_NAMES),
    k: fc.integer({ min: 1, max: 5 }),
    p: fc.constantFrom(0.6, 0.8, 0.95),
    v: fc.constantFrom(0.5, 0.8, 1),
    variants: fc.constantFrom<number | 'all'>(1, 2, 'all'),
    escalate: fc.constantFrom<RunOptions['escalate']>(undefined, [], ['variants'], ['panel']),
    hasPanel: fc.boolean(),
    maxConcurrency: fc.constantFrom(1, 3, 16),
  });

  test('every decision is found again', async () => {
    const property = fc.asyncProperty(parts, async ({ seed, p, v, hasPanel, ...options }) => {
      const model = `simulated:p=${p},v=${v},alternatives=2,inputUsdPerMTok=1,outputUsdPerMTok=4`;
      const panel = hasPanel ? [`simulated:p=0.7,v=0.9,seed=${seed + 1}`] : undefined;
      const { journal, decisions, result } = await recorded({ ...options, model, panel, seed, maxSteps: 15 });
      const again = await replayed(journal);
      assertSame(decisions, again.steps);
      // A step that the run is paused at is still not decided.
      assert.equal(again.steps.length, decisions.length + result.undecided);
      assert.equal(again.result.outcomes.undecided, result.undecided);
      const { samples, votes, flags, tokens } = again.result.before;
      assert.deepEqual({ samples, votes, flags, tokens }, pick(result));
      if (result.undecided === 0) assertNothingChanged(again.result);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test('also by the evidence rule with its calibration', async () => {
    const model = 'simulated:p=0.95,v=0.9,rho=0.01,seed=5';
    const sampling = { model, variants: 'all', seed: 1, sampleSteps: 200 } as const;
    const { calibration } = await calibrate(HANOI, { disks: 10 }, sampling);
    const options = { model, calibration, k: undefined, variants: 2, target: 0.9 } as const;
    const { journal, decisions, result: ended } = await recorded(options);
    assert.equal(ended.status, 'done', ended.reason ?? '');
    const { result, steps } = await replayed(journal);
    assert.match(result.rule, /^evidence\(/);
    assertSame(decisions, steps);
    assertNothingChanged(result);
    // By a margin instead, and by another target.
    assert.equal((await replayed(journal, { k: 2 })).result.rule, 'ahead-by-k(k=2)');
    const lower = await replayed(journal, { target: 0.5 });
    assert.ok(lower.result.saved.samples > 0 && lower.result.outcomes.short === 0);
    // And a run by margin under the evidence rule.
    const other = await recorded({ model, k: 6, variants: 2 });
    const changed = await replayed(other.journal, { calibration, target: 0.9 });
    assert.match(changed.result.rule, /^evidence\(/);
    assert.equal(changed.result.replayedSteps, 31);
  });

  test('a margin that the run chose itself is chosen again', async () => {
    const { journal, decisions } = await recorded({ model: 'simulated:p=0.9,v=0.9,seed=2', k: 'auto', target: 0.9 });
    const { result, steps } = await replayed(journal);
    assertSame(decisions, steps);
    assert.match(result.rule, /^ahead-by-k\(k=\d\)$/);
    // Other rules know no `auto`: they take their default.
    assert.equal((await replayed(journal, { rule: 'first-to-k' })).result.rule, 'first-to-k(k=3)');
  });

  test('a process given in code, models too', async () => {
    const model = {
      ...scriptedModel(({ draw, prompt }) => counted(textOf(prompt.user), draw % 3 === 1 ? 2 : 1)),
      id: 'mine',
    };
    const { journal, decisions } = await recorded({ model }, COUNT, null);
    const { steps } = await replayed(journal, {}, COUNT);
    assertSame(decisions, steps);
  });

  test('a variant may be named as a journal of old named a verifier', async () => {
    const form = { name: 'verifier of me', prompt: (state: number) => ({ system: 'Count on.', user: String(state) }) };
    const process = defineProcess({ ...DEFINITION, variants: [form] });
    const model = {
      ...scriptedModel(({ draw, prompt }) => counted(textOf(prompt.user), draw % 3 === 1 ? 2 : 1)),
      id: 'mine',
    };
    const { journal, decisions } = await recorded({ model, variants: 'all', escalate: [] }, process, null);
    const samples = await journal.samples(RUN, 0);
    assert.ok(samples.some(({ variant, kind }) => variant === form.name && kind === 'vote'));
    const { result, steps } = await replayed(journal, {}, process);
    assertSame(decisions, steps);
    assert.equal(result.outcomes.same, decisions.length);
  });
});

function pick({ samples, votes, flags, tokens }: Pick<RunResult, 'samples' | 'votes' | 'flags' | 'tokens'>) {
  return { samples, votes, flags, tokens };
}

describe('by another margin', () => {
  test('a smaller one: sample for sample what a run with it would have been', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const options = { model: `simulated:p=0.93,v=0.8,seed=${seed}`, escalate: [] };
      const wide = await recorded({ ...options, k: 6 });
      const narrow = await recorded({ ...options, k: 3 });
      assert.deepEqual([wide.result.wrongSteps, narrow.result.wrongSteps], [0, 0], 'the same states');
      const { result, steps } = await replayed(wide.journal, { k: 3 });
      assert.deepEqual(
        steps.map(({ after: { tally: _, ...rest } }) => rest),
        narrow.decisions.map(essence),
      );
      assert.deepEqual(pick(result.after), pick(narrow.result));
      assert.equal(result.saved.samples, wide.result.samples - narrow.result.samples);
      assert.deepEqual(result.after.certificate, narrow.result.certificate);
    }
  });

  test('k = 1 is what the first vote said, and saves all that came after it', async () => {
    const { journal, decisions, result: before } = await recorded({ k: 3 });
    const { result, steps } = await replayed(journal, { k: 1 });
    let used = 0;
    for (const [i, { after, outcome }] of steps.entries()) {
      const samples = await journal.samples(RUN, i);
      const first = samples.findIndex(({ flag }) => flag === undefined);
      const { candidate } = samples[first]!;
      used += first + 1;
      assert.deepEqual([after.samples, after.tally], [first + 1, [[candidate, 1]]]);
      assert.equal(outcome, candidate === HANOI.key(decisions[i]!.action) ? 'same' : 'different');
    }
    assert.equal(result.saved.samples, before.samples - used);
    assert.equal(result.saved.tokens.input, before.tokens.input! - result.after.tokens.input);
    assert.ok(result.outcomes.different > 0 && result.after.contestedSteps === 0);
    assert.equal(result.differentSteps.length, Math.min(10, result.outcomes.different));
  });

  test('a larger one: which steps need more, and never more at least than a run would have taken', async () => {
    const options = { model: 'simulated:p=0.93,v=0.8,seed=1', escalate: [] };
    const narrow = await recorded({ ...options, k: 3 });
    const wide = await recorded({ ...options, k: 6 });
    const { result, steps } = await replayed(narrow.journal, { k: 6, maxListed: 4 });
    assert.deepEqual(result.outcomes, { same: 0, different: 0, short: 31, undecided: 0 });
    assert.deepEqual([result.after.decidedSteps, result.after.wrongSteps, result.shortSteps.length], [0, 0, 4]);
    for (const [i, { after, missingSamples, recordedSamples }] of steps.entries()) {
      const [, votes] = narrow.decisions[i]!.tally?.[0] ?? ['', narrow.decisions[i]!.votes];
      const lead = votes - (narrow.decisions[i]!.tally?.[1]?.[1] ?? 0);
      assert.deepEqual([lead, missingSamples], [3, 3]);
      assert.deepEqual(after.samples, recordedSamples);
      assert.ok(recordedSamples + missingSamples <= wide.decisions[i]!.samples);
    }
    assert.equal(result.missing.samples, 31 * 3);
    assert.equal(result.saved.samples, -31 * 3);
    const mean = result.before.tokens.output / result.before.samples;
    assert.equal(result.missing.tokens.output, Math.round(31 * 3 * mean));
  });

  test('other rules, and a vote limit that stops what the run went on with', async () => {
    const { journal } = await recorded({ k: 4 });
    for (const rule of RULE_NAMES) {
      const { result } = await replayed(journal, { rule, k: 3 });
      const { same, different, short, undecided } = result.outcomes;
      assert.equal(same + different + short + undecided, 31);
      assert.ok(same > 15, `${rule}: ${same}`);
    }
    const single = await recorded({ model: 'simulated:p=0.8,seed=1', k: 4, escalate: [] });
    const { result } = await replayed(single.journal, { k: 4, maxVotes: 4 });
    assert.equal(result.outcomes.undecided, single.decisions.filter(({ tally }) => tally !== undefined).length);
    assert.equal(result.missing.samples, 0, 'at a limit no further sample helps');
  });
});

/** Counts to four; an action that goes too far is illegal, one that stays behind is only wrong. */
const DEFINITION: ProcessDefinition<null, number, number> = {
  name: 'count',
  version: '1',
  start: () => 0,
  isDone: (state) => state === 4,
  steps: () => 4,
  prompt: (state) => ({ user: String(state) }),
  check: (action, state) => (action > state + 1 ? redFlag('illegal', 'too far') : undefined),
  apply: (state) => state + 1,
  reference: (state) => state + 1,
  reply: String,
  parse(text) {
    if (/^\d+$/.test(text)) return Number(text);
    throw redFlag('malformed', 'expected digits');
  },
};
const COUNT = defineProcess(DEFINITION);
const counted = (state: string, more: number) => String(Number(state) + more);

describe('red flags', () => {
  type Reply = string | ScriptedReply;
  /** The first draw of each step is flagged, the second is the right vote. */
  async function flaggedOnce(reply: (state: string) => Reply, process: AnyProcess = COUNT) {
    const model = scriptedModel(({ draw, prompt }) =>
      draw === 0 ? reply(textOf(prompt.user)) : counted(textOf(prompt.user), 1),
    );
    return recorded({ model, k: 1, escalate: [], maxOutputTokens: 100 }, process, null);
  }
  const without = (...off: RedFlagCode[]) => RED_FLAG_CODES.filter((code) => !off.includes(code));

  const cases: readonly (readonly [code: RedFlagCode, reply: (state: string) => Reply, becomes: boolean])[] = [
    ['too-long', (state) => ({ text: counted(state, 0), outputTokens: 101 }), true],
    ['truncated', (state) => ({ text: counted(state, 0), finishReason: 'length' }), true],
    ['refused', (state) => ({ text: counted(state, 0), finishReason: 'refused' }), true],
    ['illegal', (state) => counted(state, 2), true],
    ['empty', () => ' ', false],
    ['malformed', () => 'one more', false],
  ];
  for (const [code, reply, becomesVote] of cases) {
    test(`${code}: off, it ${becomesVote ? 'is a vote' : 'is still none'}`, async () => {
      const { journal, decisions } = await flaggedOnce(reply);
      assert.deepEqual(
        decisions.map(({ flags }) => flags),
        Array(4).fill({ [code]: 1 }),
      );
      const on = await replayed(journal, { redFlags: [code] }, COUNT);
      assertSame(decisions, on.steps);
      const off = await replayed(journal, { redFlags: without(code) }, COUNT);
      assert.deepEqual(off.result.outcomes.different, becomesVote ? 4 : 0);
      assert.deepEqual(off.result.after.flags, becomesVote ? {} : { malformed: 4 });
      assert.equal(off.result.saved.samples, becomesVote ? 4 : 0);
      assert.deepEqual([off.result.before.wrongSteps, off.result.after.wrongSteps], [0, becomesVote ? 4 : 0]);
    });
  }

  test("a process's own code is counted by itself, and goes with illegal", async () => {
    const check: typeof DEFINITION.check = (action, state) =>
      action > state + 1 ? redFlag('too-far', 'one at a time') : undefined;
    const process = defineProcess({ ...DEFINITION, check });
    const { journal, decisions, result } = await flaggedOnce((state) => counted(state, 2), process);
    assert.deepEqual([result.flagged, result.flags], [4, { 'too-far': 4 }]);
    const on = await replayed(journal, {}, process);
    assertSame(decisions, on.steps);
    assert.deepEqual([on.result.before.flags, on.result.after.flags], [{ 'too-far': 4 }, { 'too-far': 4 }]);
    const off = await replayed(journal, { redFlags: without('illegal') }, process);
    assert.deepEqual([off.result.outcomes.different, off.result.after.flags], [4, {}]);
  });

  test('that hid another one gives way to it', async () => {
    const { journal } = await flaggedOnce((state) => ({
      text: counted(state, 2),
      outputTokens: 101,
      finishReason: 'length',
    }));
    const flagsWithout = async (...off: RedFlagCode[]) =>
      (await replayed(journal, { redFlags: without(...off) }, COUNT)).result.after.flags;
    assert.deepEqual(await flagsWithout('too-long'), { truncated: 4 });
    assert.deepEqual(await flagsWithout('too-long', 'truncated'), { illegal: 4 });
    assert.deepEqual(await flagsWithout('too-long', 'truncated', 'illegal'), {});
  });

  test('a shorter --max-output-tokens flags what was a vote, a longer one frees what was flagged', async () => {
    const { journal } = await flaggedOnce((state) => ({ text: counted(state, 1), outputTokens: 101 }));
    const freed = await replayed(journal, { maxOutputTokens: 101 }, COUNT);
    assert.deepEqual([freed.result.outcomes.same, freed.result.saved.samples], [4, 4]);
    const model = scriptedModel(({ prompt }) => ({ text: counted(textOf(prompt.user), 1), outputTokens: 50 }));
    const long = await recorded({ model, k: 1 }, COUNT, null);
    const { result } = await replayed(long.journal, { maxOutputTokens: 49 }, COUNT);
    assert.deepEqual([result.outcomes.short, result.after.flags, result.maxOutputTokens], [4, { 'too-long': 4 }, 49]);
  });

  test('a text that was cut, or came with half a surrogate pair, stays flagged', async () => {
    const cut = await flaggedOnce(() => ({ text: '1'.repeat(70_000), outputTokens: 101 }));
    const long = await replayed(cut.journal, { redFlags: without('too-long') }, COUNT);
    assert.deepEqual(long.result.after.flags, { 'too-long': 4 });
    const anything = defineProcess({ ...DEFINITION, parse: (text: string) => text.length });
    const half = await flaggedOnce(() => '\ud800', anything);
    assert.deepEqual(half.result.flags, { malformed: 4 });
    const { result } = await replayed(half.journal, { redFlags: [] }, anything);
    assert.deepEqual(result.after.flags, { malformed: 4 });
  });

  test('refuted: with verify the first right answer decides; off, it is the rule', async () => {
    const process = defineProcess({
      ...DEFINITION,
      verification: { verify: (action: number, state: number) => action === state + 1 },
    });
    const { journal, decisions } = await flaggedOnce((state) => counted(state, 0), process);
    const on = await replayed(journal, { k: 5 }, process);
    assertSame(decisions, on.steps);
    assert.deepEqual(on.result.after.flags, { refuted: 4 });
    assert.deepEqual(on.result.after.settledBy, { verify: 4 });
    const off = await replayed(journal, { redFlags: without('refuted') }, process);
    assert.deepEqual([off.result.outcomes.different, off.result.after.flags], [4, {}]);
  });
});

describe('wrong decisions', () => {
  test('before and after, with a model that is right four times in five', async () => {
    const { journal, result: before } = await recorded({ model: 'simulated:p=0.8,seed=7', k: 2 }, chain(200), {
      steps: 200,
    });
    const { result, steps } = await replayed(journal, { k: 1 }, chain(200));
    assert.equal(result.before.wrongSteps, before.wrongSteps);
    const wrong = steps.filter((step) => step.wrong.after).length;
    assert.equal(result.after.wrongSteps, wrong);
    // One vote errs with .2, two in a lead of two with .2^2 / (.2^2 + .8^2) = .06.
    assert.ok(wrong > 25 && wrong < 60 && (before.wrongSteps ?? 0) < 25, `${before.wrongSteps} then ${wrong}`);
  });

  test('without a reference nothing is said of them', async () => {
    const blind = defineProcess({ ...DEFINITION, reference: undefined });
    const { journal } = await recorded(
      { model: scriptedModel(({ prompt }) => counted(textOf(prompt.user), 1)) },
      blind,
      null,
    );
    const { result } = await replayed(journal, { k: 1 }, blind);
    assert.deepEqual(
      [result.before.wrongSteps, result.after.wrongSteps, result.withoutSamples.wrongSteps],
      [null, null, null],
    );
  });
});

/** Its states depend on every action before: judged in other states, nothing would be read as it was. */
function chain(steps: number): AnyProcess {
  return chainProcess({ start: () => ({ step: 0, steps, digest: 1 }) });
}

describe('what was recorded', () => {
  test('none: no step can be judged; contested: the others are listed', async () => {
    for (const record of ['none', 'contested'] as const) {
      const { journal, decisions } = await recorded({ record, model: 'simulated:p=0.9,v=0.95,seed=3' });
      const { result, steps } = await replayed(journal, { maxListed: 100 });
      const kept = decisions.filter(({ keepSamples }) => keepSamples).map(({ stepIndex }) => stepIndex);
      assert.deepEqual(
        steps.map(({ stepIndex }) => stepIndex),
        kept,
      );
      const { withoutSamples } = result;
      assert.deepEqual([result.replayedSteps, withoutSamples.steps], [kept.length, 31 - kept.length]);
      const listed = withoutSamples.ranges.flatMap(([from, to]) =>
        Array.from({ length: to - from + 1 }, (_, i) => from + i),
      );
      assert.deepEqual(
        listed,
        decisions.map(({ stepIndex }) => stepIndex).filter((step) => !kept.includes(step)),
      );
      const contested = decisions.filter(({ tally }) => tally !== undefined).length;
      assert.equal(withoutSamples.unanimousSteps, record === 'none' ? 31 - contested : withoutSamples.steps);
      assert.ok(record === 'none' ? kept.length === 0 : kept.length > 3 && kept.length < 25);
      assert.equal(result.outcomes.same, kept.length);
      const first = await replayed(journal, { maxListed: 1 });
      assert.deepEqual(first.result.withoutSamples.ranges, withoutSamples.ranges.slice(0, 1));
    }
  });

  test('the step that a run is paused at may be decided now', async () => {
    const tied = scriptedModel(({ draw, prompt }) =>
      counted(textOf(prompt.user), textOf(prompt.user) === '2' ? draw % 2 : 1),
    );
    const { journal, result: paused } = await recorded({ model: tied, k: 2, maxVotes: 6 }, COUNT, null);
    assert.deepEqual([paused.status, paused.steps], ['paused', 2]);
    const same = await replayed(journal, {}, COUNT);
    assert.deepEqual(same.result.outcomes, { same: 2, different: 0, short: 0, undecided: 1 });
    assert.equal(same.result.before.samples, paused.samples);
    const { result } = await replayed(journal, { k: 1 }, COUNT);
    assert.deepEqual(result.outcomes, { same: 2, different: 1, short: 0, undecided: 0 });
    const [step] = result.differentSteps;
    assert.deepEqual([step?.stepIndex, step?.before, step?.after.action], [2, undefined, 2]);
  });

  test('draws behind one that is missing do not count', async () => {
    const { journal } = await recorded(
      { model: scriptedModel(({ prompt }) => counted(textOf(prompt.user), 1)) },
      COUNT,
      null,
    );
    const gappy: Journal = {
      ...journal,
      samples: async (...of) => (await journal.samples(...of)).filter(({ draw }) => draw !== 1),
    };
    const { result, steps } = await replayed(gappy, {}, COUNT);
    assert.deepEqual([result.outcomes.short, steps[0]?.after.samples, steps[0]?.missingSamples], [4, 1, 2]);
  });

  test('samples in a variant that is gone are no votes', async () => {
    const two = defineProcess({ ...DEFINITION, variants: [{ name: 'b', prompt: DEFINITION.prompt }] });
    // The second vote dissents, so that both forms are asked.
    const model = scriptedModel(({ draw, prompt }) => counted(textOf(prompt.user), draw === 1 ? 0 : 1));
    const { journal, decisions } = await recorded({ model, k: 3 }, two, null);
    assertSame(decisions, (await replayed(journal, {}, two)).steps);
    assert.ok(decisions.every(({ settledBy, classVotes }) => settledBy === 'variants' && classVotes?.[0]?.[1]));
    const { result } = await replayed(journal, {}, COUNT);
    const asked = decisions.reduce((sum, { classVotes }) => sum + (classVotes?.[0]?.[1] ?? 0), 0);
    assert.deepEqual([result.outcomes.short, result.after.flags], [4, { malformed: asked }]);
  });

  test('is only read, by pages, and no model is asked', async () => {
    let calls = 0;
    const model = scriptedModel(({ prompt }) => {
      calls++;
      return String(2 * Number(/\d+$/.exec(textOf(prompt.user))?.[0]));
    });
    const { journal, decisions } = await recorded({ model, k: 1, record: 'all' }, chain(2_500), { steps: 2_500 });
    const asked = calls;
    const limits: unknown[] = [];
    const readOnly: Journal = {
      ...journal,
      create: refused,
      openWriter: refused,
      decisions: (runId, range) => {
        limits.push(range?.limit);
        return journal.decisions(runId, range);
      },
    };
    const { result } = await replayed(readOnly, {}, chain(2_500));
    assert.deepEqual([result.outcomes.same, calls], [2_500, asked]);
    assert.deepEqual(limits, [1_000, 1_000, 1_000]);
    assert.deepEqual(await journal.decisions(RUN), decisions);
  });

  test('by a run that was resumed with other options, which is said', async () => {
    const { journal } = await recorded({ k: 2, maxSteps: 10 });
    assert.equal((await replayed(journal)).result.settingsChanged, false);
    await recorded({ k: 3, journal });
    const { result } = await replayed(journal);
    assert.deepEqual([result.settingsChanged, result.rule], [true, 'ahead-by-k(k=3)']);
    assert.ok(result.outcomes.short > 0, 'the first ten steps were decided by less');
  });
});

const refused = async (): Promise<never> => assert.fail('nothing is written');

describe('what it refuses', () => {
  test('an unknown run', async () => {
    await assert.rejects(replayed(memoryJournal()), (thrown) => {
      return thrown instanceof JournalError && thrown.code === 'unknown-run';
    });
  });

  test('a changed process, unless it is accepted: then its texts are read by the new one', async () => {
    const { journal, decisions } = await recorded(
      { model: scriptedModel(({ prompt }) => counted(textOf(prompt.user), 1)) },
      COUNT,
      null,
    );
    const changed = defineProcess({
      ...DEFINITION,
      version: '2',
      parse: (text: string) => {
        if (text === '3') throw redFlag('malformed', 'no threes');
        return Number(text);
      },
    });
    await assert.rejects(replayed(journal, {}, changed), (thrown) => {
      assert.ok(thrown instanceof ProcessError && thrown.code === 'changed');
      assert.match(thrown.message, /version was "1", is "2".*options\.acceptChange\.$/);
      return true;
    });
    const { result } = await replayed(journal, { acceptChange: true }, changed);
    assert.deepEqual([result.outcomes.same, result.outcomes.short, result.after.flags], [3, 1, { malformed: 3 }]);
    assertSame(decisions, (await replayed(journal, {}, COUNT)).steps);
  });

  test('a process with effects', async () => {
    const acting = defineProcess({ ...DEFINITION, effect: async () => null });
    const { journal } = await recorded(
      { model: scriptedModel(({ prompt }) => counted(textOf(prompt.user), 1)) },
      acting,
      null,
    );
    await assert.rejects(replayed(journal, {}, acting), (thrown) => {
      return thrown instanceof UsageError && /cannot be replayed: process "count" has effects/.test(thrown.message);
    });
  });

  test('options that cannot be used, saying which', async () => {
    const { journal } = await recorded({ maxVotes: 30 });
    const unusable: readonly (readonly [options: object, says: RegExp])[] = [
      [{ redFlags: ['long'] }, /^redFlags: expected some of too-long, .*, got "long"\.$/],
      [{ k: 0 }, /expected a whole number of at least 1, or auto, got 0/],
      [{ k: 31 }, /^maxVotes: expected at least 31/],
      [{ maxOutputTokens: 0 }, /^maxOutputTokens: /],
      [{ maxListed: -1 }, /^maxListed: /],
      [{ rule: 'evidence' }, /^rule: evidence needs a calibration/],
      [{ rule: 'plurality' }, /^rule: expected one of/],
      [{ target: 2 }, /^target: /],
      [{ calibration: '/nowhere.json' }, /^calibration: expected a file/],
    ];
    for (const [options, says] of unusable) {
      await assert.rejects(replayed(journal, options), (thrown) => {
        assert.ok(thrown instanceof UsageError, String(thrown));
        assert.match(thrown.message, says);
        return true;
      });
    }
  });
});
