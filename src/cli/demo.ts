import { openJournal, systemClock } from '../defaults.ts';
import type { RunResult } from '../engine/run-result.ts';
import { hanoiShort } from '../processes/hanoi-short.ts';
import { run } from '../run.ts';
import { simulatedDemo } from './demo-simulated.ts';
import { describeClosestRace } from './inspect.ts';
import { progress } from './progress.ts';
import { pausable } from './run.ts';
import { describeResult, exitCodeOf, journalFlag } from './run-summary.ts';
import { showCount } from './terminal.ts';

const DISKS = 14;
const INPUT = { disks: DISKS };
const STEPS = 2 ** DISKS - 1;
const MODEL = 'tiny';
const K = 5;
const FORMS = 13;

/** Runs the network in the package three times on the same process: alone, with votes in one form, with votes in eight forms. */
export async function demoCommand({ journal: file, simulated = false }: { journal: string; simulated?: boolean }) {
  if (simulated) return simulatedDemo(file);
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const definition = hanoiShort();
  const journal = openJournal(file);

  /** Runs to the end, or to the first wrong decision, after which nothing can come right. */
  const execute = (k: number, forms: number): Promise<RunResult> =>
    pausable((interrupted) => {
      const derailed = new AbortController();
      const showProgress = progress({ output: process.stderr, clock: systemClock, totalSteps: STEPS });
      return run(definition, INPUT, {
        model: MODEL,
        k,
        variants: forms,
        // Other forms would be asked where votes are contested: here it is shown what each does by itself.
        escalate: [],
        journal,
        processSource: definition.name,
        signal: AbortSignal.any([interrupted, derailed.signal]),
        onEvent: (event) => {
          showProgress(event);
          if (event.type === 'step-decided' && event.decision.wrong) derailed.abort(new Error('derailed'));
        },
      });
    });
  const isInterrupted = ({ status, firstWrongStep }: RunResult) => status !== 'done' && firstWrongStep === null;

  try {
    say(
      `Towers of Hanoi with ${DISKS} disks: ${showCount(STEPS)} dependent steps. The model is a\n` +
        'network of 42,000 parameters in this package. Its errors are real.\n',
    );
    say('1. Unvoted: one sample decides each step.\n');
    const unvoted = await execute(1, 1);
    if (isInterrupted(unvoted)) return exitCodeOf(unvoted, file);
    say(`${derailedAt(unvoted)}\n`);
    say(`2. Voted, ahead by ${K}, in one form of the prompt.\n`);
    const alike = await execute(K, 1);
    if (isInterrupted(alike)) return exitCodeOf(alike, file);
    say(
      `${derailedAt(alike)}\nAsked the same, the network errs in the same way: votes cannot see an error that\nall of them make.\n`,
    );
    say(`3. Voted, ahead by ${K}, in ${FORMS} forms that take turns: other letters, other pegs.\n`);
    const voted = await execute(K, FORMS);
    say(describeResult(voted, file));
    if (voted.status !== 'done') return exitCodeOf(voted, file);
    say(
      'The certainty rests on the votes alone: on how often the forms disagree. The\nreference of the process, which no vote sees, agrees: 0 wrong.\n',
    );
    const race = await describeClosestRace(journal, voted.runId);
    if (race !== undefined) say(`4. The most contested step, as a race:\n\n${race}`);
    say('Try next:');
    say(`  npx mdap inspect ${voted.runId}${journalFlag(file)}`);
    say(`  npx mdap run hanoi-short --input '{"disks":16}' --model tiny --k 5 --variants all${journalFlag(file)}`);
    say(`  npx mdap demo --simulated${journalFlag(file)}`);
    return 0;
  } finally {
    await journal.close();
  }
}

function derailedAt({ firstWrongStep }: RunResult): string {
  return firstWrongStep === null
    ? 'It succeeded, by luck.'
    : `Derailed at step ${showCount(firstWrongStep)}: from there on nothing can come right.`;
}
