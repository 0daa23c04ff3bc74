// These tests are about a process whose functions change what they are given, or return promises. They prove:
//  1. A run of it stops at the step at which that is found, with the function, the step and what to do, however far steps are
//     voted on ahead. Its state is that of the step. Corrected and resumed, it ends like a run that was right from the start.
//  2. So does a map, whichever of the functions it is; so do a single decision, a calibration and a replay, by an error.
//  3. A change that begins late is found at the next checkpoint, where nothing wrong is written; resumed, the run continues
//     from the checkpoint before it.
//  4. What is found before the first step starts nothing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { calibrate } from '../calibrate.ts';
import { ProcessError } from '../core/errors.ts';
import type { Model } from '../core/model.ts';
import { defineProcess, type ProcessDefinition } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { decide } from '../decide.ts';
import { memoryJournal } from '../journals/memory.ts';
import { MapEndedError, map } from '../map.ts';
import { scriptedModel } from '../models/scripted.ts';
import { replay } from '../replay.ts';
import { run } from '../run.ts';

interface State {
  i: number;
  seen: number[];
}

const LENGTH = 10;

const RIGHT: ProcessDefinition<{ count: number }, State, number, unknown, { count: number }> = {
  name: 'collect',
  version: '1',
  start: () => ({ i: 0, seen: [] }),
  isDone: ({ i }) => i === LENGTH,
  prompt: ({ i }) => ({ user: `Say ${i}` }),
  parse: (text) => Number(text),
  check: () => undefined,
  apply: ({ i, seen }, action) => ({ i: i + 1, seen: [...seen, action] }),
};
type Collect = typeof RIGHT;

/** As most reducers in JavaScript are written. */
const inPlace: Collect['apply'] = (state, action) => {
  state.seen.push(action);
  state.i++;
  return state;
};

const saying = (): Model => scriptedModel(({ prompt }) => /Say (\d+)/.exec(textOf(prompt.user))![1]!);

function impure(part: string, parameter: string, step?: number) {
  return (thrown: unknown): boolean => {
    assert.ok(thrown instanceof ProcessError, String(thrown));
    const place = step === undefined ? '' : `.* Found at step ${step}\\.$`;
    assert.match(
      thrown.message,
      new RegExp(`^process "\\w+": \`${part}\` changed \`${parameter}[^\`]*\`, which it was given.*${place}`),
    );
    return thrown.code === 'impure';
  };
}

describe('a process that changes what it is given', () => {
  for (const speculate of [0, 16]) {
    test(`is stopped where it does so, with ${speculate} steps ahead; once it is corrected, it resumes to the right end`, async () => {
      const journal = memoryJournal();
      const options = { model: saying(), journal, runId: 'r', k: 2, speculate };
      const process = defineProcess({ ...RIGHT, apply: inPlace });
      const { status, end, reason, state } = await run(process, { count: LENGTH }, options);
      assert.deepEqual([status, end.code, state], ['stopped', 'process', { i: 0, seen: [] }]);
      impure('apply', 'state', 0)(new ProcessError(reason!, { code: 'impure' }));
      assert.match(reason!, /: return a new state, as in \{ \.\.\.state, … \}\./);
      const resumed = await run(defineProcess(RIGHT), { count: LENGTH }, options);
      assert.deepEqual(
        [resumed.status, resumed.steps, resumed.state],
        ['done', LENGTH, { i: LENGTH, seen: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }],
      );
    });
  }

  const spoil = (state: State) => {
    state.seen.push(7);
  };
  const parts: Partial<Collect> = {
    isDone: (state) => {
      spoil(state);
      return state.i === LENGTH;
    },
    prompt: (state) => {
      spoil(state);
      return { user: `Say ${state.i}` };
    },
    parse: (text, state) => {
      spoil(state);
      return Number(text);
    },
    check: (_, state) => {
      spoil(state);
      return undefined;
    },
    apply: inPlace,
    reference: (state) => {
      spoil(state);
      return state.i;
    },
  };
  for (const [part, change] of Object.entries(parts)) {
    test(`is stopped whichever function it is, in a run and in a map: \`${part}\``, async () => {
      const process = defineProcess({ ...RIGHT, [part]: change } as Collect);
      const journal = memoryJournal();
      const why = await run(process, { count: LENGTH }, { model: saying(), journal, k: 2 }).then(
        ({ status, reason }) => {
          assert.equal(status, 'stopped');
          return new ProcessError(reason!, { code: 'impure' });
        },
        (thrown: unknown) => thrown,
      );
      impure(part, 'state')(why);
      const items = map(process, [{ count: 1 }, { count: 2 }, { count: 3 }], { model: saying(), journal, k: 2 });
      await assert.rejects(
        async () => {
          for await (const { index } of items) assert.fail(`a result of item ${index}`);
        },
        (thrown) => {
          if (!(thrown instanceof MapEndedError)) return impure(part, 'state')(thrown);
          assert.equal(thrown.recovery, 'stop');
          return impure(part, 'state')(new ProcessError(thrown.result.reason!, { code: 'impure' }));
        },
      );
    });
  }

  test('is refused as a whole in a map where it is its `start`', async () => {
    const start = (input: { count: number }) => ({ i: input.count++, seen: [] });
    const items = map(defineProcess({ ...RIGHT, start }), [{ count: 0 }], {
      model: saying(),
      journal: memoryJournal(),
    });
    await assert.rejects(items.result, impure('start', 'input'));
  });

  test('is refused in a single decision', async () => {
    const question = {
      prompt: 'Name two primes.',
      parse: (text: string) => text.split(' '),
      key: (words: string[]) => words.sort().join(),
    };
    await assert.rejects(decide(question, { model: scriptedModel(() => '5 3'), k: 2 }), impure('key', 'action'));
    const sorted = { ...question, key: (words: string[]) => words.toSorted().join() };
    const decision = await decide(sorted, { model: scriptedModel((_, call) => (call % 2 ? '5 3' : '3 5')), k: 2 });
    assert.equal(decision.type, 'decided');
  });

  test('is refused in a calibration, with a reference and without', async () => {
    const reference: Collect['reference'] = (state) => state.seen.push(1);
    const options = { model: saying(), sampleSteps: 5 };
    await assert.rejects(
      calibrate(defineProcess({ ...RIGHT, reference }), { count: LENGTH }, options),
      impure('reference', 'state', 0),
    );
    await assert.rejects(
      calibrate(defineProcess({ ...RIGHT, apply: inPlace }), { count: LENGTH }, options),
      impure('apply', 'state'),
    );
  });

  test('is refused in a replay', async () => {
    const journal = memoryJournal();
    const told = { ...RIGHT, reference: ({ i }: State) => i, reply: String };
    await run(defineProcess(told), { count: LENGTH }, { model: saying(), journal, runId: 'r', k: 2, record: 'all' });
    const process = defineProcess({ ...told, check: parts.check! });
    await assert.rejects(replay(process, 'r', { journal }), impure('check', 'state'));
  });
});

describe('a change that begins late', () => {
  const STEPS = 2_500;
  const long = (apply: Collect['apply']) => defineProcess({ ...RIGHT, isDone: ({ i }) => i === STEPS, apply });
  const right: Collect['apply'] = ({ i, seen }, action) => ({
    i: i + 1,
    seen: i % 500 === 499 ? [...seen, action] : seen,
  });
  /** The list that was in the state of the last checkpoint as well. */
  const wrong: Collect['apply'] = (state, action) => {
    if (state.i === 1_200) state.seen[0] = -1;
    return right(state, action);
  };

  test('is found at the next checkpoint; resumed, the run continues from the one before', async () => {
    const journal = memoryJournal();
    const options = { model: saying(), journal, runId: 'r', k: 1, speculate: 0 };
    const expected = await run(long(right), { count: STEPS }, { ...options, runId: 'expected' });
    assert.equal(expected.status, 'done');
    const stopped = await run(long(wrong), { count: STEPS }, options);
    assert.deepEqual([stopped.status, stopped.end.code], ['stopped', 'process']);
    assert.match(
      stopped.reason!,
      /^process "collect": expected the state before step 1000 to stay what it was, but it was changed before step 2000: /,
    );
    assert.deepEqual(stopped.state, { i: 1_000, seen: [499, 999] });
    const resumed = await run(long(right), { count: STEPS }, options);
    assert.deepEqual([resumed.status, resumed.state], ['done', expected.state]);
  });

  test('is found at the end where there is no checkpoint before it', async () => {
    const late: Collect['apply'] = (state, action) => {
      if (state.i === 900) state.seen.push(-1);
      return {
        ...state,
        i: state.i === 990 ? STEPS : state.i + 1,
        seen: action === 990 ? [...state.seen] : state.seen,
      };
    };
    const { status, reason, state } = await run(
      long(late),
      { count: STEPS },
      { model: saying(), journal: memoryJournal(), k: 1, speculate: 0 },
    );
    assert.deepEqual([status, state], ['stopped', { i: 0, seen: [] }]);
    assert.match(reason!, /the state before step 0 to stay what it was, but it was changed before step 991/);
  });
});

test('what returns a promise is refused before anything is started or paid', async () => {
  for (const part of ['start', 'isDone', 'prompt'] as const) {
    const journal = memoryJournal();
    const process = defineProcess({
      ...RIGHT,
      [part]: async () => assert.fail('not to be seen'),
    } as unknown as Collect);
    await assert.rejects(
      run(process, { count: LENGTH }, { model: scriptedModel(() => assert.fail('asked')), journal, runId: 'r' }),
      (thrown) => {
        assert.ok(thrown instanceof ProcessError);
        assert.match(
          thrown.message,
          new RegExp(`^process "collect": \`${part}\` returned a promise; it must be synchronous: `),
        );
        return thrown.code === 'asynchronous';
      },
    );
    assert.equal(await journal.find('r'), undefined);
  }
});

test('a parser that returns a promise stops the run at its first reply', async () => {
  const process = defineProcess({ ...RIGHT, parse: (async (text: string) => Number(text)) as never });
  const { status, samples, reason } = await run(
    process,
    { count: LENGTH },
    { model: saying(), journal: memoryJournal(), k: 2 },
  );
  assert.equal(status, 'stopped');
  assert.ok(samples <= 2, `${samples}`);
  assert.match(reason!, /^process "collect": `parse` returned a promise; .* Found at step 0\.$/);
});
