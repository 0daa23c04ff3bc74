/**
 * A server refuses the prompt of one task of `solve`:
 * 1. The task is given up for good, with the server's words, and what it belongs to is decomposed in another way, or answered in one
 *    piece. Whatever it was told by; also where it is the only task that is left, and wherever the run was interrupted.
 * 2. Where nothing can be done without it, the run pauses, names the task and says what to do. Resumed alike, it asks nothing;
 *    with another model or option, it goes on where it was, and asks nothing again that was answered.
 * 3. A model that nobody has, and an option that spoils each request, pause the run and give up nothing.
 * 4. A given plan is not replaced by another.
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type SentJson, serveJson } from '../test/fixtures/json-server.ts';
import type { Journal } from './core/journal.ts';
import { memoryJournal } from './journals/memory.ts';
import type { SolveOptions } from './options.ts';
import { stepPlanProcess } from './processes/index.ts';
import { run } from './run.ts';
import { decompose, solve } from './solve.ts';

const splitInto = (...statements: readonly string[]) =>
  JSON.stringify({
    subproblems: statements.map((statement, i) => ({ id: `P${i + 1}`, statement, answer: 'number' })),
    compose: { formula: statements.map((_, i) => `P${i + 1}`).join(' + ') },
  });

const FILTERED = { status: 400, error: { message: 'The prompt was filtered.', code: 'content_filter' } };
const SOME_400 = { status: 400, error: { message: 'bad request' } };
const REFUSALS = {
  'a content filter': FILTERED,
  'the length of the context': { status: 400, error: { message: 'x', code: 'context_length_exceeded' } },
  'some 400': SOME_400,
  '413': { status: 413, error: { message: 'too large' } },
  '422': { status: 422, error: { message: 'cannot be processed' } },
  '451': { status: 451, error: { message: 'for legal reasons' } },
};

interface Asked {
  readonly kind: 'judge' | 'split' | 'answer';
  readonly statement: string;
  /** The whole of what the user says in it. */
  readonly user: string;
  readonly model: string;
}

function askedIn({ model, messages }: SentJson): Asked {
  const [system, user] = ['system', 'user'].map((role) => messages.find((one: SentJson) => one.role === role).content);
  const kind = /number of the best|its number/.test(system) ? 'judge' : /"atomic"/.test(system) ? 'split' : 'answer';
  const named = /(?:Problem|The problem to divide|The problem|The question|Given):\n([^\n]*)/;
  return { kind, statement: named.exec(user)![1]!, user, model };
}

/** Replies to what it is asked; an object is what the server says in place of a reply. */
async function world(t: TestContext, reply: (asked: Asked) => string | object) {
  const asked: Asked[] = [];
  const { baseUrl } = await serveJson(t, (body) => {
    const one = askedIn(body);
    asked.push(one);
    const given = reply(one);
    if (typeof given !== 'string') return given;
    const usage = { prompt_tokens: 10, completion_tokens: 1 };
    return { choices: [{ message: { content: given }, finish_reason: 'stop' }], usage };
  });
  const options = { model: 'm', baseUrl, answerKind: 'number', maxDepth: 1, proposals: 1, runId: 'r' } as const;
  return {
    asked,
    solved: (journal: Journal, changes: Partial<SolveOptions> = {}) =>
      solve('Whole', { ...options, maxRetries: 0, journal, ...changes }),
    options,
  };
}

const isBad = ({ statement }: Asked) => statement.startsWith('Bad');

/** The whole is divided with a bad part at first, and then without one. */
const twoWays =
  (refusal: object) =>
  (asked: Asked): string | object => {
    if (isBad(asked)) return refusal;
    if (asked.kind === 'answer') return 'ANSWER: 2';
    return asked.user.includes('Proposal 2') ? splitInto('One', 'Two') : splitInto('One', 'Bad one');
  };

describe('a part that the server refuses', () => {
  for (const [name, refusal] of Object.entries(REFUSALS)) {
    test(`has the problem decomposed in another way, once, and is never asked again: ${name} (1)`, async (t) => {
      const { asked, solved } = await world(t, twoWays(refusal));
      const journal = memoryJournal();
      const { status, solution, outline, reason, settledBy } = await solved(journal);
      assert.equal(status, 'done', reason ?? '');
      assert.equal(solution, '4');
      assert.match(outline[0]!.detail, /not-answered: answer of "Bad one": model m: .*400|413|422|451/);
      assert.deepEqual(
        outline.slice(1).map(({ text }) => text),
        ['P1: One', 'P2: Two'],
      );
      assert.deepEqual(settledBy.nothing, 1);
      const before = asked.length;
      assert.equal((await solved(journal)).solution, '4');
      assert.equal(asked.length, before);
    });
  }

  test('has the problem answered in one piece, if it is always decomposed alike (1)', async (t) => {
    const { asked, solved } = await world(t, (one) => {
      if (isBad(one)) return FILTERED;
      return one.kind === 'answer' ? 'ANSWER: 7' : splitInto('One', 'Bad one');
    });
    const { status, solution, isAtomic } = await solved(memoryJournal(), { speculate: 0 });
    assert.deepEqual([status, solution, isAtomic], ['done', '7', true]);
    assert.equal(asked.filter(isBad).length <= 3, true, 'a draw each at most');
    assert.equal(asked.filter(({ kind }) => kind === 'split').length, 3);
  });

  test('ends as one that was never interrupted, wherever it was (1)', async (t) => {
    const { solved } = await world(t, twoWays(FILTERED));
    const whole = await solved(memoryJournal());
    for (const speculate of [0, 16]) {
      for (let most = 1; most < whole.steps; most++) {
        const journal = memoryJournal();
        const options = { speculate, k: 1 };
        await solved(journal, { ...options, maxSteps: most });
        const { status, state, reason } = await solved(journal, options);
        assert.equal(status, 'done', `${most} steps, ${speculate} ahead: ${reason}`);
        assert.deepEqual(state.nodes, whole.state.nodes);
      }
    }
  });

  test('that a judge is asked about, or a proposal, is done without (1)', async (t) => {
    const { solved } = await world(t, ({ kind, user }) => {
      if (kind === 'judge') return FILTERED;
      if (kind === 'answer') return 'ANSWER: 3';
      if (user.includes('Proposal 2')) return FILTERED;
      return user.includes('Proposal 3') ? splitInto('Two', 'Three') : splitInto('One', 'Two');
    });
    const { status, solution, outline, isAtomic } = await solved(memoryJournal(), { proposals: 3 });
    assert.deepEqual([status, solution, isAtomic], ['done', '6', false]);
    assert.match(outline[0]!.detail, /not-answered: judge: model m/);
  });
});

describe('a task without which nothing can be done', () => {
  const refusing = (asked: Asked) => {
    if (asked.model === 'm' && asked.kind === 'answer') return FILTERED;
    return asked.kind === 'answer' ? 'ANSWER: 9' : '{"atomic": true}';
  };

  test('pauses the run, which says why and asks nothing as long as it is resumed alike (2)', async (t) => {
    const { asked, solved } = await world(t, refusing);
    const journal = memoryJournal();
    const paused = await solved(journal, { proposals: 2 });
    assert.deepEqual([paused.status, paused.end.code, paused.steps], ['paused', 'model', 2]);
    assert.match(paused.end.message, /^step 2: the answer of "Whole": model m: .*The prompt was filtered/);
    assert.match(paused.end.message, /cannot be done without it\..*resume with another model.*options\.askRefused\.$/);
    const before = asked.length;
    for (const changes of [{}, { budgetCalls: 100 }, { maxConcurrency: 2 }]) {
      const again = await solved(journal, { proposals: 2, ...changes });
      assert.equal(again.end.message, paused.end.message);
    }
    assert.equal(asked.length, before, 'nothing was asked');
    const done = await solved(journal, { proposals: 2, model: 'other' });
    assert.deepEqual([done.status, done.solution], ['done', '9']);
    assert.ok(asked.slice(before).every(({ kind }) => kind === 'answer'));
  });

  test('is asked again with other options, or where that is asked for (2)', async (t) => {
    for (const changes of [{ maxOutputTokens: 99 }, { askRefused: true }]) {
      let isMended = false;
      const { solved } = await world(t, (asked) => refusing(isMended ? { ...asked, model: 'other' } : asked));
      const journal = memoryJournal();
      assert.equal((await solved(journal)).status, 'paused');
      isMended = true;
      assert.equal((await solved(journal)).status, 'paused');
      assert.equal((await solved(journal, changes)).solution, '9');
    }
  });

  test('is the whole problem, which is refused at once (2)', async (t) => {
    const { asked, solved } = await world(t, () => FILTERED);
    const journal = memoryJournal();
    const paused = await solved(journal, { proposals: 5 });
    assert.deepEqual([paused.status, paused.steps], ['paused', 0]);
    assert.match(paused.end.message, /^step 0: the proposal 1 of the decomposition of "Whole": model m/);
    const before = asked.length;
    await solved(journal, { proposals: 5, speculate: 0 });
    assert.equal(asked.length, before);
  });

  test('is a plan of which each proposal is refused: it is not said to be best in one piece (2)', async (t) => {
    let count = 0;
    const { options } = await world(t, ({ user }) => {
      count++;
      return user.includes('Proposal') ? FILTERED : 'no JSON';
    });
    const { model, baseUrl, answerKind } = options;
    const { status, plan } = await decompose('Whole', { model, baseUrl, answerKind, journal: memoryJournal() });
    assert.deepEqual([status, plan], ['paused', undefined]);
    assert.ok(count > 0);
  });
});

describe('what is no fault of one task', () => {
  test('is a model that nobody has: the run pauses and has given up nothing (3)', async (t) => {
    const missing = { status: 404, error: { message: 'The model `judge` does not exist', code: 'model_not_found' } };
    const { solved } = await world(t, ({ kind, model, user }) => {
      if (model === 'none') return missing;
      return kind === 'answer' ? 'ANSWER: 2' : splitInto(user.includes('Proposal') ? 'Other' : 'One', 'Two');
    });
    const journal = memoryJournal();
    for (let time = 0; time < 2; time++) {
      const paused = await solved(journal, { proposals: 2, judge: 'none' });
      assert.deepEqual([paused.status, paused.settledBy.nothing], ['paused', undefined]);
      assert.match(paused.end.message, /^step 2: the choice of the decomposition of "Whole": model none: .*not exist/);
      assert.doesNotMatch(paused.end.message, /askRefused/);
    }
  });

  test('is an option with which each request is too long (3)', async (t) => {
    const tooLong = { status: 400, error: { message: 'x', code: 'context_length_exceeded' } };
    let isSpoilt = false;
    const { solved } = await world(t, (asked) => {
      if (isSpoilt) return tooLong;
      return asked.kind === 'answer' ? 'ANSWER: 2' : splitInto('One', 'Two', 'Three');
    });
    const journal = memoryJournal();
    await solved(journal, { maxSteps: 2 });
    isSpoilt = true;
    for (let time = 0; time < 3; time++) {
      const paused = await solved(journal, { maxOutputTokens: 99_999 });
      assert.deepEqual([paused.status, paused.steps, paused.settledBy.nothing], ['paused', 2, undefined]);
    }
    isSpoilt = false;
    const { status, solution } = await solved(journal);
    assert.deepEqual([status, solution], ['done', '6']);
  });
});

test('a plan that was given is kept to: the run pauses at its refused step (4)', async (t) => {
  const { options } = await world(t, (asked) => (isBad(asked) ? FILTERED : 'ANSWER: 2'));
  const plan = { stepPlan: 1, problem: 'Whole', answer: 'number', ...JSON.parse(splitInto('One', 'Bad one')) };
  const { model, baseUrl } = options;
  const { status, end } = await run(stepPlanProcess(plan), {}, { model, baseUrl, journal: memoryJournal() });
  assert.equal(status, 'paused');
  assert.match(end.message, /the answer of "Bad one": .*cannot be done without it/);
});
