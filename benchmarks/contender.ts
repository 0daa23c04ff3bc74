// One measurement in a process of its own, so that no contender inherits the heap or the compiled code of another.
// Usage: contender.ts NAME STEPS; prints the seconds that STEPS steps took after a warm-up.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { run, simulatedModel, systemClock } from 'mdap';
import { sqliteJournal } from 'mdap/journals';
import type { ContenderName, ContenderReport } from './contenders.ts';
import { runLimit } from './limit.ts';
import type { Peer } from './peers/peer.ts';
import { chain, createVotedStep, INPUT, MARGIN, rule, start, VOTER } from './workload.ts';

type Timed = (options: { steps: number; folder: string }) => Promise<{ seconds: number; about?: string }>;

const name = process.argv[2] as ContenderName;
const steps = Number(process.argv[3]);
const WARM_UP_SHARE = 0.2;

const CONTENDERS: Record<ContenderName, Timed> = {
  limit: timeLimit,
  vote: timeVotes,
  'group-full': timeEngine('group', 'full'),
  'group-normal': timeEngine('group', 'normal'),
  'step-full': timeEngine('step', 'full'),
  'step-normal': timeEngine('step', 'normal'),
  langgraph: timePeer('langgraph'),
  mastra: timePeer('mastra'),
};

const isPeer = name === 'langgraph' || name === 'mastra';
if (!isPeer) {
  // As bin/mdap.js does. Peers run as V8 chooses.
  setFlagsFromString('--max-semi-space-size=4');
  setFlagsFromString('--semi-space-growth-factor=1');
}
await measure(Math.ceil(steps * WARM_UP_SHARE));
const { seconds, about } = await measure(steps);
const report: ContenderReport = { seconds, about };
process.stdout.write(JSON.stringify(report));

async function measure(steps: number) {
  const folder = mkdtempSync(join(tmpdir(), 'mdap-bench-'));
  try {
    return await CONTENDERS[name]({ steps, folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timeLimit({ steps, folder }: { steps: number; folder: string }) {
  const began = performance.now();
  runLimit({ steps, file: join(folder, 'limit.db'), synchronous: 'full' });
  return { seconds: (performance.now() - began) / 1000 };
}

async function timeVotes({ steps }: { steps: number }) {
  const votedStep = createVotedStep({ rule });
  const began = performance.now();
  let state = start;
  for (let step = 0; step < steps; step++) state = (await votedStep(step, state)).next;
  return { seconds: (performance.now() - began) / 1000 };
}

function timeEngine(commit: 'group' | 'step', synchronous: 'full' | 'normal'): Timed {
  return async ({ steps, folder }) => {
    const journal = sqliteJournal({ file: join(folder, 'journal.db'), now: systemClock.now, commit, synchronous });
    const model = simulatedModel({ ...VOTER, clock: systemClock });
    const began = performance.now();
    const result = await run(chain, INPUT, { model, k: MARGIN, journal, maxSteps: steps });
    const seconds = (performance.now() - began) / 1000;
    await journal.close();
    if (result.steps !== steps || result.wrongSteps !== 0) throw new Error(`${result.steps} steps: ${result.reason}`);
    return { seconds };
  };
}

function timePeer(file: 'langgraph' | 'mastra'): Timed {
  return async ({ steps, folder }) => {
    // Not a literal: the peers have dependencies that the type checker and the main install do not know.
    const { [file]: peer }: Record<string, Peer> = await import(`./peers/${file}.ts`);
    const votedStep = createVotedStep({ rule });
    const step = async (stepIndex: number, state: typeof start) => (await votedStep(stepIndex, state)).next;
    const { seconds } = await peer!.run({ steps, folder, step, start });
    return { seconds, about: `${peer!.name} ${peer!.version}: ${peer!.settings}` };
  };
}
