// The tree of a run: what its process makes of the state before a step, with the votes of the steps that made it; of a process
// without one, or a run that is not at that step, the answer says so.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { echo, startDashboard, tempJournal } from '../../test/fixtures/dashboard.ts';
import type { Outline } from '../inspection/api.ts';
import { scriptedModel } from '../models/scripted.ts';
import { run } from '../run.ts';
import { solve } from '../solve.ts';

describe('the outline of a run', () => {
  it('grows with its steps, and has their votes', async (t) => {
    const file = tempJournal(t);
    const { outline, steps } = await solve('Multiply 97 by 86.', {
      model: 'simulated:p=0.8,seed=2',
      answerKind: 'number',
      maxDepth: 2,
      runId: 'r',
      journal: file,
      record: 'all',
    });
    const { ask } = await startDashboard(t, { file });
    const at = async (step: number): Promise<Outline> => (await ask(`/api/runs/r/steps/${step}/outline`)).json;
    const last = await at(steps);
    assert.deepEqual(
      last.rows.map(({ depth, text, detail, steps }) => [depth, text, detail, steps.map(({ stepIndex }) => stepIndex)]),
      outline.map(({ depth, text, detail, steps }) => [depth, text, detail, steps.map(({ stepIndex }) => stepIndex)]),
    );
    assert.deepEqual(
      last.rows.flatMap(({ steps }) => steps.map(({ stepIndex }) => stepIndex)).sort((a, b) => a - b),
      [...Array(steps).keys()],
    );
    for (const { stepIndex, votes, settledBy } of last.rows.flatMap(({ steps }) => steps)) {
      const { decision } = (await ask(`/api/runs/r/steps/${stepIndex}`)).json;
      const tally = decision.tally?.map((one: { votes: number }) => one.votes) ?? [decision.votes];
      assert.deepEqual([votes, settledBy], [tally, decision.settledBy]);
    }
    const first = await at(0);
    assert.deepEqual(first, {
      rows: [{ depth: 0, text: 'Multiply 97 by 86.', detail: '', steps: [] }],
      missing: null,
      isPending: false,
    });
    assert.equal((await ask('/api/runs/r')).json.hasOutline, true);
    assert.equal((await ask(`/api/runs/r/steps/${steps + 1}/outline`)).status, 404);
  });

  it('is missing where the process makes none, and that is said', async (t) => {
    const file = tempJournal(t);
    const model = scriptedModel(() => 'a');
    await run(echo, { steps: 2 }, { model, journal: file, runId: 'r', processSource: 'given', k: 1 });
    const { ask } = await startDashboard(t, { file, loadProcess: async () => echo });
    const { rows, missing } = (await ask('/api/runs/r/steps/1/outline')).json;
    assert.deepEqual(rows, []);
    assert.match(missing, /has no `outline`/);
    assert.equal((await ask('/api/runs/r')).json.hasOutline, false);
  });
});
