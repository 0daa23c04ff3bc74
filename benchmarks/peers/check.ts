/**
 * Runs every peer on a chain of Hanoi-like states and looks into its database for what it persisted.
 * Usage: node check.ts [steps ...], by default 1000.
 */
import { strict as assert } from 'node:assert';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { langgraph } from './langgraph.ts';
import { mastra } from './mastra.ts';
import type { Peer } from './peer.ts';

type Towers = { pegs: number[][]; previousMove: number[] | null };

const disks = 14;
const start: Towers = { pegs: [Array.from({ length: disks }, (_, i) => disks - i), [], []], previousMove: null };

/** The optimal move of step `stepIndex`: the smallest disk at even steps, the only other legal move at odd ones. */
function move({ pegs }: Towers, stepIndex: number): number[] {
  const smallest = pegs.findIndex((peg) => peg.at(-1) === 1);
  const [left, right] = [(smallest + 1) % 3, (smallest + 2) % 3] as [number, number];
  if (stepIndex % 2 === 0) return [1, smallest, disks % 2 === 0 ? left : right];
  const top = (peg: number) => pegs[peg]?.at(-1) ?? Number.POSITIVE_INFINITY;
  return top(left) < top(right) ? [top(left), left, right] : [top(right), right, left];
}

function apply({ pegs }: Towers, chosen: number[]): Towers {
  const [disk, from, to] = chosen as [number, number, number];
  const next = pegs.map((peg, i) => (i === from ? peg.slice(0, -1) : i === to ? [...peg, disk] : peg));
  return { pegs: next, previousMove: chosen };
}

/** Three votes, awaited together, that agree. */
async function step(stepIndex: number, state: Towers): Promise<Towers> {
  const votes = await Promise.all([0, 1, 2].map(async () => move(state, stepIndex)));
  return apply(state, votes[0] as number[]);
}

function expected(steps: number): Towers {
  let state = start;
  for (let i = 0; i < steps; i++) state = apply(state, move(state, i));
  return state;
}

/** What each peer must have left in its database after `steps` steps, as one line. */
const evidence: Record<string, (folder: string, steps: number, finalState: Towers) => string> = {
  'LangGraph.js': (folder, steps, finalState) => {
    const db = new DatabaseSync(join(folder, 'langgraph.db'), { readOnly: true });
    const { n } = db.prepare('SELECT count(*) AS n FROM checkpoints').get() as { n: number };
    const writes = db.prepare('SELECT count(*) AS n FROM writes').get() as { n: number };
    const last = db
      .prepare('SELECT CAST(checkpoint AS TEXT) AS json FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1')
      .get() as { json: string };
    db.close();
    assert.equal(n, steps + 2, 'a checkpoint a step, one of the input, one before the first step');
    assert.deepEqual(JSON.parse(last.json).channel_values.state, finalState);
    return `${n} checkpoints, ${writes.n} writes, last state right`;
  },
  Mastra: (folder, steps, finalState) => {
    const db = new DatabaseSync(join(folder, 'mastra.db'), { readOnly: true });
    const rows = db.prepare('SELECT json(snapshot) AS json FROM mastra_workflow_snapshot').all() as { json: string }[];
    db.close();
    assert.equal(rows.length, 1, 'one snapshot a run, overwritten');
    const snapshot = JSON.parse(rows[0]?.json ?? '');
    assert.equal(snapshot.status, 'success');
    assert.equal(snapshot.context.step.metadata.iterationCount, steps);
    assert.deepEqual(snapshot.result.state, finalState);
    return `1 snapshot after ${steps} iterations, last state right`;
  },
};

async function check(peer: Peer, steps: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-peer-'));
  try {
    const before = process.cpuUsage();
    const { seconds, finalState } = await peer.run({ steps, folder, step, start });
    const { user, system } = process.cpuUsage(before);
    assert.deepEqual(finalState, expected(steps));
    const found = evidence[peer.name]?.(folder, steps, finalState);
    const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    console.log(
      `${peer.name} ${peer.version}: ${steps} steps in ${seconds.toFixed(2)} s, ` +
        `${Math.round(steps / seconds)} steps/s (${((user + system) / 1000 / steps).toFixed(2)} ms of CPU a step), ` +
        `${(bytes / 1e6).toFixed(1)} MB on disk; ${found}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sizes = process.argv.slice(2).map(Number);
for (const steps of sizes.length > 0 ? sizes : [1000]) {
  for (const peer of [langgraph, mastra]) await check(peer, steps);
}
