/**
 * A run, by the invariants of ARCHITECTURE.md:
 * - J1: an effect runs, and an end is reported, only after what they rest on is durable
 * - J2: while a run is written, a second call is refused and disturbs nothing
 * - J3: paused anywhere, however often, it ends as the uninterrupted run does; no landed sample is paid for twice
 * - J4: it takes a checkpoint every 1,000 steps or 5 seconds and at each end, and continues from there
 * - J5: it holds on to no step that is behind it
 * - J6: what landed before a failure is in the journal
 * - J7, J8: limits pause it with the evidence; nothing but the rule decides a step
 * - J9: its journal has no key and nothing that only lives in memory
 *
 * And it tells what it does in order, refuses what it cannot resume, and turns every failure into a result.
 * What a SIGKILL leaves behind is in test/crash.test.ts.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as idle } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { type ChainInput, type ChainState, chainProcess } from '../../test/fixtures/chain-process.ts';
import * as fc from '../../test/properties.ts';
import type { Clock } from '../core/clock.ts';
import { JournalError, ModelError, ProcessError, UsageError } from '../core/errors.ts';
import type { RunEvent } from '../core/events.ts';
import type { Journal, JournalEntry, RunTotals, RunWriter } from '../core/journal.ts';
import type { Model, ModelRequest } from '../core/model.ts';
import type { EffectContext, Process } from '../core/process.ts';
import { createRandom } from '../core/random.ts';
import { memoryJournal } from '../journals/memory.ts';
import { sqliteJournal } from '../journals/sqlite.ts';
import { scriptedModel } from '../models/scripted.ts';
import { simulatedModel } from '../models/simulated.ts';
import { run } from '../run.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { RECORD_POLICIES, type RunDependencies } from './run-dependencies.ts';
import { execute } from './run-loop.ts';
import type { RunResult } from './run-result.ts';

const STEPS = 12;

describe('paused and resumed (J3, J6)', { timeout: 60_000 }, () => {
  // Neither does it matter how many calls are in flight at once, before the pause or after it.
  const maxConcurrency = fc.constantFrom(1, 2, 16);
  const pause = fc.oneof(
    fc.record({ maxConcurrency, maxSteps: fc.integer({ min: 0, max: STEPS }) }),
    fc.record({ maxConcurrency, abortAtEvent: fc.integer({ min: 1, max: 60 }) }),
  );
  const parts = fc.record({
    seed: fc.integer({ min: 0, max: 1e6 }),
    hasEffect: fc.boolean(),
    pauses: fc.array(pause, { minLength: 1, maxLength: 5 }),
  });

  test('memory journal: anywhere and however often, the end is the same', async () => {
    const property = fc.asyncProperty(parts, (given) => endsTheSame(memoryJournal(), given));
    await fc.assert(property, { numRuns: 20 });
  });

  test('SQLite journal: anywhere and however often, the end is the same', async (context) => {
    const property = fc.asyncProperty(parts, async (given) => {
      const journal = openSqlite(makeFile(context));
      await endsTheSame(journal, given);
      await journal.close();
    });
    await fc.assert(property, { numRuns: 6 });
  });

  test('aborted before it starts, it pays for nothing and can be resumed', async () => {
    const journal = memoryJournal();
    const { model, calls } = watched(noisyModel(virtualClock()));
    const result = await start({ journal, model, signal: AbortSignal.abort() });
    assert.deepEqual([result.status, result.end.code, result.steps, calls], ['paused', 'interrupted', 0, []]);
    assert.equal((await start({ journal })).status, 'done');
  });

  test('aborted, it starts no effect that it owes', async () => {
    const journal = memoryJournal();
    let acted = 0;
    const effect = async () => {
      acted++;
      throw new Error('unreachable');
    };
    assert.equal((await start({ journal, process: chainProcess({ effect }) })).status, 'paused');
    assert.equal(acted, 1);
    await start({ journal, process: chainProcess({ effect }), signal: AbortSignal.abort() });
    assert.equal(acted, 1);
  });

  test('one that is done stays done, and costs nothing more', async () => {
    const journal = memoryJournal();
    const first = await start({ journal });
    const { model, calls } = watched(noisyModel(virtualClock()));
    const again = await start({ journal, model });
    assert.deepEqual(withoutTime(again), withoutTime(first));
    assert.deepEqual(calls, []);
  });
});

describe('effects (J1)', () => {
  test('run once their decision is durable; nothing is built on an observation before it is durable', async () => {
    const journal = memoryJournal();
    const order: string[] = [];
    const effect = async (_: number, { idempotencyKey }: EffectContext) => {
      order.push('effect');
      return idempotencyKey;
    };
    const { apply } = chainProcess();
    const process = chainProcess({
      effect,
      apply: (...parts) => {
        order.push('apply');
        return apply(...parts);
      },
    });
    await start({
      process,
      input: { steps: 2 },
      journal: watchedJournal(journal, {
        append: ({ type }) => order.push(type),
        flush: () => order.push('flush'),
      }),
    });
    const kept = order.filter((word) => ['decision', 'flush', 'effect', 'apply'].includes(word));
    // `effect` twice: the act and its entry.
    const step = ['decision', 'flush', 'effect', 'effect', 'flush', 'apply'];
    assert.deepEqual(kept, [...step, ...step, 'flush']);
  });

  test('that fail pause the run; it resumes with the same decision and the same key', async () => {
    const journal = memoryJournal();
    const keys: string[] = [];
    let isDown = true;
    const process = chainProcess({
      effect: async (action, { idempotencyKey }) => {
        keys.push(idempotencyKey);
        if (isDown && idempotencyKey.endsWith('/4')) throw new Error('the outside system is down');
        return action;
      },
    });
    const failed = await start({ journal, process });
    assert.deepEqual([failed.status, failed.steps, failed.state.step], ['paused', 5, 4]);
    assert.equal(failed.end.code, 'process');
    assert.match(failed.reason ?? '', /the effect of step 4 failed: the outside system is down.*"run\/4"/);
    assert.equal((await journal.decisions('run')).length, 5);
    const { model, calls } = watched(noisyModel(virtualClock()));
    assert.equal((await start({ journal, process, model })).status, 'paused');
    assert.deepEqual(calls, [], 'a decided step is not voted again');
    isDown = false;
    const done = await start({ journal, process });
    assert.deepEqual(
      withoutTime(done),
      withoutTime(await start({ process: chainProcess({ effect: async (action) => action }) })),
    );
    const expected = Array.from({ length: STEPS }, (_, step) => Array(step === 4 ? 3 : 1).fill(`run/${step}`)).flat();
    assert.deepEqual(keys, expected);
  });

  for (const end of ['never', 'in time'] as const) {
    test(`that end ${end} after an abort hold it up no longer than that`, async () => {
      const journal = memoryJournal();
      const clock = virtualClock();
      const controller = new AbortController();
      const process = chainProcess({
        effect: async (_, { idempotencyKey }) => {
          if (!idempotencyKey.endsWith('/4')) return null;
          controller.abort(new Error('enough'));
          return end === 'never' ? new Promise(() => {}) : clock.sleep(4_000);
        },
      });
      const { status, end: ended } = await start({ journal, clock, process, signal: controller.signal });
      assert.deepEqual([status, ended.code], ['paused', 'interrupted']);
      const told = /^interrupted; the effect of step 4 had not ended 5 seconds later and may still .* key "run\/4"\.$/;
      assert.match(ended.message, end === 'never' ? told : /^interrupted$/);
      assert.equal((await journal.decisions('run')).length, 5, 'the decision is kept');
      const keys: string[] = [];
      const noted = chainProcess({ effect: async (_, { idempotencyKey }) => keys.push(idempotencyKey) });
      assert.equal((await start({ journal, clock, process: noted })).status, 'done');
      assert.equal(keys[0], end === 'never' ? 'run/4' : 'run/5', 'what did not end is owed');
    });
  }

  test('give apply what the journal would give back, also nothing', async () => {
    const seen: unknown[] = [];
    const { apply } = chainProcess();
    for (const observed of [undefined, null, 0, { at: new Date(0), gone: undefined }, () => 1, Symbol('x')]) {
      const process = chainProcess({
        effect: async () => observed,
        apply: (state, action, observation) => {
          seen.push(observation);
          return apply(state, action, observation);
        },
      });
      assert.equal((await start({ process, input: { steps: 1 } })).status, 'done');
    }
    assert.deepEqual(seen, [null, null, 0, { at: '1970-01-01T00:00:00.000Z' }, null, null]);
  });

  test('whose observation no journal can hold pause the run', async () => {
    const process = chainProcess({ effect: async () => 1n });
    const result = await start({ process });
    assert.deepEqual([result.status, result.steps], ['paused', 1]);
    assert.match(result.reason ?? '', /BigInt/);
  });
});

describe('one writer (J2)', () => {
  for (const [name, open] of Object.entries({ memory: () => memoryJournal(), sqlite: openSqliteIn })) {
    test(`${name}: a second call is refused while the first one runs`, async (context) => {
      const journal = open(context);
      let refusal: unknown;
      const { model, calls } = watched(noisyModel(virtualClock()));
      const effect = async (_: number, { idempotencyKey }: EffectContext) => {
        if (idempotencyKey.endsWith('/5')) refusal = await start({ journal, model }).catch((thrown) => thrown);
        return null;
      };
      const result = await start({ journal, process: chainProcess({ effect }) });
      assert.ok(refusal instanceof JournalError && refusal.code === 'run-locked');
      assert.deepEqual([result.status, calls], ['done', []]);
      await journal.close();
    });
  }
});

describe('checkpoints (J4, J5)', () => {
  test('are taken every 1,000 steps and at each end', async () => {
    const taken: number[] = [];
    const journal = memoryJournal();
    const options = { journal, input: { steps: 3_500 }, model: quickModel(), k: 1, onEvent: noteCheckpoints(taken) };
    await start({ ...options, maxSteps: 2_300 });
    await start(options);
    assert.deepEqual(taken, [1_000, 2_000, 2_300, 3_300, 3_500]);
  });

  test('are taken every 5 seconds where steps are slow', async () => {
    const taken: number[] = [];
    const clock = virtualClock();
    const model = simulatedModel({ clock, latencyMs: 2_000 });
    await start({ clock, model, k: 1, onEvent: noteCheckpoints(taken) });
    assert.deepEqual(taken, [3, 6, 9, 12, 12]);
  });

  test('spare a resumed run every step before', async () => {
    const applied: number[] = [];
    const { apply } = chainProcess();
    const process = chainProcess({
      effect: async () => null,
      apply: (state, ...rest) => {
        applied.push(state.step);
        return apply(state, ...rest);
      },
    });
    const journal = memoryJournal();
    const options = { journal, process, input: { steps: 40 }, model: quickModel(), k: 1 };
    await start({ ...options, maxSteps: 25 });
    await start(options);
    assert.deepEqual(
      applied,
      Array.from({ length: 40 }, (_, step) => step),
    );
  });

  test('a run holds on to no prompt, sample, decision or state of the steps behind it', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const made: WeakRef<object>[] = [];
    let alive: number | undefined;
    const quick = quickModel();
    const model: Model = {
      ...quick,
      async generate(request) {
        const state = stateOf(request);
        const { step } = state;
        if (step > 0 && step < 200) made.push(new WeakRef(request.prompt), new WeakRef(state));
        // In the middle of step 1,500: a turn later, because a WeakRef keeps its object until then.
        if (step === 1_500 && request.draw === 0) {
          await idle();
          collectGarbage();
          alive = made.filter((reference) => reference.deref() !== undefined).length;
        }
        return quick.generate(request);
      },
    };
    const onEvent = (event: RunEvent) => {
      if (event.type === 'sample-landed' && event.sample.stepIndex < 200) made.push(new WeakRef(event.sample));
      if (event.type === 'step-decided' && event.decision.stepIndex < 200) made.push(new WeakRef(event.decision));
    };
    const input = { steps: 2_000 };
    const result = await start({ input, model, onEvent, journal: forgetfulJournal() });
    assert.equal(result.status, 'done');
    assert.ok(made.length > 199 * (3 * 3 + 1));
    assert.equal(alive, 0);
  });
});

describe('limits (J7, J8)', () => {
  test('--max-steps pauses; the same limit again pauses at once, and a higher one continues', async () => {
    const journal = memoryJournal();
    const options = { journal, input: { steps: STEPS } };
    const first = await start({ ...options, maxSteps: 5 });
    assert.deepEqual([first.status, first.steps, first.state.step], ['paused', 5, 5]);
    assert.equal(first.end.code, 'max-steps');
    assert.match(first.reason ?? '', /limit of 5 steps \(options\.maxSteps\)/);
    const { model, calls } = watched(noisyModel(virtualClock()));
    const again = await start({ ...options, maxSteps: 5, model });
    assert.deepEqual([again.status, again.steps, calls], ['paused', 5, []]);
    assert.equal((await start({ ...options, maxSteps: 8 })).steps, 8);
    assert.equal((await start(options)).status, 'done');
  });

  test('--max-votes pauses at a step that does not come to a decision, with the evidence', async () => {
    const { journal, first, process, acted } = await tiedRun();
    assert.deepEqual([first.status, first.steps, first.state.step, first.undecided], ['paused', 3, 3, 1]);
    assert.equal(first.end.code, 'undecided');
    assert.match(first.reason ?? '', /step 3 is undecided after 4 samples \(votes 2 : 2\).*options\.maxVotes/);
    assert.equal((await journal.decisions('run')).length, 3, 'no plurality, no decision');
    assert.deepEqual(acted, [0, 1, 2], 'and no effect');
    const [note] = await journal.notes('run');
    assert.ok(note?.code === 'step-undecided');
    const { stepIndex, code, samples, votes, tally } = note.detail;
    assert.deepEqual([note.code, code, stepIndex, samples, votes], ['step-undecided', 'vote-limit', 3, 4, 4]);
    assert.deepEqual(
      tally.map(([, count]) => count),
      [2, 2],
    );
    const { model, calls } = watched(honestModel());
    const again = await start({ journal, process, model, maxVotes: 6 });
    assert.deepEqual([again.status, again.undecided, calls], ['paused', 1, []], 'the same evidence, not paid again');
    assert.deepEqual([again.samples, again.votes], [first.samples, first.votes]);
  });

  test('a higher --max-votes continues from the samples that are there', async () => {
    const { journal, first, process, calls: paid } = await tiedRun();
    const { model, calls } = watched(honestModel());
    const second = await start({ journal, process, model, maxVotes: 20 });
    assert.deepEqual([second.status, second.undecided, second.wrongSteps], ['done', 0, 0]);
    assert.deepEqual(
      calls.filter((call) => paid.includes(call)),
      [],
    );
    const [decision] = await journal.decisions('run', { fromStep: 3, limit: 1 });
    // 2 : 2, one of the pair that was in flight when the limit came, and what else it takes for a lead of 3.
    assert.deepEqual(
      decision?.tally?.map(([, votes]) => votes),
      [5, 2],
    );
    assert.equal(second.samples, first.samples + calls.length);
  });

  test('red flags without end pause it too', async () => {
    const model = scriptedModel(() => 'no number');
    const result = await start({ model, maxVotes: 8 });
    assert.deepEqual([result.status, result.undecided, result.votes, result.flagged], ['paused', 1, 0, result.samples]);
    assert.match(result.reason ?? '', /votes none; flags \d+ malformed/);
  });
});

test('the certificate takes voters to err together as far as calibration says, also when resumed without it', async () => {
  const clock = virtualClock();
  const voters = [1, 2].map((seed) => ({ model: { ...noisyModel(clock, seed), id: `model ${seed}` }, form: 0 }));
  const journal = memoryJournal();
  await start({ clock, voters, journal, shared: 0.25, maxSteps: 5 });
  const apart = await start({ clock, voters, journal });
  assert.equal((await journal.find('run'))?.totals.shared, 0.25);
  const together = await start({ clock, voters });
  assert.ok(apart.contestedSteps > 0 && apart.contestedSteps === together.contestedSteps);
  assert.notEqual(apart.certificate?.expectedWrong, together.certificate?.expectedWrong);
});

describe('what it cannot resume', () => {
  const changed: readonly (readonly [what: string, changes: Parameters<typeof chainProcess>[0], says: RegExp])[] = [
    ['name', { name: 'chains' }, /name was "chain", is "chains"/],
    ['version', { version: '2' }, /version was "1", is "2"/],
    [
      'user prompt',
      { prompt: ({ step, digest }) => ({ system: 'Double the number.', user: `Step ${step}: double ${digest}` }) },
      /the user prompt of step 0 was "Step 0: 1", is "Step 0: double 1" \(from character 8\)/,
    ],
    [
      'system prompt of a later step',
      {
        prompt: ({ step, digest }) => ({
          system: step < 2 ? 'Double the number.' : 'Double it.',
          user: `Step ${step}: ${digest}`,
        }),
      },
      /the system prompt of step 2 was "Double the number\.", is "Double it\."/,
    ],
    [
      'parser',
      { parse: (text) => Number.parseInt(text, 10) },
      /the right reply of step 0 in form "main", before a sentence, was read as malformed, is read as the right one/,
    ],
  ];
  for (const [what, changes, says] of changed) {
    test(`a process with another ${what} is refused, saying so, or accepted with a note`, async () => {
      const journal = memoryJournal();
      await start({ journal, maxSteps: 4 });
      const process = chainProcess(changes);
      const before = await journal.find('run');
      const { model, calls } = watched(noisyModel(virtualClock()));
      await assert.rejects(start({ journal, process, model }), (thrown) => {
        assert.ok(
          thrown instanceof ProcessError && thrown.code === 'changed' && says.test(thrown.message),
          `${thrown}`,
        );
        return true;
      });
      assert.deepEqual([await journal.find('run'), calls], [before, []]);
      const result = await start({ journal, process, acceptChange: true });
      assert.equal(result.status, 'done');
      const [note] = await journal.notes('run');
      assert.equal(note?.code, 'change-accepted');
      assert.match(note?.detail.changes.join(), says);
    });
  }

  test('another input under the same run id is refused', async () => {
    const journal = memoryJournal();
    await start({ journal, maxSteps: 4 });
    await assert.rejects(start({ journal, input: { steps: 13 } }), (thrown) => {
      assert.ok(thrown instanceof UsageError);
      assert.match(thrown.message, /run "run" has another input \(\{"steps":12\}\)/);
      return true;
    });
    assert.equal((await journal.find('run'))?.isWriting, false);
  });

  test('the same input is the same in any order of its keys, and so is none at all', async () => {
    const process = chainProcess({ start: () => ({ step: 0, steps: STEPS, digest: 1 }), steps: () => STEPS });
    for (const [first, second] of [
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
      [undefined, undefined],
      [undefined, null],
    ]) {
      const journal = memoryJournal();
      await start({ journal, process, input: first, maxSteps: 4 });
      assert.equal((await start({ journal, process, input: second })).status, 'done');
    }
  });

  test('an input that its schema changes is journaled as given, and goes through the schema again', async () => {
    const input = z.object({ steps: z.string().transform(Number) });
    const process = { ...chainProcess(), input } as unknown as Process<ChainInput, ChainState, number>;
    const journal = memoryJournal();
    await start({ journal, process, input: { steps: '12' }, maxSteps: 4 });
    const found = await journal.find('run');
    assert.deepEqual(found?.input, { steps: '12' });
    assert.equal((await start({ journal, process, input: found?.input })).status, 'done');
    await assert.rejects(start({ journal: memoryJournal(), process, input: { steps: 12 } }), UsageError);
  });

  test('a start state or an input that is not JSON', async () => {
    const notJson = (thrown: unknown) => thrown instanceof ProcessError && thrown.code === 'not-json';
    for (const value of [Number.NaN, 1n, new Date(0), () => 1, new Map()]) {
      const journal = memoryJournal();
      const begin = () => ({ step: 0, steps: STEPS, digest: value as number });
      await assert.rejects(start({ journal, process: chainProcess({ start: begin }) }), notJson);
      await assert.rejects(start({ journal, input: { steps: 1, extra: value } }), notJson);
      assert.deepEqual(await journal.list(), []);
    }
  });
});

describe('a process that breaks its promises', () => {
  test('a part that throws stops the run, which says which part at which step; once corrected, it continues', async () => {
    // Unlike the simulated model, it asks the process for nothing.
    const model = honestModel();
    const whole = await start({ model });
    for (const part of ['prompt', 'apply', 'isDone', 'reference', 'steps'] as const) {
      const journal = memoryJournal();
      const process = chainProcess({ [part]: throwsAt(part, 5) });
      const broken = await start({ journal, process, model });
      const step = part === 'steps' ? 0 : 5;
      assert.deepEqual([broken.status, broken.state.step], ['stopped', step], broken.reason ?? '');
      assert.equal(broken.reason, `process "chain": \`${part}\` threw at step ${step}: broken`);
      const mended = await start({ journal, model });
      assert.deepEqual(withoutTime(mended), withoutTime(whole));
    }
  });

  test('a part that throws on the first states is named before anything starts', async () => {
    for (const part of ['start', 'prompt', 'apply', 'isDone', 'reference'] as const) {
      const journal = memoryJournal();
      const process = chainProcess({ [part]: throwsAt(part, 1) });
      await assert.rejects(start({ journal, process }), (thrown) => {
        assert.ok(thrown instanceof ProcessError && thrown.code === 'threw');
        assert.ok(thrown.message.includes(`\`${part}\` threw`) && thrown.message.endsWith('broken'), thrown.message);
        return true;
      });
      assert.deepEqual(await journal.list(), []);
    }
  });

  test('a state that becomes what is not JSON stops it, and does not reach the journal', async () => {
    const { apply } = chainProcess();
    const whole = await start();
    for (const value of [Number.NaN, 1n, new Date(0), () => 1, Symbol('x')]) {
      const journal = memoryJournal();
      const process = chainProcess({
        apply: (state, ...rest) => ({
          ...apply(state, ...rest),
          ...(state.step === STEPS - 1 && { extra: value as number }),
        }),
      });
      const broken = await start({ journal, process });
      assert.equal(broken.status, 'stopped');
      assert.match(broken.reason ?? '', /expected the state before step 12 to be plain JSON/);
      assert.ok(JSON.stringify(broken).length > 0, 'the result is JSON all the same');
      const error = { name: 'ProcessError', code: 'not-json', recovery: 'stop' };
      assert.deepEqual((await journal.find('run'))?.end, { code: 'process', message: broken.reason, error });
      const mended = await start({ journal });
      assert.deepEqual(withoutTime(mended), withoutTime(whole));
    }
  });

  test('one that is done at the start takes no step', async () => {
    const { model, calls } = watched(noisyModel(virtualClock()));
    const result = await start({ model, input: { steps: 0 } });
    assert.deepEqual([result.status, result.steps, result.samples, calls], ['done', 0, 0, []]);
    assert.equal(result.stateSha256, (await start({ input: { steps: 0 } })).stateSha256);
  });

  test('one that is not done after its own number of steps is stopped', async () => {
    const process = chainProcess({ isDone: () => false });
    const result = await start({ process });
    assert.deepEqual([result.status, result.steps], ['stopped', STEPS]);
    assert.equal(result.end.code, 'not-done');
    assert.match(result.reason ?? '', /not done after the 12 steps that the process takes/);
  });

  test('one that never ends and does not know its steps continues up to --max-steps', async () => {
    const process = chainProcess({ isDone: () => false, steps: undefined });
    const result = await start({ process, maxSteps: 30 });
    assert.deepEqual([result.status, result.steps], ['paused', 30]);
  });
});

describe('a model that fails', () => {
  test('for a reason that a person must remove pauses the run; what had landed is kept (J6)', async () => {
    const journal = memoryJournal();
    const refused = new ModelError('the key was refused', {
      code: 'authentication',
      recovery: 'pause',
      statusCode: 401,
    });
    const honest = honestModel();
    const flaky: Model = {
      ...honest,
      generate: async (request) => {
        const { step } = stateOf(request);
        if (step === 4 && request.draw === 2) throw refused;
        return honest.generate(request);
      },
    };
    const events: RunEvent[] = [];
    const { model, landed } = watched(flaky);
    const result = await start({ journal, model, onEvent: (event) => events.push(event) });
    assert.deepEqual([result.status, result.reason, result.steps, result.samples], ['paused', refused.message, 4, 14]);
    assert.deepEqual([result.end.code, result.end.error], ['model', refused]);
    const told = {
      type: 'call-failed',
      stepIndex: 4,
      code: 'authentication',
      message: refused.message,
      retryInMs: null,
    };
    assert.deepEqual(
      events.filter(({ type }) => type === 'call-failed'),
      [told],
    );
    const [note] = await journal.notes('run');
    assert.ok(note?.code === 'call-failed');
    assert.deepEqual([note.detail.code, note.detail.statusCode], ['authentication', 401]);
    const { model: mended, calls } = watched(honest);
    assert.equal((await start({ journal, model: mended })).status, 'done');
    assert.deepEqual(
      calls.filter((call) => landed.includes(call)),
      [],
    );
  });

  test('for good stops it; for a while is asked again', async () => {
    const failing = (recovery: 'retry' | 'stop', times: number) => {
      const honest = honestModel();
      let failures = 0;
      const generate: Model['generate'] = async (request) => {
        if (failures++ < times) throw new ModelError(`try ${recovery}`, { code: 'unavailable', recovery });
        return honest.generate(request);
      };
      return { ...honest, generate };
    };
    const stopped = await start({ model: failing('stop', 1) });
    assert.deepEqual([stopped.status, stopped.reason, stopped.samples], ['stopped', 'try stop', 0]);
    const done = await start({ model: failing('retry', 2) });
    assert.deepEqual([done.status, done.samples], ['done', 3 * STEPS], 'a try that failed is no sample');
    const gaveUp = await start({ model: failing('retry', 100) });
    assert.deepEqual([gaveUp.status, gaveUp.reason, gaveUp.samples], ['paused', 'try retry', 0]);
  });
});

describe('a journal that fails', () => {
  test('at any time pauses the run, which is never said to be done (J1); resumed, it ends the same', async () => {
    const hasEffect = true;
    const whole = await endOf(memoryJournal(), { seed: 1, hasEffect, pauses: [] });
    for (let operation = 1; ; operation += 11) {
      const journal = memoryJournal();
      let operations = 0;
      const fail = () => {
        operations++;
        if (operations >= operation) throw new JournalError('the disk is full', { code: 'disk-full' });
      };
      const failing = watchedJournal(journal, { append: fail, flush: fail, close: fail });
      const clock = virtualClock();
      const options = { clock, process: effectProcess(clock), model: noisyModel(clock, 1) };
      const result = await start({ ...options, journal: failing });
      if (operations < operation) {
        assert.equal(result.status, 'done');
        break;
      }
      const { status, end, reason } = result;
      assert.deepEqual([status, end.code, reason], ['paused', 'journal', 'the disk is full'], `operation ${operation}`);
      assert.equal((await start({ ...options, journal })).status, 'done');
      assert.deepEqual(await readEnd(journal), whole);
    }
  });

  for (const hasRoomAtEnd of [false, true]) {
    test(`sqlite: ${hasRoomAtEnd ? 'with room again at the end nothing is lost' : 'what was durable stays'}`, async (context) => {
      const file = makeFile(context);
      const journal = openSqlite(file);
      await start({ journal, maxSteps: 4 });
      // Stands in for a full disk: no sample of a later step can be committed.
      const db = new DatabaseSync(file);
      db.exec(`CREATE TRIGGER full BEFORE INSERT ON samples WHEN NEW.step >= 6
               BEGIN SELECT RAISE(ABORT, 'no room'); END`);
      const makeRoom = () => db.exec('DROP TRIGGER IF EXISTS full');
      const { model, landed } = watched(noisyModel(virtualClock()));
      const failed = await start({
        journal: watchedJournal(journal, { flush: () => hasRoomAtEnd && makeRoom() }),
        model,
      });
      assert.equal(failed.status, 'paused');
      assert.match(failed.reason ?? '', /no room/);
      makeRoom();
      db.close();
      // In a new journal on the same file, as the next call of `run` in this program has it.
      const next = openSqlite(file);
      const { model: later, calls } = watched(noisyModel(virtualClock()));
      assert.equal((await start({ journal: next, model: later })).status, 'done');
      const repeated = calls.filter((call) => landed.includes(call));
      if (hasRoomAtEnd) assert.deepEqual(repeated, []);
      else assert.ok(repeated.length > 0 && repeated.every((call) => call.startsWith('6/')), repeated.join());
      assert.deepEqual(await readEnd(next), await endOf(memoryJournal(), { seed: 1, hasEffect: false, pauses: [] }));
      await journal.close();
      await next.close();
    });
  }
});

describe('the record', () => {
  for (const record of RECORD_POLICIES) {
    test(`${record}: which sampled texts the journal keeps`, async () => {
      const journal = memoryJournal();
      await start({ journal, record });
      const decisions = await journal.decisions('run');
      const contested = decisions.map(({ tally, flags }) => tally !== undefined || flags !== undefined);
      assert.ok(contested.includes(true) && contested.includes(false));
      for (const [step, { samples }] of decisions.entries()) {
        const kept = record === 'all' || (record === 'contested' && contested[step]) ? samples : 0;
        assert.equal((await journal.samples('run', step)).length, kept, `step ${step}`);
      }
    });
  }

  test('totals are the sums of the decisions, over all executions', async () => {
    const journal = memoryJournal();
    const options = { journal, record: 'all' } as const;
    for (const maxSteps of [2, 3, 9]) await start({ ...options, maxSteps });
    const result = await start(options);
    const decisions = await journal.decisions('run');
    const sum = (of: (decision: (typeof decisions)[number]) => number) =>
      decisions.reduce((total, decision) => total + of(decision), 0);
    const samples = (await Promise.all(decisions.map((_, step) => journal.samples('run', step)))).flat();
    assert.equal(
      result.samples,
      sum((decision) => decision.samples),
    );
    assert.equal(
      result.votes,
      sum((decision) => decision.votes),
    );
    assert.equal(result.flagged, result.samples - result.votes);
    assert.equal(
      Object.values(result.flags).reduce((total, count) => total + count, 0),
      result.flagged,
    );
    assert.equal(
      result.contestedSteps,
      sum(({ tally }) => (tally === undefined ? 0 : 1)),
    );
    assert.equal(
      result.wrongSteps,
      sum(({ wrong }) => (wrong ? 1 : 0)),
    );
    assert.deepEqual(result.tokens, {
      input: sum(({ inputTokens }) => inputTokens),
      output: sum(({ outputTokens }) => outputTokens),
    });
    assert.ok(Math.abs((result.costUsd ?? 0) - (result.tokens.input + 2 * result.tokens.output) / 1e6) < 1e-12);
    assert.equal(samples.filter(({ flag }) => flag !== undefined).length, result.flagged);
  });

  test('the first wrong step is reported; without a reference no wrong steps are known', async () => {
    const liar = scriptedModel((request) => {
      const { step, digest } = stateOf(request);
      return String(2 * digest + (step > 6 ? 1 : 0));
    });
    const result = await start({ model: liar });
    assert.deepEqual([result.wrongSteps, result.firstWrongStep], [STEPS - 7, 7]);
    const blind = await start({ model: liar, process: chainProcess({ reference: undefined }) });
    assert.deepEqual([blind.wrongSteps, blind.firstWrongStep], [null, null]);
    assert.equal(blind.stateSha256, result.stateSha256);
  });

  test('the cost is unknown as soon as the price of one sample is, also for what is not decided', async () => {
    const journal = memoryJournal();
    const free = honestModel();
    const priced: Model = { ...free, price: { inputUsdPerMTok: 1, outputUsdPerMTok: 2 } };
    const known = await start({ journal, model: priced, maxSteps: 4 });
    assert.ok(known.costUsd !== null && known.costUsd > 0);
    const unknown = await start({ journal, model: { ...free, price: undefined }, maxSteps: 5 });
    assert.equal(unknown.costUsd, null);
    assert.equal((await start({ journal, model: priced })).costUsd, null);
  });

  test('the time is that of the executions, not of the pauses between them', async () => {
    const clock = virtualClock();
    const journal = memoryJournal();
    let spentMs = 0;
    let result: RunResult | undefined;
    for (const maxSteps of [3, 4, 10, undefined]) {
      const fromMs = clock.monotonicMs();
      result = await start({ journal, clock, maxSteps });
      spentMs += clock.monotonicMs() - fromMs;
      assert.equal(result.wallMs, Math.round(spentMs));
      await clock.sleep(1e6);
    }
    assert.ok(spentMs > 100);
    const { activeMs, course, steps } = (await journal.find('run'))!.totals;
    assert.equal(activeMs, spentMs);
    assert.deepEqual(
      [course?.[0], course?.at(-1)],
      [
        [0, 0],
        [Math.round(spentMs), steps],
      ],
    );
    assert.ok(course!.some(([, decided]) => decided === 3));
    assert.equal(result?.status, 'done');
  });

  test('settings that change are noted', async () => {
    const journal = memoryJournal();
    await start({ journal, maxSteps: 4, settings: { k: 3 } });
    await start({ journal, maxSteps: 6, settings: { k: 3 } });
    assert.deepEqual(await journal.notes('run'), []);
    await start({ journal, settings: { k: 4 } });
    const [note] = await journal.notes('run');
    assert.deepEqual([note?.code, note?.detail], ['settings-changed', { from: { k: 3 }, to: { k: 4 } }]);
    assert.deepEqual((await journal.find('run'))?.settings, { k: 4 });
  });

  test('it has no key and nothing that only lives in memory (J9)', async (context) => {
    const secret = 'sk-0123456789abcdef';
    const before = { ...process.env };
    context.after(() => {
      process.env = before;
    });
    process.env = { ...before, MDAP_API_KEY: secret, OPENAI_API_KEY: secret };
    const file = makeFile(context);
    const clock = virtualClock();
    const events: RunEvent[] = [];
    const options: Parameters<typeof run>[2] = {
      model: { ...noisyModel(clock), apiKey: secret } as Model,
      clock,
      runId: 'run',
      journal: file,
      signal: new AbortController().signal,
      onEvent: (event) => events.push(event),
      seed: 5,
      k: 2,
    };
    // A key is none of the options: it is refused, and not repeated.
    await assert.rejects(run(chainProcess(), { steps: STEPS }, { ...options, apiKey: secret } as typeof options), {
      message: 'unknown option "apiKey".',
    });
    const result = await run(chainProcess(), { steps: STEPS }, options);
    assert.equal(result.status, 'done');
    const journal = openSqlite(file);
    const found = await journal.find('run');
    await journal.close();
    assert.deepEqual(found?.settings, { k: 2, seed: 5, model: noisyModel(clock).id });
    assert.ok(!readFileSync(file).includes(secret));
    assert.ok(!JSON.stringify([events, result]).includes(secret));
  });
});

describe('events', () => {
  test('come in order, also in a resumed run', async () => {
    const journal = memoryJournal();
    const clock = virtualClock();
    const process = effectProcess(clock);
    let next = 0;
    for (const maxSteps of [5, 0, undefined]) {
      const events: RunEvent[] = [];
      const model = noisyModel(clock);
      const result = await start({ journal, clock, model, process, maxSteps, onEvent: (event) => events.push(event) });
      const [first, ...rest] = events;
      assert.deepEqual(first, { type: 'run-started', runId: 'run', stepIndex: next, isResumed: next > 0 });
      assert.deepEqual(rest.pop(), { type: 'run-ended', status: result.status, end: result.end });
      assert.deepEqual(rest.pop(), { type: 'checkpoint-taken', stepIndex: result.steps });
      const words = rest.map(({ type }) => type).join(' ');
      const step = '(sample-landed )+step-decided decision-durable effect-done step-applied ?';
      assert.match(words, new RegExp(`^(${step})*$`));
      for (const event of rest) {
        if (event.type === 'sample-landed') assert.equal(event.sample.stepIndex, next);
        else if (event.type === 'step-decided') assert.equal(event.decision.stepIndex, next);
        else if ('stepIndex' in event) assert.equal(event.stepIndex, next);
        if (event.type === 'step-applied') next++;
      }
      assert.equal(next, result.steps);
    }
    assert.equal(next, STEPS);
  });

  const types = ['run-started', 'sample-landed', 'step-decided', 'decision-durable', 'effect-done', 'step-applied'];
  for (const type of [...types, 'checkpoint-taken']) {
    test(`a handler that throws at ${type} stops the run, and nothing is lost`, async () => {
      const journal = memoryJournal();
      const clock = virtualClock();
      const options = { journal, clock, process: effectProcess(clock), model: noisyModel(clock, 1) };
      const stopped = await start({ ...options, onEvent: throwsOn(type) });
      assert.equal(stopped.status, 'stopped');
      assert.equal(stopped.end.code, 'unexpected');
      assert.match(stopped.reason ?? '', /unexpected error at step \d+: the handler is broken/);
      const notes = await journal.notes('run');
      assert.ok(
        notes.some(({ code, detail }) => code === 'unexpected-error' && /brokenHandler/.test(detail.stack ?? '')),
      );
      assert.equal((await start(options)).status, 'done');
      assert.deepEqual(
        { ...(await readEnd(journal)), notes: [] },
        await endOf(memoryJournal(), { seed: 1, hasEffect: true, pauses: [] }),
      );
    });
  }

  test('a handler that throws at run-ended gets its error; the run has ended nevertheless', async () => {
    const journal = memoryJournal();
    await assert.rejects(start({ journal, onEvent: throwsOn('run-ended') }), /the handler is broken/);
    const found = await journal.find('run');
    assert.deepEqual([found?.status, found?.isWriting], ['done', false]);
  });
});

interface Pause {
  readonly maxConcurrency?: number;
  readonly maxSteps?: number;
  readonly abortAtEvent?: number;
}

const LAST: Pause = {};

interface Parts {
  readonly seed: number;
  readonly hasEffect: boolean;
  readonly pauses: readonly Pause[];
}

/** Runs in parts, and compares with the run that is not paused. */
async function endsTheSame(journal: Journal, parts: Parts): Promise<void> {
  assert.deepEqual(await endOf(journal, parts), await endOf(memoryJournal(), { ...parts, pauses: [] }));
}

/** The end of a run after these pauses. On the way: no landed sample is paid twice, no key is used for two steps. */
async function endOf(journal: Journal, { seed, hasEffect, pauses }: Parts): Promise<End> {
  const clock = virtualClock();
  const keys: string[] = [];
  const process = hasEffect ? effectProcess(clock, keys) : chainProcess();
  const paid: string[] = [];
  for (const pause of [...pauses, LAST]) {
    const { model, calls, landed } = watched(noisyModel(clock, seed));
    const controller = new AbortController();
    let events = 0;
    const onEvent = () => {
      events++;
      if (events === pause.abortAtEvent) controller.abort(new Error('enough'));
    };
    const { signal } = controller;
    const { maxSteps, maxConcurrency } = pause;
    const result = await start({ journal, clock, process, model, maxSteps, maxConcurrency, signal, onEvent });
    assert.deepEqual(
      calls.filter((call) => paid.includes(call)),
      [],
    );
    paid.push(...landed);
    if (pause === LAST) assert.equal(result.status, 'done');
  }
  const times = new Map<string, number>();
  for (const key of keys) times.set(key, (times.get(key) ?? 0) + 1);
  assert.deepEqual([...times.keys()], hasEffect ? Array.from({ length: STEPS }, (_, step) => `run/${step}`) : []);
  assert.ok(keys.length <= times.size + pauses.length, 'an effect runs again only where a pause cut it off');
  return readEnd(journal);
}

interface End {
  readonly status: string | undefined;
  readonly state: unknown;
  readonly totals: Omit<RunTotals, 'activeMs' | 'course'>;
  readonly decisions: readonly unknown[];
  readonly samples: readonly unknown[];
  readonly notes: readonly unknown[];
}

async function readEnd(journal: Journal): Promise<End> {
  const found = await journal.find('run');
  const { activeMs: _, course: __, ...totals } = found!.totals;
  const decisions = (await journal.decisions('run')).map(({ latencyMs: _, ...decision }) => decision);
  const samples = await Promise.all(Array.from({ length: STEPS }, (_, step) => journal.samples('run', step)));
  const writer = await journal.openWriter('run');
  const { state } = writer.resumePoint.checkpoint;
  await writer.close();
  return {
    status: found?.status,
    state,
    totals,
    decisions,
    samples: samples.flat(),
    notes: await journal.notes('run'),
  };
}

interface StartOptions extends Partial<RunDependencies> {
  readonly model?: Model;
  readonly process?: Process<ChainInput, ChainState, number>;
  readonly input?: unknown;
  readonly k?: number;
  readonly maxVotes?: number;
  readonly maxConcurrency?: number;
}

/** A call of `execute`; unless told otherwise, of a chain of 12 steps with a noisy model, on a journal of its own. */
function start(options: StartOptions = {}): Promise<RunResult<ChainState>> {
  const {
    process = chainProcess(),
    input = { steps: STEPS },
    k = 3,
    maxVotes,
    maxConcurrency = 16,
    model,
    ...dependencies
  } = options;
  const clock = options.clock ?? virtualClock();
  return execute(process, 'input' in options ? options.input : input, {
    runId: 'run',
    voters: [{ model: model ?? noisyModel(clock), form: 0 }],
    journal: memoryJournal(),
    clock,
    random: createRandom(0),
    vote: {
      rule: aheadByK({ margin: k, maxVotes }),
      firstTemperature: 0,
      temperature: 0.1,
      maxOutputTokens: 750,
      maxConcurrency,
    },
    record: 'contested',
    maxSteps: undefined,
    maxRetries: 2,
    acceptChange: false,
    settings: {},
    processSource: null,
    signal: undefined,
    onEvent: undefined,
    ...dependencies,
  });
}

/** Errs often enough that many steps are contested, and takes its time for each answer. */
function noisyModel(clock: Clock, seed = 1): Model {
  const rates = { p: 0.75, v: 0.9, rho: 0.1, alternatives: 2 };
  const price = { inputUsdPerMTok: 1, outputUsdPerMTok: 2 };
  return simulatedModel({ clock, seed, ...rates, ...price, latencyMs: 20, latencySigma: 0.5 });
}

/** Is always right, at once. */
function quickModel(): Model {
  return simulatedModel({ clock: virtualClock() });
}

/** Is always right, and asks the process for nothing. */
function honestModel(): Model {
  return scriptedModel((request) => String(2 * stateOf(request).digest));
}

/** Notes which calls were made and which gave a sample, as step/draw. */
function watched(model: Model) {
  const calls: string[] = [];
  const landed: string[] = [];
  const generate: Model['generate'] = async (request) => {
    const call = `${stateOf(request).step}/${request.draw}`;
    calls.push(call);
    const sample = await model.generate(request);
    landed.push(call);
    return sample;
  };
  return { model: { ...model, generate }, calls, landed };
}

function stateOf({ subject }: ModelRequest): ChainState {
  return subject!.state as ChainState;
}

/** A run that waits at step 3, whose votes are 2 : 2, for more votes than it is allowed. */
async function tiedRun() {
  const journal = memoryJournal();
  const acted: number[] = [];
  const process = chainProcess({
    effect: async (_, { idempotencyKey }) => acted.push(Number(idempotencyKey.slice('run/'.length))),
  });
  const torn = scriptedModel((request) => {
    const { step, digest } = stateOf(request);
    return String(2 * digest + (step === 3 ? request.draw % 2 : 0));
  });
  const { model, calls } = watched(torn);
  const first = await start({ journal, process, model, maxVotes: 6 });
  return { journal, process, first, calls, acted };
}

/** A chain whose effects take a while, and fail when they are cut off. */
function effectProcess(clock: Clock, keys: string[] = []): Process<ChainInput, ChainState, number> {
  return chainProcess({
    async effect(action, { idempotencyKey, signal }) {
      keys.push(idempotencyKey);
      await clock.sleep(5, signal);
      return { receipt: `${idempotencyKey}: ${action}` };
    },
  });
}

/** A part of the chain that throws at one step; `start` and `steps`, which see no state, always do. */
function throwsAt(part: 'start' | 'steps' | 'prompt' | 'apply' | 'isDone' | 'reference', step: number) {
  const whole = chainProcess()[part] as (first: unknown, ...rest: unknown[]) => unknown;
  return (first: ChainState, ...rest: unknown[]) => {
    if ((first.step ?? step) === step) throw new Error('broken');
    return whole(first, ...rest);
  };
}

function throwsOn(type: string) {
  return function brokenHandler(event: RunEvent) {
    if (event.type === type) throw new Error('the handler is broken');
  };
}

function noteCheckpoints(taken: number[]) {
  return (event: RunEvent) => {
    if (event.type === 'checkpoint-taken') taken.push(event.stepIndex);
  };
}

interface Watch {
  readonly append?: (entry: JournalEntry) => unknown;
  readonly flush?: () => unknown;
  readonly close?: () => unknown;
}

/** Calls the watch before each operation of a writer, which does not take place where the watch throws. */
function watchedJournal(journal: Journal, { append, flush, close }: Watch): Journal {
  const watch = (writer: RunWriter): RunWriter => ({
    resumePoint: writer.resumePoint,
    append(entry) {
      append?.(entry);
      writer.append(entry);
    },
    async flush() {
      flush?.();
      await writer.flush();
    },
    async close() {
      try {
        close?.();
      } finally {
        await writer.close();
      }
    },
  });
  return { ...journal, openWriter: async (runId) => watch(await journal.openWriter(runId)) };
}

/** Keeps nothing, so that what is kept is kept by the run. */
function forgetfulJournal(): Journal {
  const journal = memoryJournal();
  const forget = ({ resumePoint }: RunWriter): RunWriter => ({
    resumePoint,
    append() {},
    async flush() {},
    async close() {},
  });
  return { ...journal, openWriter: async (runId) => forget(await journal.openWriter(runId)) };
}

function openSqlite(file: string): Journal {
  return sqliteJournal({ file, now: () => 0, synchronous: 'normal' });
}

function openSqliteIn(context: TestContext): Journal {
  return openSqlite(makeFile(context));
}

/** A path in a new folder that is removed with the test. */
function makeFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-run-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'journal.db');
}

function withoutTime({ wallMs: _, ...result }: RunResult): Omit<RunResult, 'wallMs'> {
  return result;
}
