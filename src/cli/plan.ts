import { planRun } from '../foretell.ts';
import { type Plan, plan } from '../plan.ts';
import { type RunFlags, runOptionsOf } from './options.ts';
import { loadProcess } from './process-source.ts';
import { inputFor } from './run.ts';
import { printable, printableJson, showNumber, showShare, showUsd, table } from './terminal.ts';

interface PlanFlags extends Partial<RunFlags> {
  readonly input?: string;
  readonly steps?: number;
  readonly stepsPerSubtask?: number;
}

export async function planCommand(source: string, flags: PlanFlags): Promise<number> {
  const loaded = await loadProcess(source);
  const { raw } = await inputFor(loaded, flags.input);
  const planned = await planRun(loaded.process, raw, { k: 'auto', ...runOptionsOf(flags) });
  if (flags.json) process.stdout.write(`${printableJson(planned)}\n`);
  else process.stdout.write(describePlan(loaded.process.name, planned) + costHint(planned, flags));
  return 0;
}

function costHint({ costUsd }: Plan, { price }: PlanFlags): string {
  if (costUsd !== null) return '';
  return price === undefined
    ? 'the cost needs a price: --price IN,OUT in US dollars per million tokens\n'
    : 'the cost needs a process with `reference` and `reply`, which tell how long replies are\n';
}

export function describePlan(processName: string, planned: Plan): string {
  const { margin, steps, stepsPerSubtask, p, v, target } = planned;
  const sampleCostUsd = planned.costUsd === null ? undefined : planned.costUsd / planned.samples / stepsPerSubtask;
  const margins = [margin - 1, margin, margin + 1, margin + 2].filter((k) => k >= 1);
  const rows = margins.map((k) => {
    const { success, votesPerStep, samples, costUsd } = plan({
      p,
      v,
      steps,
      stepsPerSubtask,
      target,
      margin: k,
      sampleCostUsd,
    });
    return [
      k === margin ? `* ${k}` : `  ${k}`,
      showShare(success),
      showNumber(votesPerStep),
      showNumber(samples),
      costUsd === null ? 'unknown' : showUsd(costUsd),
    ];
  });
  return `${printable(processName)}: ${showNumber(steps)} steps, target ${target}
a vote is right with p = ${p}; a share v = ${v} of the samples become votes${stepsPerSubtask > 1 ? `; ${stepsPerSubtask} steps a sample` : ''}

${table([['  k', 'run succeeds', 'votes a step', 'samples', 'cost'], ...rows])}

margin k = ${margin}: a step is right with ${showShare(planned.stepSuccess)}, the whole run with ${showShare(planned.success)}
errors are taken as independent from sample to sample; where a model is wrong in the same way every time, votes help less
`;
}
