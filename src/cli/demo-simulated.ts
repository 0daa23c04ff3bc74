import { openJournal, systemClock } from '../defaults.ts';
import type { RunResult } from '../engine/run-result.ts';
import { plan } from '../plan.ts';
import { hanoi } from '../processes/hanoi.ts';
import { run } from '../run.ts';
import { describeClosestRace } from './inspect.ts';
import { describePlan } from './plan.ts';
import { progress } from './progress.ts';
import { pausable } from './run.ts';
import { describeResult, exitCodeOf, journalFlag } from './run-summary.ts';

const DISKS = 10;
const INPUT = { disks: DISKS };
/** A latency that is slow enough to watch. */
const MODEL = 'simulated:p=0.99,v=0.97,latencyMs=1,seed=7';
const TARGET = 0.999;

/** Runs the same simulated model twice on the same process: first alone, then with voting. */
export async function simulatedDemo(file: string): Promise<number> {
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const definition = hanoi();
  const totalSteps = 2 ** DISKS - 1;
  const journal = openJournal(file);

  const execute = (k: number): Promise<RunResult> =>
    pausable((signal) =>
      run(definition, INPUT, {
        model: MODEL,
        k,
        journal,
        processSource: definition.name,
        signal,
        onEvent: progress({ output: process.stderr, clock: systemClock, totalSteps }),
      }),
    );

  try {
    say(
      `Towers of Hanoi with ${DISKS} disks: ${totalSteps} dependent steps. One simulated model, right 99 times in 100.\n`,
    );
    say('1. Unvoted: one sample decides each step.\n');
    const unvoted = await execute(1);
    if (unvoted.status === 'paused') return exitCodeOf(unvoted, file);
    say(
      unvoted.firstWrongStep === null
        ? 'It succeeded, by luck: the probability of that is 0.003 %.\n'
        : `Derailed at step ${unvoted.firstWrongStep}. Nothing in the run showed it until the tower was not complete after ${totalSteps} steps.\n`,
    );
    say('2. The plan: what would it take?\n');
    const planned = await plan(definition, INPUT, { model: MODEL, k: 'auto', target: TARGET });
    say(describePlan(definition.name, planned));
    say(`3. Voted: each step goes to the first answer that leads by ${planned.margin}.\n`);
    const voted = await execute(planned.margin);
    say(describeResult(voted, file));
    if (voted.status !== 'done') return exitCodeOf(voted, file);
    const race = await describeClosestRace(journal, voted.runId);
    if (race !== undefined) say(`4. The most contested step, as a race:\n\n${race}`);
    say('Try next:');
    say(`  npx mdap inspect ${voted.runId}${journalFlag(file)}`);
    say(`  npx mdap plan hanoi --input '{"disks":20}' --p 0.9978 --v 0.968`);
    say(`  npx mdap run hanoi --input '{"disks":16}' --model simulated:p=0.9978,v=0.968 --k auto${journalFlag(file)}`);
    return 0;
  } finally {
    await journal.close();
  }
}
