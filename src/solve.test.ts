// solve and decompose:
// 1. What waits together is voted on together: a step's focus does not depend on what is decided before it, and votes that ran
//    ahead decide the same (J3).
// 2. Replies in every form are read back; prompts of forms differ; mistakes are well-formed.
// 3. Products come out right although a step in twenty is wrong; wrong decompositions are outvoted, and where all are wrong
//    others are asked for.
// 4. A well-formed decomposition is decomposed, whatever its statements hold; what is not is refused by name.
// 5. It ends: by depth, by the number of problems, where nothing can be decomposed, where answers do not fit together.
// 6. Roles have models of their own; free texts are judged, not voted on.
// 7. A plan is a file that runs, with parameters and answers in their places.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../test/effort.ts';
import * as fc from '../test/properties.ts';
import { UsageError } from './core/errors.ts';
import type { RunEvent } from './core/events.ts';
import type { ModelRequest } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import { textOf } from './core/prompt-parts.ts';
import { createRandom } from './core/random.ts';
import { RedFlag, readReply } from './core/red-flags.ts';
import { parseInput } from './core/schema.ts';
import { nextTask } from './decomposition/tree.ts';
import { memoryJournal } from './journals/memory.ts';
import { scriptedModel } from './models/scripted.ts';
import { simulatedModel } from './models/simulated.ts';
import type { SolveOptions } from './options.ts';
import {
  PRODUCTS,
  type SolveAction,
  type SolveInput,
  type SolveState,
  solve as solveProcess,
  stepPlanProcess,
} from './processes/index.ts';
import { run } from './run.ts';
import { decompose, solve } from './solve.ts';
import { virtualClock } from './testing/virtual-clock.ts';

const products = solveProcess({ oracle: PRODUCTS });

/** States on the way to the end, every other decision a mistake. */
async function wander(seed: number, input: object): Promise<SolveState[]> {
  const random = createRandom(seed);
  const states: SolveState[] = [];
  let state = products.start(await parseInput<SolveInput>(products as AnyProcess, input));
  while (!products.isDone(state)) {
    states.push(state);
    const mistakes = products.simulation!.mistakes!(state);
    const action = mistakes[Math.floor(2 * random() * mistakes.length)] ?? products.reference!(state);
    state = products.apply(state, action);
  }
  return states;
}

describe('the process', () => {
  test('a step depends on its focus alone, which is known before what comes before it is decided (1)', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const states = await wander(seed, { digits: 4, seed, maxDepth: 4, proposals: 3 });
      for (const [i, state] of states.entries()) {
        const guessed = nextTask(state);
        if (guessed === undefined || states[i + 1] === undefined) continue;
        assert.deepEqual(products.independence!.focus!(guessed), products.independence!.focus!(states[i + 1]!));
        const alone = { ...guessed, nodes: [], decisions: [] };
        for (const form of products.forms) assert.deepEqual(form.prompt(alone), form.prompt(states[i + 1]!));
        assert.throws(() => products.apply(guessed, products.reference!(guessed)), /guess/);
      }
    }
  });

  test('replies of every form are read back, forms are asked differently, mistakes are well-formed (2)', async () => {
    const states = await wander(7, { digits: 5, seed: 3, maxDepth: 8 });
    const kinds = new Set<string>();
    for (const state of states) {
      kinds.add(`${state.tasks[0]!.phase} ${state.tasks[0]!.kind}`);
      const actions = [products.reference!(state), ...products.simulation!.mistakes!(state)];
      for (const form of products.forms) {
        for (const action of actions) {
          const read = readReply<SolveAction>(form.reply!(action, state), {
            parse: (text) => form.parse(text, state),
            check: (read) => products.check!(read, state),
            key: products.key,
          });
          assert.ok(!(read instanceof RedFlag), read instanceof RedFlag ? read.detail : '');
          assert.deepEqual(read.action, action);
        }
      }
      const prompts = products.forms.map(({ prompt }) => JSON.stringify(prompt(state)));
      assert.equal(new Set(prompts).size, products.forms.length);
      assert.equal(new Set(actions.map(products.key)).size, actions.length);
    }
    assert.deepEqual([...kinds].sort(), ['judge split', 'propose split', 'vote answer']);
  });

  test('candidates stand in another order for each judge', async () => {
    const states = (await wander(7, { digits: 5, seed: 3, maxDepth: 8 })).filter(
      ({ tasks }) => tasks[0]!.phase === 'judge',
    );
    const places = states.flatMap((state) =>
      products.forms.map(({ reply }) => reply!({ type: 'choice', place: 0 }, state)),
    );
    assert.ok(new Set(places).size > 1, 'the first proposal is not always shown first');
  });
});

const SIMULATED: SolveOptions = { model: 'simulated:p=0.95,v=0.97', answerKind: 'number', maxDepth: 8 };

describe('with a simulated model', { timeout: 60_000 }, () => {
  test('products of 5 x 5 digits are right, wrong decompositions outvoted (3)', async () => {
    const products = amount({ quick: 12, slow: 30 });
    let outvoted = 0;
    for (let seed = 0; seed < products; seed++) {
      const [a, b] = [seed, seed + 1_000].map((one) => 10_000 + ((one * 7_919_777) % 90_000));
      const { solution, outline, status } = await solve(`Multiply ${a} by ${b}.`, {
        ...SIMULATED,
        model: `simulated:p=0.95,v=0.97,seed=${seed}`,
        journal: memoryJournal(),
        onEvent: (event) => {
          if (event.type !== 'step-decided' || event.decision.settledBy !== undefined) return;
          if ((event.decision.action as SolveAction).type === 'choice') outvoted++;
        },
      });
      assert.equal(status, 'done');
      assert.equal(solution, String(a! * b!));
      assert.ok(outline.length > 10, 'it was decomposed');
    }
    assert.ok(outvoted > products / 2, `${outvoted} decompositions were chosen among unlike ones`);
  });

  test('where all proposals are wrong others are asked for (3)', async () => {
    const wrongAtFirst = simulatedModel({ p: 1, clock: virtualClock() });
    const decomposer = {
      ...wrongAtFirst,
      generate: async (request: ModelRequest) => {
        const { state, form, process } = request.subject!;
        const { place } = (state as SolveState).tasks[0]!;
        const mistakes = process.simulation!.mistakes!(state);
        const wrong = mistakes[place % mistakes.length];
        const sample = await wrongAtFirst.generate(request);
        return place < 3 ? { ...sample, text: form.reply!(wrong, state) } : sample;
      },
    };
    const { solution, state } = await solve('Multiply 12 by 345.', {
      ...SIMULATED,
      model: 'simulated',
      decomposer,
      proposals: 3,
      maxDepth: 1,
      journal: memoryJournal(),
    });
    assert.equal(solution, '4140');
    assert.equal(state.nodes[0]!.rounds, 1);
  });

  test('ahead or not, at any depth and concurrency, it decides the same; together is faster (1)', async () => {
    const runs: { readonly speculate: number; readonly ms: number; readonly nodes: unknown }[] = [];
    for (const speculate of [0, 4, 64]) {
      const clock = virtualClock();
      const { state, wallMs, status, reason } = await solve('Multiply 7351 by 9024.', {
        ...SIMULATED,
        model: simulatedModel({ p: 0.9, v: 0.95, latencyMs: 1_000, latencySigma: 0.5, clock }),
        clock,
        journal: memoryJournal(),
        speculate,
        maxConcurrency: 64,
      });
      assert.equal(status, 'done', reason ?? '');
      runs.push({ speculate, ms: wallMs, nodes: state.nodes });
    }
    assert.deepEqual(runs[1]!.nodes, runs[0]!.nodes);
    assert.deepEqual(runs[2]!.nodes, runs[0]!.nodes);
    assert.ok(runs[2]!.ms < 0.35 * runs[0]!.ms, `${runs.map(({ ms }) => Math.round(ms))} ms`);
  });
});

test('paused every seven steps and resumed at any depth, it ends as without (J3), and pays for nothing twice', async () => {
  const options = { ...SIMULATED, model: 'simulated:p=0.9,v=0.9' };
  const whole = await solve('Multiply 4321 by 98.', { ...options, journal: memoryJournal() });
  const journal = memoryJournal();
  for (let maxSteps = 7; ; maxSteps += 7) {
    const speculate = maxSteps % 3 === 0 ? 0 : maxSteps;
    const part = await solve('Multiply 4321 by 98.', { ...options, journal, runId: 'a', maxSteps, speculate });
    if (part.status !== 'done') continue;
    assert.deepEqual(part.state, whole.state);
    assert.equal(part.samples, whole.samples);
    assert.ok((part.wasted?.samples ?? 0) < whole.samples / 20, JSON.stringify(part.wasted));
    break;
  }
});

/** Answers by what a prompt is about: the problem's statement in it, and what kind of question it is. */
function solver(replies: Readonly<Record<string, string>>) {
  return scriptedModel(({ prompt }) => {
    const { user, system = '' } = prompt;
    const kind = /number of the best|its number/.test(system)
      ? 'judge'
      : /"atomic"/.test(system)
        ? 'split'
        : /[Pp]ut the answers|answers of its parts|partial results/.test(system)
          ? 'compose'
          : 'answer';
    const statement = /(?:Problem|The problem to divide|The problem|The question|The whole|Given):\n([^\n]*)/.exec(
      textOf(user),
    )![1]!;
    const reply = replies[`${kind}: ${statement}`] ?? replies[kind];
    assert.ok(reply !== undefined, `nothing to say to ${kind}: ${statement}`);
    return reply;
  });
}

const SPLIT = JSON.stringify({
  subproblems: [
    { id: 'P1', statement: 'Evaluate f(a, b), where f is "max" and [a, b] = [3, 7].' },
    { id: 'P2', statement: 'Double {P1}.', needs: ['P1'] },
  ],
  compose: { formula: 'P2 + 1' },
});

async function solved(problem: string, replies: Readonly<Record<string, string>>, options: Partial<SolveOptions> = {}) {
  const model = solver(replies);
  const events: RunEvent[] = [];
  const result = await solve(problem, {
    model,
    journal: memoryJournal(),
    maxDepth: 1,
    proposals: 3,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { ...result, model, events };
}

describe('with a scripted model', () => {
  test('a well-formed decomposition is decomposed, with what it needs in its place (4)', async () => {
    const { solution, outline, isAtomic, model } = await solved('What is 2 max(3, 7) + 1?', {
      split: SPLIT,
      'answer: Evaluate f(a, b), where f is "max" and [a, b] = [3, 7].': 'The larger one is 7.\nANSWER: 7',
      'answer: Double 7.': 'ANSWER: 14',
    });
    assert.equal(solution, '15');
    assert.equal(isAtomic, false);
    assert.deepEqual(
      outline.map(({ depth, text, detail }) => [depth, text, detail]),
      [
        [0, 'What is 2 max(3, 7) + 1?', 'P2 + 1 = 15'],
        [1, 'P1: Evaluate f(a, b), where f is "max" and [a, b] = [3, 7].', '= 7'],
        [1, 'P2: Double 7.', '= 14'],
      ],
    );
    const second = model.requests.find(({ prompt }) => textOf(prompt.user).includes('Double 7.'))!;
    assert.match(textOf(second.prompt.user), /Known: Evaluate f\(a, b\).* Answer: 7/);
  });

  test('decompositions that cannot be used are refused by name, and never repaired (4)', async () => {
    const bad = JSON.parse(SPLIT);
    bad.subproblems[1].needs = [];
    const { refused, status, reason } = await solved(
      'A',
      { split: JSON.stringify(bad) },
      { maxVotes: 5, escalate: [] },
    );
    assert.equal(status, 'paused');
    assert.match(reason!, /undecided/);
    assert.deepEqual(Object.keys(refused), ['non-independent-subproblems']);
    const missing = JSON.stringify({ ...JSON.parse(SPLIT), compose: undefined });
    const other = await solved('A', { split: missing }, { maxVotes: 5, escalate: [] });
    assert.deepEqual(Object.keys(other.refused), ['malformed-final']);
  });

  test('what cannot be decomposed is answered in one piece, and that is said (5)', async () => {
    const { solution, isAtomic } = await solved('What is 6 x 7?', { split: '{"atomic": true}', answer: 'ANSWER: 42' });
    assert.deepEqual([solution, isAtomic], ['42', true]);
  });

  test('decomposition without an end ends at its depth and at its number of problems (5)', async () => {
    let count = 0;
    const endless = scriptedModel(({ prompt }) => {
      if (!/"atomic"/.test(prompt.system!)) return 'ANSWER: 1';
      count++;
      const subproblems = ['A', 'B'].map((id) => ({ id, statement: `Something new ${count}${id}` }));
      return JSON.stringify({ subproblems, compose: { formula: 'A + B' } });
    });
    const options = { model: endless, proposals: 1, answerKind: 'number', escalate: [] } as const;
    const deep = await solve('Count.', { ...options, maxDepth: 4, journal: memoryJournal() });
    assert.equal(deep.solution, '16');
    const few = await solve('Count.', { ...options, maxDepth: 20, maxNodes: 21, journal: memoryJournal() });
    assert.equal(few.status, 'done');
    assert.ok(few.state.nodes.length <= 21);
    assert.ok(few.outline.some(({ detail }) => /no-room: at most 21 problems/.test(detail)));
  });

  test('a problem that comes back inside itself is refused (5)', async () => {
    const circle = JSON.stringify({
      subproblems: [
        { id: 'P1', statement: 'Solve it!' },
        { id: 'P2', statement: 'Another.' },
      ],
      compose: { formula: 'P1 + P2' },
    });
    const { refused, status } = await solved('solve it', { split: circle }, { maxVotes: 5, escalate: [] });
    assert.deepEqual([status, Object.keys(refused)], ['paused', ['circular-decomposition']]);
  });

  test('answers that do not fit together have the whole answered in one piece, with what failed (5)', async () => {
    const split = JSON.stringify({
      subproblems: [
        { id: 'A', statement: 'First.' },
        { id: 'B', statement: 'Second.' },
      ],
      compose: { formula: 'A / B' },
    });
    const { solution, outline } = await solved('Ratio?', {
      split,
      'answer: First.': 'ANSWER: 1',
      'answer: Second.': 'ANSWER: 0',
      'answer: Ratio?': 'ANSWER: none',
    });
    assert.equal(solution, 'none');
    assert.match(outline[0]!.detail, /composition-failed: it divides by zero/);
  });

  test('a composition in words is asked for, with the answers; texts in a row are not (6)', async () => {
    const parts = [
      { id: 'P1', statement: 'Name a colour.' },
      { id: 'P2', statement: 'Name a fruit.' },
    ];
    const replies = {
      'answer: Name a colour.': 'ANSWER: Green.',
      'answer: Name a fruit.': 'ANSWER: pear',
      compose: 'ANSWER: a green pear',
    };
    const inWords = { subproblems: parts, compose: { instruction: 'Put {P1} before {P2}.' } };
    const { solution, model } = await solved('A thing?', { ...replies, split: JSON.stringify(inWords) });
    assert.equal(solution, 'a green pear');
    assert.ok(model.requests.some(({ prompt }) => /Put Green\. before pear\./.test(textOf(prompt.user))));
    const joined = { subproblems: parts, compose: { join: ' ' } };
    assert.equal((await solved('A thing?', { ...replies, split: JSON.stringify(joined) })).solution, 'Green. pear');
  });

  test('free texts are proposed and judged; roles have models of their own (6)', async () => {
    let text = 0;
    const model = scriptedModel(() => `ANSWER: a poem, number ${text++}`);
    const judge = scriptedModel(({ prompt }) =>
      String(Number(/(\d)\. a poem, number 1/.exec(textOf(prompt.user))![1])),
    );
    const decomposer = scriptedModel(() => '{"atomic": true}');
    const { solution } = await solve('Write a poem.', {
      model,
      judge,
      decomposer,
      answerKind: 'free',
      proposals: 3,
      journal: memoryJournal(),
      escalate: [],
    });
    assert.equal(solution, 'a poem, number 1');
    assert.deepEqual([model.requests.length, judge.requests.length, decomposer.requests.length], [3, 3, 3]);
  });

  test('a case or a full stop makes no other answer; other words do', async () => {
    let draw = 0;
    const model = scriptedModel(() => `ANSWER: ${['Paris', 'paris.', 'PARIS'][draw++ % 3]}`);
    const { solution, samples } = await solve('Capital of France?', { model, maxDepth: 0, journal: memoryJournal() });
    assert.deepEqual([solution, samples], ['Paris', 3]);
  });
});

describe('bad input', () => {
  test('is refused before anything is asked', async () => {
    const model = scriptedModel([]);
    for (const [problem, expected] of [
      ['', /empty text/],
      [' \n', /empty text/],
      ['x'.repeat(2 ** 20), /at most 100000 characters, got 1048576: .*mdap map/],
    ] as const) {
      await assert.rejects(solve(problem, { model, journal: memoryJournal() }), expected);
    }
    await assert.rejects(solve('A', { model: 'simulated:p=1', journal: memoryJournal() }), (thrown) => {
      assert.ok(thrown instanceof UsageError);
      return /products alone/.test(thrown.message);
    });
    assert.equal(model.requests.length, 0);
  });
});

describe('a plan', () => {
  const PLAN = {
    stepPlan: 1,
    problem: 'How long is {text}, in letters, twice?',
    answer: 'number',
    parameters: ['text'],
    subproblems: [
      { id: 'P1', statement: 'Count the letters of {text}.' },
      { id: 'P2', statement: 'Double {P1}.', needs: ['P1'] },
    ],
    compose: { formula: 'P2' },
  };

  test('is voted on as a whole, and not carried out (7)', async () => {
    const model = solver({ split: SPLIT });
    const { plan, status } = await decompose('A', { model, proposals: 3, journal: memoryJournal() });
    assert.equal(status, 'done');
    assert.deepEqual(JSON.parse(JSON.stringify(plan!.subproblems.map(({ id }) => id))), ['P1', 'P2']);
    assert.equal(model.requests.length, 3);
    const whole = solver({ split: '{"atomic": true}' });
    assert.equal((await decompose('A', { model: whole, journal: memoryJournal() })).plan, undefined);
  });

  test('runs with its parameters and the answers of others in their places (7)', async () => {
    const model = solver({ 'answer: Count the letters of banana.': 'ANSWER: 6', 'answer: Double 6.': 'ANSWER: 12' });
    const { state, status, steps } = await run(
      stepPlanProcess(PLAN),
      { text: 'banana' },
      { model, journal: memoryJournal() },
    );
    assert.deepEqual([status, steps, state.nodes[0]!.result], ['done', 2, '12']);
    assert.equal(state.nodes[0]!.statement, 'How long is banana, in letters, twice?');
    await assert.rejects(run(stepPlanProcess(PLAN), {}, { model, journal: memoryJournal() }), /text/);
  });

  test('that cannot be carried out is refused, naming what is wrong (7)', () => {
    for (const [change, expected] of [
      [{ stepPlan: 2 }, /stepPlan: expected 1/],
      [{ compose: { formula: 'P9' } }, /plan: ambiguous-composition-op: P9/],
      [{ subproblems: [PLAN.subproblems[0], { ...PLAN.subproblems[1], needs: [] }] }, /non-independent-subproblems/],
      [{ problem: '' }, /problem/],
      [{ step: [] }, /Unrecognized key: "step"/],
    ] as const) {
      assert.throws(() => stepPlanProcess({ ...PLAN, ...change }), expected);
    }
    assert.throws(() => stepPlanProcess('plan'), UsageError);
  });

  test('is what it was after writing and reading it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (text) => {
        const subproblems = [
          { id: 'A', statement: `${text}.` },
          { id: 'B', statement: 'b' },
        ];
        const plan = { ...PLAN, parameters: [], subproblems, compose: { join: text.slice(0, 5) } };
        const process = stepPlanProcess(JSON.parse(JSON.stringify(plan)));
        assert.equal(process.forms.length, 3);
      }),
    );
  });
});
