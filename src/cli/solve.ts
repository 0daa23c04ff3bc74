import { existsSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import { systemClock } from '../defaults.ts';
import type { SolveOptions } from '../options.ts';
import type { StepPlan } from '../processes/index.ts';
import { decompose, solve } from '../solve.ts';
import { type VerbFlags, verbOptions } from './options.ts';
import { showOutline } from './outline.ts';
import { progress } from './progress.ts';
import { pausable, requireModel } from './run.ts';
import { describeResult, exitCodeOf } from './run-summary.ts';
import { plural, printable, printableJson, showCount } from './terminal.ts';
import { readText } from './text-input.ts';
import { writeWhole } from './write-whole.ts';

/** Maximum number of lines of the tree; `mdap inspect` shows all. */
const MAX_ROWS = 60;

/** A problem as its text, `@FILE`, or `@-` for stdin. */
export async function solveCommand(text: string, flags: VerbFlags<'solve'>): Promise<number> {
  requireModel(flags);
  const problem = readText(text, 'problem');
  const result = await pausable((signal) =>
    solve(problem, { ...verbOptions('solve', flags), model: flags.model!, ...listening(signal) }),
  );
  if (flags.json) process.stdout.write(`${printableJson(result)}\n`);
  else {
    const { solution, outline, refused, isAtomic, status } = result;
    const failures = Object.entries(refused).map(([name, count]) => `${showCount(count)} ${printable(name)}`);
    const lines = [
      ...showOutline(outline, { mostRows: MAX_ROWS }),
      '',
      ...(isAtomic && status === 'done' ? ['answered in one piece: no decomposition was chosen'] : []),
      ...(failures.length > 0 ? [`replies refused: ${failures.join(', ')}`] : []),
      describeResult(result, flags.journal),
      ...(solution === undefined ? [] : [solution.split('\n').map(printable).join('\n'), '']),
    ];
    process.stdout.write(lines.join('\n'));
  }
  return exitCodeOf(result, flags.journal);
}

/** Writes a plan for a problem into a file. */
export async function decomposeCommand(
  text: string,
  flags: VerbFlags<'decompose'> & { readonly output?: string },
): Promise<number> {
  requireModel(flags);
  const { output = 'plan.json' } = flags;
  if (existsSync(output)) {
    throw new UsageError(`${output} already exists: move it away, or choose another file.`, { option: 'output' });
  }
  const problem = readText(text, 'problem');
  const result = await pausable((signal) =>
    decompose(problem, { ...verbOptions('decompose', flags), model: flags.model!, ...listening(signal) }),
  );
  const { plan, status } = result;
  if (plan !== undefined) {
    const file: StepPlan = {
      stepPlan: 1,
      name: 'plan',
      problem,
      answer: flags.answerKind ?? 'text',
      parameters: [],
      process: result.process === 'solve-products' ? 'solve-products' : 'solve',
      ...plan,
    };
    writeWhole(output, `${JSON.stringify(file, null, 2)}\n`);
  }
  process.stdout.write(
    flags.json
      ? `${printableJson(result)}\n`
      : plan !== undefined
        ? `${printable(output)}: ${plural(plan.subproblems.length, 'step')}. Read it, edit it, then: mdap run ${printable(output)} --model ${printable(String(flags.model))}\n`
        : status === 'done'
          ? 'no plan: the problem is best answered in one piece (mdap solve --max-depth 0)\n'
          : describeResult(result, flags.journal),
  );
  return exitCodeOf(result, flags.journal);
}

function listening(signal: AbortSignal): Pick<SolveOptions, 'signal' | 'onEvent'> {
  return { signal, onEvent: progress({ output: process.stderr, clock: systemClock, totalSteps: undefined }) };
}
