// These tests are about the methods that are compared, each as it is run. They prove:
//  1. With a model that never errs every one of them gets everything right, in exactly the calls that it says.
//  2. A chat has its own turns in its prompts, as they were said, within its window; an artificial history has the share of
//     errors asked for, and the state goes on from what was decided all the same. Its errors are counted by the reference.
//  3. Self-consistency takes the most common of the answers that can be read, the first of several. Refining shows the drafts to
//     the call that notes, and the notes to the call that answers. The orchestrator stops when it changes nothing, and no later.
//  4. Drafts do not wait for each other.
//  5. A plan is in every prompt behind it. Without checks what they refuse is a vote.
//  6. Names and sizes that are none are refused, with those that there are.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../../test/properties.ts';
import { type BenchReport, bench } from '../../bench.ts';
import { UsageError } from '../../core/errors.ts';
import type { Model, ModelRequest } from '../../core/model.ts';
import { type AnyProcess, defineProcess, type Process } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { redFlag } from '../../core/red-flags.ts';
import { memoryJournal } from '../../journals/memory.ts';
import { type ScriptedReply, scriptedModel } from '../../models/scripted.ts';
import { simulatedModel } from '../../models/simulated.ts';
import { subtasksOf } from '../../processes/subtasks.ts';
import { virtualClock } from '../../testing/virtual-clock.ts';
import type { Trial } from '../figures.ts';
import { inChat } from './chat.ts';
import { METHODS, methodByName, USUAL_METHODS } from './index.ts';

interface Count {
  readonly at: number;
  readonly to: number;
}

/** Counts on from 0; a reply is a number. More than 1,000 is illegal. */
const count: Process<{ to: number }, Count, number> = defineProcess({
  name: 'count',
  version: '1',
  start: ({ to }) => ({ at: 0, to }),
  steps: ({ to }) => to,
  isDone: ({ at, to }) => at % 100 >= to,
  prompt: ({ at }) => ({ system: 'Count on.', user: `${at}` }),
  parse: (text) => {
    if (!/^\d+$/.test(text)) throw redFlag('malformed', 'expected a number');
    return Number(text);
  },
  check: (action) => (action > 1_000 ? redFlag('illegal', 'too much') : undefined),
  apply: ({ to }, at) => ({ at, to }),
  reference: ({ at }) => at + 1,
  reply: String,
  // Right again from there on, as far as counting goes: 100 too much.
  simulation: { mistakes: ({ at }) => (at < 100 ? [at + 101] : []) },
  subtasks: (m): AnyProcess =>
    subtasksOf(count, m, {
      prompt: ({ at }, wanted) => ({ system: 'Count on.', user: `${wanted} from ${at}` }),
      parse: (text) => {
        if (!/^\d+(,\d+)*$/.test(text)) throw redFlag('malformed', 'expected numbers');
        return text.split(',').map(Number);
      },
      reply: (actions) => actions.join(','),
      steps: ({ to }) => Math.ceil(to / m),
    }),
});

const STEPS = 7;

async function attempt(method: string, model: Model, options: { to?: number; repeats?: number } = {}) {
  const { to = STEPS, repeats = 1 } = options;
  const journal = memoryJournal();
  const trials: Trial[] = [];
  const report: BenchReport = await bench({
    tasks: [{ name: 'count', process: count, sizes: [to], inputOf: (size) => ({ to: size }) }],
    methods: [method],
    repeats,
    model,
    journal,
    clock: virtualClock(),
    onTrial: (trial) => trials.push(trial),
  });
  assert.equal(report.status, 'done');
  return { report, journal, trials, trial: trials[0]!, cell: report.cells[0]! };
}

function scripted(script: (request: ModelRequest, call: number) => ScriptedReply) {
  return scriptedModel(script);
}

/** Says the right next number. */
const right = ({ prompt }: ModelRequest) => String(Number(prompt.user) + 1);

const CALLS: Readonly<Record<string, number>> = {
  'one-call': 1,
  'subtasks@m=5': 2,
  'subtasks@m=5,k=2': 4,
  steps: STEPS,
  planner: STEPS + 1,
  chat: STEPS,
  'chat@k=3': 3 * STEPS,
  'chat@window=2,errors=50': STEPS,
  'self-consistency@n=5': 5,
  pdr: 5,
  'pdr@drafts=2,rounds=3': 10,
  centralised: 2,
  'majority@n=5': 5 * STEPS,
  'first-to-k@k=2': 2 * STEPS,
  'adaptive-consistency': 4 * STEPS,
  'early-stopping': 5 * STEPS,
  'mdap@k=3': 3 * STEPS,
  'mdap@k=2,flags=0': 2 * STEPS,
};

for (const [method, calls] of Object.entries(CALLS)) {
  test(`${method} by a model that never errs: all right, in ${calls} calls`, async () => {
    const { trial } = await attempt(method, simulatedModel({ clock: virtualClock() }));
    assert.equal(trial.end, 'ended');
    assert.equal(trial.steps, '1'.repeat(STEPS));
    assert.equal(trial.calls, calls);
    assert.equal(
      trial.turns.reduce((sum, size) => sum + size, 0),
      STEPS,
    );
  });
}

test('every kind is tried above, and the usual ones are among them', () => {
  const tried = new Set(Object.keys(CALLS).map((name) => name.split('@')[0]!));
  assert.deepEqual([...tried].sort(), Object.keys(METHODS).sort());
  for (const name of USUAL_METHODS) assert.ok(Object.hasOwn(CALLS, name), name);
});

describe('a chat', () => {
  const said = ({ prompt }: ModelRequest) => (prompt.turns ?? []).map(({ user, reply }) => `${user}>${reply}`);

  test('has all its turns as they were said, red flags aside', async () => {
    // 2 is said as 02, which is the same number; at 3 it first says nothing that can be read.
    const model = scripted((request, call) => (call === 1 ? '02' : call === 3 ? 'hm' : right(request)));
    const { trial } = await attempt('chat', model, { to: 4 });
    assert.deepEqual(model.requests.map(said), [
      [],
      ['0>1'],
      ['0>1', '1>02'],
      ['0>1', '1>02', '2>3'],
      ['0>1', '1>02', '2>3'],
    ]);
    assert.deepEqual([trial.steps, trial.calls, trial.flagged], ['1111', 5, 1]);
    for (const { prompt } of model.requests) assert.equal(prompt.system, 'Count on.');
  });

  test('has the last turns of its window', async () => {
    const model = scripted(right);
    await attempt('chat@window=1', model, { to: 4 });
    assert.deepEqual(model.requests.map(said), [[], ['0>1'], ['1>2'], ['2>3']]);
  });

  test('goes on from what was decided behind an artificial history', async () => {
    const model = scripted(right);
    const { trial } = await attempt('chat@errors=100', model, { to: 4 });
    assert.equal(trial.steps, '1111');
    assert.deepEqual(said(model.requests.at(-1)!), ['0>101', '1>102', '2>103']);
  });

  test('heals its history where it errs itself', async () => {
    const model = scripted((request, call) => (call === 1 ? '102' : right(request)));
    const { trial } = await attempt('chat@errors=0', model, { to: 4 });
    assert.equal(trial.steps, '1011');
    assert.deepEqual(said(model.requests.at(-1)!), ['0>1', '1>2', '102>103']);
  });

  test('counts wrong turns within the window by the reference', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 12 }), fc.integer({ min: 1, max: 6 }), (rights, window) => {
        const process = inChat(count, { window });
        let state = process.start({ to: 99 });
        // What is right is judged where it was asked: the same number may be right or wrong.
        for (const isRight of rights) {
          const at = (state as { state: Count }).state.at;
          state = process.apply(state, { action: at + (isRight ? 1 : 5), text: '' });
        }
        const seen = rights.slice(-window);
        const share = seen.length === 0 ? 0 : seen.filter((isRight) => !isRight).length / seen.length;
        assert.equal(process.simulation!.errorShare!(state), share);
      }),
    );
  });

  test('has as many artificial errors as asked for, the same each time', () => {
    const shareOf = (errors: number) => {
      const process = inChat(count, { errors });
      let state = process.start({ to: 99 });
      for (let at = 0; at < 2_000; at++) state = process.apply(state, { action: at % 99, text: '' });
      return process.simulation!.errorShare!(state);
    };
    assert.equal(shareOf(0), 0);
    assert.equal(shareOf(100), 1);
    assert.ok(Math.abs(shareOf(25) - 0.25) < 0.05, String(shareOf(25)));
    assert.equal(shareOf(25), shareOf(25));
  });

  test('needs to know mistakes for an artificial history', () => {
    assert.throws(
      () => inChat({ ...count, simulation: { mistakes: undefined } }, { errors: 10 }),
      /expected `reply` and `simulation.mistakes`/,
    );
  });
});

describe('whole answers', () => {
  const cases = [
    { answers: ['1,2,3', '1,101,102', '1,2,3'], steps: '111', agreement: 1 / 3 },
    { answers: ['1,101,102', '1,2,3', '1,101,102'], steps: '101', agreement: 1 / 3 },
    { answers: ['1,101,102', '1,2,3', '1,2,102'], steps: '101', agreement: 0 },
    { answers: ['?', '1,2', '1,2,3'], steps: '111', agreement: null },
    { answers: ['?', '?', '1,2'], steps: '', agreement: null },
  ];
  for (const { answers, steps, agreement } of cases) {
    test(`of ${answers.join(' | ')} self-consistency takes ${steps === '' ? 'none' : `one that is ${steps}`}`, async () => {
      const { trial } = await attempt(
        'self-consistency@n=3',
        scripted((_, call) => answers[call]!),
        { to: 3 },
      );
      assert.deepEqual([trial.steps, trial.calls, trial.end], [steps, 3, 'ended']);
      if (agreement === null) assert.equal(trial.agreement, null);
      else assert.ok(Math.abs(trial.agreement! - agreement) < 1e-9);
    });
  }

  test('drafts are noted on, and answered from the notes', async () => {
    const replies = ['1,2,3', 'unreadable', 'the second is none', '1,2,4', '1,2,3', 'take the last', '1,2,3'];
    const model = scripted((_, call) => replies[call]!);
    const { trial } = await attempt('pdr@drafts=2,rounds=2', model, { to: 3 });
    assert.deepEqual([trial.steps, trial.calls], ['111', 7]);
    const asked = model.requests.map(({ prompt }) => textOf(prompt.user));
    assert.equal(asked[0], '3 from 0');
    assert.equal(asked[1], asked[0]);
    assert.match(asked[2]!, /Count on\.\n\n3 from 0[\s\S]*Answer 1:\n1,2,3\n\nAnswer 2:\nunreadable/);
    for (const user of asked.slice(3, 5)) assert.match(user, /^3 from 0\n\n[\s\S]*the second is none/);
    assert.match(asked[5]!, /Answer 1:\n1,2,4\n\nAnswer 2:\n1,2,3/);
    assert.match(asked[6]!, /^3 from 0\n\n[\s\S]*take the last/);
    assert.doesNotMatch(asked[6]!, /the second is none/);
  });

  test('the orchestrator sees the last answer, and stops when it leaves it as it is', async () => {
    const replies = ['1,101,102', '1,2,102', '1,2,3', '1,2,3', 'never asked'];
    const model = scripted((_, call) => replies[call]!);
    const { trial } = await attempt('centralised@rounds=9', model, { to: 3 });
    assert.deepEqual([trial.steps, trial.calls], ['111', 4]);
    const asked = model.requests.map(({ prompt }) => textOf(prompt.user));
    assert.equal(asked[0], '3 from 0');
    assert.match(asked[1]!, /^3 from 0\n\n[\s\S]*:\n1,101,102\n/);
    assert.match(asked[2]!, /:\n1,2,102\n/);
  });

  test('the orchestrator repairs no oftener than asked for, also what cannot be read', async () => {
    const replies = ['?', '1,101,102', '1,2,102'];
    const { trial } = await attempt(
      'centralised@rounds=2',
      scripted((_, call) => replies[call]!),
      { to: 3 },
    );
    assert.deepEqual([trial.steps, trial.calls], ['110', 3]);
  });

  test('an orchestrator that cannot be read leaves what was there', async () => {
    const { trial } = await attempt(
      'centralised',
      scripted((_, call) => (call === 0 ? '1,2,3' : '?')),
      { to: 3 },
    );
    assert.deepEqual([trial.steps, trial.end, trial.calls], ['111', 'undecided', 4]);
  });

  test('drafts do not wait for each other', async () => {
    const clock = virtualClock();
    const report = await bench({
      tasks: [{ name: 'count', process: count, sizes: [3], inputOf: (size) => ({ to: size }) }],
      // The first call of all is waited for, as the key may be wrong.
      methods: ['steps', 'self-consistency@n=5', 'pdr@drafts=3,rounds=1'],
      repeats: 1,
      model: simulatedModel({ latencyMs: 1_000, clock }),
      speculate: 8,
      clock,
    });
    assert.deepEqual(
      report.cells.map(({ calls, wallMs }) => [calls, wallMs]),
      [
        [3, 3_000],
        [5, 1_000],
        [5, 3_000],
      ],
    );
  });
});

test('where subtasks end before the job does, there is no whole answer', () => {
  const byTwo = defineProcess({ ...count, subtasks: () => count.subtasks!(2) });
  for (const name of ['one-call', 'self-consistency', 'pdr', 'centralised']) {
    assert.throws(
      () => methodByName(name).arrange(byTwo, { to: 5 }),
      (thrown) =>
        thrown instanceof UsageError && /that take all 5 steps at once, these end after 2:/.test(thrown.message),
    );
  }
});

test('a plan is asked for once, and stands in every prompt behind it', async () => {
  const model = scripted((request, call) => (call === 0 ? 'Add one each time.' : right(request)));
  const { trial } = await attempt('planner', model, { to: 3 });
  assert.deepEqual([trial.steps, trial.calls, trial.decisions], ['111', 4, 3]);
  const [plan, ...steps] = model.requests.map(({ prompt }) => prompt);
  assert.match(textOf(plan!.user), /A job has 3 steps[\s\S]*<step>\nCount on\.\n\n0\n<\/step>/);
  for (const { system } of steps) assert.equal(system, 'Count on.\n\nThe plan for all of it:\nAdd one each time.');
});

test('without checks, what they refuse is a vote', async () => {
  const replies = ['5000', '1', '1', '2', '2'];
  const model = () => scripted((_, call) => replies[call]!);
  const checked = await attempt('mdap@k=2', model(), { to: 2 });
  assert.deepEqual([checked.trial.steps, checked.trial.flagged, checked.trial.calls], ['11', 1, 5]);
  const unchecked = await attempt(
    'mdap@k=2,flags=0',
    scripted(() => '5000'),
    { to: 1 },
  );
  assert.deepEqual([unchecked.trial.steps, unchecked.trial.flagged, unchecked.trial.calls], ['0', 0, 2]);
});

test('a wrong decision is told from a wrong first vote', async () => {
  // The first step is decided against its first vote, the second wrongly.
  const replies = ['101', '1', '1', '1', '102', '102'];
  const { trial } = await attempt(
    'mdap@k=2',
    scripted((_, call) => replies[call]!),
    { to: 2 },
  );
  assert.equal(trial.steps, '10');
  assert.deepEqual([trial.decisions, trial.wrongFirstVotes, trial.wrongDecisions], [2, 2, 1]);
  // (3, 1): half of the pairs; (2): all.
  assert.deepEqual([trial.agreement, trial.votings], [0.75, 2]);
});

test('what cannot be read is asked for three times, then the attempt is over', async () => {
  const { trial } = await attempt(
    'steps',
    scripted((request, call) => (call < 2 ? right(request) : '?')),
  );
  assert.deepEqual([trial.steps, trial.end, trial.calls], ['11', 'undecided', 5]);
  assert.match(trial.reason!, /step 2 is undecided after 3 samples/);
});

test('an answer that goes on beyond the end counts as far as there are steps', async () => {
  // Led astray by a mistake, it is not done where it should be.
  const replies = ['1,2,102', '103,104'];
  const { trial } = await attempt(
    'subtasks@m=3',
    scripted((_, call) => replies[call]!),
    { to: 4 },
  );
  assert.equal(trial.steps.length, 4);
  assert.deepEqual(trial.turns, [3, 1]);
});

describe('names', () => {
  const refused = (name: string, message: RegExp) =>
    assert.throws(
      () => methodByName(name),
      (thrown) => thrown instanceof UsageError && message.test(thrown.message),
      name,
    );
  test('are refused where there is no such method, with those that there are', () => {
    for (const name of ['voodoo', '', 'constructor', 'MDAP', '@k=3']) {
      refused(name, /^methods: expected some of one-call, subtasks, steps, .*mdap, got "/);
    }
  });
  test('are refused with sizes that the method does not have', () => {
    refused('mdap@n=3', /expected k=N or flags=N behind mdap@, got "n=3"/);
    refused('steps@k=3', /expected no sizes of steps, got "k=3"/);
    refused('mdap@', /behind mdap@, got ""/);
    for (const value of ['0', '-1', '1.5', '', 'three', '1e99']) {
      refused(`mdap@k=${value}`, /expected a whole number of at least 1 as mdap@k, got /);
    }
    refused('chat@errors=101', /expected a whole number from 0 to 100 as chat@errors, got "101"/);
  });
  test('are kept as they were given', () => {
    for (const name of Object.keys(CALLS)) assert.equal(methodByName(name).name, name);
  });
});
