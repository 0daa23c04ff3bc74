// These tests are about a contested step. They prove:
//  1. A dissent, a streak of flags or the vote limit hands it on: to all variants, then to the panel, then to a person. What
//     was voted so far counts on; each rung is journaled, and the decision says which one settled it.
//  2. A step that is not contested never leaves its first voters. A dissent that calibration predicts is no reason.
//  3. Interrupted in the middle of it, a resumed run ends as an uninterrupted one.
//  4. A person's answer is held to the process's own checks; one that is refused changes nothing.
//  5. A verifier is asked of each candidate, yes or no, in a vote of its own: only where it accepts one and rejects all others
//     that one is the decision. Its samples are journaled and paid, but are no votes; interrupted, nothing is asked twice.
//     A panel that is no rung votes from the start.
//  6. Where the process can verify an answer, the first one that it accepts is the decision; refuted ones are red flags.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../core/errors.ts';
import type { RunEvent } from '../core/events.ts';
import type { ModelRequest } from '../core/model.ts';
import { detailsOf } from '../core/notes.ts';
import { defineProcess, type ProcessDefinition } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { redFlag } from '../core/red-flags.ts';
import { memoryJournal } from '../journals/memory.ts';
import { scriptedModel } from '../models/scripted.ts';
import type { RunOptions } from '../options.ts';
import { run } from '../run.ts';

const STEPS = 6;
const HARD = 3;

/** Counts to six; the prompt says in which form it is asked. */
const DEFINITION: ProcessDefinition<undefined, number, number> = {
  name: 'count',
  version: '1',
  start: () => 0,
  steps: () => STEPS,
  isDone: (state) => state === STEPS,
  prompt: (state) => ({ system: 'main', user: String(state) }),
  parse: (text) => {
    if (!/^\d+$/.test(text)) throw redFlag('malformed', 'expected digits');
    return Number(text);
  },
  check: (action, state) => (action > state + 3 ? redFlag('illegal', 'too far') : undefined),
  variants: ['b', 'c'].map((name) => ({ name, prompt: (state) => ({ system: name, user: String(state) }) })),
  apply: (state) => state + 1,
  reference: (state) => state + 1,
  reply: String,
};
const COUNT = defineProcess(DEFINITION);

const right = (request: ModelRequest) => String(Number(request.prompt.user) + 1);
const wrong = (request: ModelRequest) => String(Number(request.prompt.user) + 2);
const isHard = ({ prompt }: ModelRequest) => Number(prompt.user) === HARD;
const formOf = ({ prompt }: ModelRequest) => prompt.system ?? '';

/** Cannot make up its mind on the hard step when asked in these forms. */
function wavering(forms: readonly string[], otherwise = right) {
  let calls = 0;
  const named = scriptedModel((request) => {
    if (!isHard(request) || !forms.includes(formOf(request))) return otherwise(request);
    return calls++ % 2 === 0 ? wrong(request) : right(request);
  });
  return { ...named, id: 'wavering' };
}

const panelist = () => ({ ...scriptedModel(right), id: 'panelist' });

async function runCount(options: Partial<RunOptions>, process = COUNT) {
  const events: RunEvent[] = [];
  const journal = options.journal === undefined ? memoryJournal() : options.journal;
  const result = await run(process, undefined, {
    model: scriptedModel(right),
    k: 3,
    runId: 'r',
    record: 'all',
    ...options,
    journal,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  assert.ok(typeof journal !== 'string');
  const escalations = events.flatMap((event) => (event.type === 'step-escalated' ? [[event.to, event.reason]] : []));
  const [decision] = await journal.decisions('r', { fromStep: HARD, limit: 1 });
  return { result, escalations, decision, journal, samples: await journal.samples('r', HARD) };
}

/** Interrupts a run when so many samples of the hard step have landed. */
function endsAt(landed: number): Pick<RunOptions, 'signal' | 'onEvent'> {
  const abort = new AbortController();
  let seen = 0;
  return {
    signal: abort.signal,
    onEvent: (event) => {
      if (event.type === 'sample-landed' && event.sample.stepIndex === HARD && ++seen === landed) abort.abort();
    },
  };
}

describe('the ladder', () => {
  test('a dissent brings in all variants, in turn, and what was voted so far counts on', async () => {
    const found = await runCount({ model: wavering(['main']) });
    assert.equal(found.result.status, 'done');
    assert.equal(found.result.wrongSteps, 0);
    assert.deepEqual(found.escalations, [['variants', 'dissent']]);
    assert.equal(found.decision?.settledBy, 'variants');
    assert.deepEqual(
      found.samples.map(({ variant }) => variant),
      ['main', 'main', 'main', 'main', 'b', 'c', 'main', 'b', 'c'].slice(0, found.samples.length),
    );
    const [note] = detailsOf(await found.journal.notes('r'), 'step-escalated');
    assert.deepEqual([note?.stepIndex, note?.to, note?.reason], [HARD, 'variants', 'dissent']);
    // Each form's first draw is at temperature 0.
    for (const variant of ['main', 'b', 'c']) {
      const temperatures = found.samples.filter((sample) => sample.variant === variant).map((one) => one.temperature);
      assert.deepEqual(temperatures, [0, ...Array(temperatures.length - 1).fill(0.1)]);
    }
  });

  test('steps that are not contested never leave their first voters', async () => {
    const model = wavering(['main']);
    await runCount({ model });
    const others = model.requests.filter((request) => !isHard(request));
    assert.ok(others.every((request) => formOf(request) === 'main'));
  });

  test('the vote limit brings in the panel; it alone votes then', async () => {
    const found = await runCount({ model: wavering(['main', 'b', 'c']), panel: [panelist()], maxVotes: 9 });
    assert.deepEqual(found.escalations, [
      ['variants', 'dissent'],
      ['panel', 'vote-limit'],
    ]);
    assert.equal(found.decision?.settledBy, 'panel');
    assert.equal(found.result.wrongSteps, 0);
    const panelVotes = found.samples.filter(({ model }) => model === 'panelist');
    assert.ok(panelVotes.length >= 3 && panelVotes.every(({ candidate }) => candidate === String(HARD + 1)));
  });

  test('flags in a row are a reason too', async () => {
    const mumbling = scriptedModel((request) =>
      isHard(request) && formOf(request) === 'main' ? 'well' : right(request),
    );
    const found = await runCount({ model: mumbling });
    assert.deepEqual(found.escalations, [['variants', 'flags']]);
    assert.equal(found.result.status, 'done');
  });

  test('without rungs a contested step stays with its voters; a rung of its own choosing', async () => {
    const alone = await runCount({ model: wavering(['main']), escalate: [], maxVotes: 9 });
    assert.deepEqual([alone.escalations, alone.result.status, alone.result.undecided], [[], 'paused', 1]);
    const panelOnly = await runCount({ model: wavering(['main']), escalate: ['panel'], panel: [panelist()] });
    assert.deepEqual(panelOnly.escalations, [['panel', 'dissent']]);
    const majority = await runCount({ model: wavering(['main']), rule: 'majority', k: 4 });
    assert.deepEqual([majority.escalations, majority.result.status], [[], 'paused']);
  });

  test('a dissent that calibration predicts is no reason, one that it does not is', async () => {
    const counts = (wrongSteps: number) =>
      Array.from({ length: 200 }, (_, stepIndex) => {
        const isWrong = stepIndex < wrongSteps ? 1 : 0;
        const seen = { right: 4 - isWrong, wrong: isWrong, flagged: 0, topRival: isWrong };
        return { stepIndex, classes: [{ first: seen, all: seen }] };
      });
    const usage = { samples: 800, inputTokens: 1, outputTokens: 1, costUsd: 0, medianLatencyMs: 1 };
    for (const [wrongSteps, expected] of [
      [120, []],
      [1, [['variants', 'dissent']]],
    ] as const) {
      const found = await runCount({
        model: {
          ...scriptedModel((request) => (isHard(request) && request.draw === 0 ? wrong(request) : right(request))),
          id: 'wavering',
        },
        k: 4,
        calibration: {
          format: 'mdap-calibration-2',
          process: { name: 'count', version: '1', prompts: [], variants: [] },
          runSteps: STEPS,
          truth: 'reference',
          classes: [{ first: usage, all: usage, model: 'wavering', variant: 'main' }],
          steps: counts(wrongSteps),
          settings: {},
          createdAtMs: 0,
        },
        maxVotes: 200,
      });
      assert.deepEqual(
        found.escalations.slice(0, 1),
        expected.slice(0, 1),
        `${wrongSteps} of 200 steps with a dissent`,
      );
    }
  });

  test('interrupted in the middle, it ends as if it had not been', async () => {
    const answers = (request: ModelRequest) => {
      const isWrong = isHard(request) && formOf(request) !== 'c' && request.draw % 2 === 0;
      return isWrong ? wrong(request) : right(request);
    };
    const model = () => ({ ...scriptedModel(answers), id: 'steady' });
    const whole = await runCount({ model: model(), maxConcurrency: 2 });
    assert.deepEqual(whole.escalations, [['variants', 'dissent']]);
    for (let landed = 1; landed <= whole.samples.length; landed++) {
      const journal = memoryJournal();
      await runCount({ journal, model: model(), maxConcurrency: 2, ...endsAt(landed) });
      const resumed = await runCount({ journal, model: model(), maxConcurrency: 2 });
      assert.deepEqual(resumed.decision, { ...whole.decision, latencyMs: resumed.decision?.latencyMs });
      assert.equal(resumed.result.stateSha256, whole.result.stateSha256);
    }
  });
});

describe('a person', () => {
  const paused = async () => {
    const found = await runCount({ model: wavering(['main', 'b', 'c']), maxVotes: 5 });
    assert.deepEqual([found.result.status, found.result.undecided], ['paused', 1]);
    return found;
  };

  test('decides the step that the run is paused at, by an action or a draw; the run continues after it', async () => {
    for (const how of [{ action: HARD + 1 }, { draw: 1 }]) {
      const { journal, samples } = await paused();
      const answered = await runCount({ journal, answer: { stepIndex: HARD, ...how } });
      assert.deepEqual([answered.result.status, answered.result.steps], ['paused', HARD + 1]);
      assert.equal(answered.decision?.settledBy, 'person');
      assert.equal(answered.decision?.action, HARD + 1);
      assert.equal(answered.decision?.samples, samples.length);
      const { result } = await runCount({ journal });
      assert.deepEqual([result.status, result.wrongSteps, result.settledBy], ['done', 0, { person: 1 }]);
      assert.equal((await journal.notes('r')).filter(({ code }) => code === 'step-decided-by-person').length, 1);
    }
  });

  const refusals = [
    [{ stepIndex: HARD + 1, action: 1 }, /waits at step 3, got an answer to step 4/],
    [{ stepIndex: HARD, action: 100 }, /the action is illegal: too far/],
    [{ stepIndex: HARD, draw: 99 }, /has no draw 99/],
    [{ stepIndex: HARD, draw: 1, action: HARD + 1 }, /either an action or a draw .*got both/],
    [{ stepIndex: HARD, action: undefined }, /either an action or a draw .*got neither/],
  ] as const;
  const isRefusal = (message: RegExp) => (thrown: unknown) => {
    assert.ok(thrown instanceof UsageError);
    assert.equal(thrown.option, 'answer');
    assert.match(thrown.message, message);
    return true;
  };

  test('is refused another step, an illegal action, a draw that is not there; nothing changes', async () => {
    for (const [answer, message] of refusals) {
      const { journal } = await paused();
      const recorded = async () => [await journal.find('r'), await journal.decisions('r'), await journal.notes('r')];
      const before = structuredClone(await recorded());
      // With other options than it was started with as well: the run is not resumed by them.
      await assert.rejects(runCount({ journal, answer, k: 2, maxVotes: 50 }), isRefusal(message));
      assert.deepEqual(await recorded(), before);
      assert.equal((await journal.find('r'))?.end?.code, 'undecided');
      const right = { stepIndex: HARD, action: HARD + 1 };
      assert.equal((await runCount({ journal, answer: right })).result.end.code, 'decided-by-person');
    }
  });

  test('is refused a run that is done, or is not there; nothing changes', async () => {
    const { journal, result } = await runCount({});
    const before = structuredClone([await journal.find('r'), await journal.notes('r')]);
    const answer = { stepIndex: result.steps, action: 1 };
    await assert.rejects(runCount({ journal, answer }), isRefusal(/run "r" is done: no step of it waits/));
    assert.deepEqual([await journal.find('r'), await journal.notes('r')], before);
    await assert.rejects(runCount({ journal, answer, runId: 'other' }), { code: 'unknown-run' });
    assert.equal(await journal.find('other'), undefined);
  });
});

describe('a verifier', () => {
  const judge = (judges: (proposed: number, state: number) => string) => {
    const named = scriptedModel(({ prompt, subject }) => {
      if (subject?.proposed === undefined) return 'asked as a voter';
      assert.match(
        textOf(prompt.user),
        new RegExp(`${subject.state}\\n\\nThe answer:\\n${subject.proposed.action}\\n`),
      );
      return judges(subject.proposed.action as number, subject.state as number);
    });
    return { ...named, id: 'judge', price: { inputUsdPerMTok: 1, outputUsdPerMTok: 1 } };
  };
  const knowing = () => judge((proposed, state) => (proposed === state + 1 ? 'Yes.' : 'no'));
  const contested = (options: Partial<RunOptions>) =>
    runCount({ model: wavering(['main', 'b', 'c']), escalate: ['verifier'], maxVotes: 9, ...options });

  test('that accepts one candidate and rejects the others decides; its samples are journaled and are no votes', async () => {
    const verifier = knowing();
    const { result, decision, samples, escalations } = await contested({ verifier });
    assert.deepEqual([result.status, result.wrongSteps, result.settledBy], ['done', 0, { verifier: 1 }]);
    assert.deepEqual(escalations, [['verifier', 'dissent']]);
    assert.equal(decision?.action, HARD + 1);
    assert.equal(decision?.tally?.[0]?.[0], String(HARD + 1), 'the winner first');
    // Three votes on each of two candidates.
    const opinions = samples.filter(({ model }) => model === 'judge');
    assert.deepEqual(
      opinions.map(({ kind, variant, judged, candidate }) => [kind, variant, judged, candidate]),
      [
        ...Array(3).fill(['judgement', 'verifier', String(HARD + 2), 'no']),
        ...Array(3).fill(['judgement', 'verifier', String(HARD + 1), 'yes']),
      ],
    );
    assert.equal(decision?.votes, samples.length - opinions.length);
    assert.equal(decision?.samples, samples.length);
    assert.equal(result.flagged, 0);
    assert.equal(result.samples, result.votes + opinions.length);
  });

  test('that accepts none, or two, settles nothing: voting continues, then a person decides', async () => {
    for (const verdict of ['yes', 'no', 'maybe']) {
      const { result, escalations, samples } = await contested({ verifier: judge(() => verdict) });
      assert.deepEqual([result.status, result.undecided, escalations.length], ['paused', 1, 1]);
      assert.ok(samples.filter(({ model }) => model === 'wavering').length > 9);
    }
  });

  test('comes after variants and panel where all are there', async () => {
    const shaky = { ...wavering(['main']), id: 'panelist' };
    const model = wavering(['main', 'b', 'c']);
    const { escalations, result } = await runCount({ model, panel: [shaky], verifier: knowing(), maxVotes: 9 });
    assert.deepEqual(
      escalations.map(([to]) => to),
      ['variants', 'panel', 'verifier'],
    );
    assert.deepEqual(result.settledBy, { verifier: 1 });
  });

  test('interrupted at any of its samples, it is asked for the missing ones alone', async () => {
    const answers = (request: ModelRequest) =>
      isHard(request) && request.draw % 2 === 0 ? wrong(request) : right(request);
    const options = () => ({ model: { ...scriptedModel(answers), id: 'steady' }, maxConcurrency: 2 });
    const whole = await contested({ ...options(), verifier: knowing() });
    for (let landed = 1; landed <= whole.samples.length; landed++) {
      const journal = memoryJournal();
      const verifier = knowing();
      await contested({ ...options(), journal, verifier, ...endsAt(landed) });
      const resumed = await contested({ ...options(), journal, verifier });
      assert.deepEqual(resumed.decision, { ...whole.decision, latencyMs: resumed.decision?.latencyMs });
      assert.deepEqual(
        resumed.samples.map(({ draw, variant }) => [draw, variant]),
        whole.samples.map(({ draw, variant }) => [draw, variant]),
      );
    }
  });

  test('may have a prompt of its own; a simulated one errs as often as it is told', async () => {
    const process = defineProcess({
      ...DEFINITION,
      simulation: { mistakes: (state: number) => [state + 2] },
      verification: { verifyPrompt: (action, state) => ({ user: `Does ${action} come after ${state}?` }) },
    });
    const simulated = { model: 'simulated:p=0.6,seed=4', k: 2, verifier: 'simulated:p=0.999', escalate: ['verifier'] };
    const { result, journal } = await runCount(simulated as Partial<RunOptions>, process);
    assert.equal(result.status, 'done');
    assert.ok(result.settledBy.verifier! > 0);
    const settled = (await journal.decisions('r')).filter(({ settledBy }) => settledBy === 'verifier');
    assert.ok(settled.every(({ wrong }) => wrong === false));
    const all = (await Promise.all(Array.from({ length: STEPS }, (_, step) => journal.samples('r', step)))).flat();
    const opinions = all.filter(({ kind }) => kind === 'judgement');
    assert.ok(opinions.every(({ text }) => text === 'yes' || text === 'no'));
  });

  test('a panel that is no rung votes from the start', async () => {
    const { samples, escalations } = await runCount({ panel: [panelist()], escalate: [] });
    assert.deepEqual(escalations, []);
    assert.deepEqual(
      samples.map(({ model }) => model),
      ['scripted', 'panelist', 'scripted'],
    );
  });
});

describe('verify', () => {
  const verified = (verify: (action: number, state: number) => boolean | Promise<boolean>) =>
    defineProcess({ ...DEFINITION, verification: { verify } });

  test('the first answer that it accepts is the decision: no vote, no further call', async () => {
    const model = wavering(['main']);
    const found = await runCount(
      { model },
      verified(async (action, state) => action === state + 1),
    );
    assert.deepEqual([found.result.status, found.result.wrongSteps], ['done', 0]);
    assert.equal(model.requests.length, STEPS + 1);
    assert.deepEqual(found.result.flags, { refuted: 1 });
    assert.deepEqual([found.decision?.settledBy, found.decision?.samples], ['verify', 2]);
    assert.equal(found.result.certificate, null, 'votes were not what decided');
  });

  test('accepts nothing: the ladder, then a pause; throws: named', async () => {
    const found = await runCount(
      { maxVotes: 4 },
      verified(() => false),
    );
    assert.deepEqual([found.result.status, found.escalations.map(([to]) => to)], ['paused', ['variants']]);
    const broken = verified(() => {
      throw new Error('no ruler at hand');
    });
    const { result } = await runCount({}, broken);
    assert.equal(result.status, 'stopped');
    assert.match(result.reason ?? '', /`verify` threw at step 0: no ruler at hand/);
  });
});
