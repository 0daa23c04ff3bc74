/**
 * A gateway that answers with another model than before:
 * 1. The model that answers first is the one that was asked, whatever it calls itself. Each other one is a voter class of its own.
 * 2. In a run its votes count, as of another class in the journal, and the run notes it.
 *    That holds in a resumed run too, whichever model answers first then.
 * 3. The evidence rule, which knows nothing of it, takes nothing from its votes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainProcess } from '../../test/fixtures/chain-process.ts';
import type { Model } from '../core/model.ts';
import { textOf } from '../core/prompt-parts.ts';
import { memoryJournal } from '../journals/memory.ts';
import { run } from '../run.ts';
import { evidenceRule } from '../statistics/evidence-rule.ts';
import { AnsweringModels } from './answering-models.ts';

test('the first one that answers is meant, the others are classes behind all voters (1)', () => {
  const answering = new AnsweringModels(3);
  const seen: [number, string, string?][] = [
    [0, 'm', 'alias'],
    [1, 'm', 'alias'],
    [0, 'm', 'b'],
    [1, 'm', 'b'],
    [0, 'm'],
    [0, 'm', 'b'],
    [2, 'other'],
    [2, 'other', 'b'],
    [0, 'm', 'alias'],
  ];
  assert.deepEqual(
    seen.map(([voter, model, answeredBy]) => answering.classOf(voter, model, answeredBy)),
    [0, 1, 3, 4, 5, 3, 2, 6, 0],
  );
  const many = new AnsweringModels(1);
  many.classOf(0, 'm');
  const classes = Array.from({ length: 100 }, (_, i) => many.classOf(0, 'm', `model ${i}`));
  assert.equal(Math.max(...classes), 16);
});

/** A model that is always right, behind a gateway; `nameOf` says which model answers a call. */
function answering(nameOf: () => string | undefined): Model {
  return {
    id: 'behind-a-gateway',
    price: undefined,
    generate: async ({ prompt }) => {
      const answeredBy = nameOf();
      return {
        text: String(2 * Number(textOf(prompt.user).split(' ').at(-1))),
        finishReason: 'stop',
        inputTokens: 1,
        outputTokens: 1,
        latencyMs: 1,
        ...(answeredBy !== undefined && { answeredBy }),
      };
    },
  };
}

test('in a run it is counted apart, and noted (2)', async () => {
  let calls = 0;
  // Two votes of the third step are the first ones of another model.
  const model = answering(() => (++calls > 7 ? 'cheaper' : undefined));
  const journal = memoryJournal();
  const options = { model, k: 3, runId: 'r', journal, speculate: 0, maxConcurrency: 1 };
  const result = await run(chainProcess(), { steps: 4 }, options);
  assert.deepEqual([result.status, result.wrongSteps], ['done', 0], result.reason ?? '');
  const steps = await journal.reader().decisions('r');
  assert.deepEqual(
    steps.map(({ classVotes }) => classVotes),
    [undefined, undefined, [[1, 2]], [[0, 3]]],
  );
});

test('a resumed run knows which model was meant (2)', async () => {
  const journal = memoryJournal();
  const options = { k: 2, runId: 'r', journal, speculate: 0 };
  const models = [undefined, 'cheaper', 'cheapest', undefined, 'cheaper'];
  for (const [i, name] of models.entries()) {
    await run(chainProcess(), { steps: 5 }, { ...options, model: answering(() => name), maxSteps: i + 1 });
  }
  const steps = await journal.reader().decisions('r');
  assert.deepEqual(
    steps.map(({ classVotes }) => classVotes),
    [undefined, [[0, 2]], [[0, 0, 2]], undefined, [[0, 2]]],
  );
});

test('it is no evidence (3)', () => {
  const race = evidenceRule({ classes: [{ alpha: 90, beta: 10 }], maxError: 1e-3 }).start();
  for (let i = 0; i < 10; i++) race.record('a', 1);
  assert.equal(race.decided(), undefined);
  for (let i = 0; i < 10; i++) race.record('a', 0);
  assert.equal(race.decided(), 'a');
});
