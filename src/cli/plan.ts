import { planRun } from '../defaults.ts';
import { type Plan, plan } from '../plan.ts';
import { type RunFlags, readInput, runOptionsOf } from './options.ts';
import { loadProcess } from './process-source.ts';
import { printableJson, showNumber, showShare, showUsd, table } from './terminal.ts';

interface PlanFlags extends Partial<RunFlags> {
  readonly input?: string;
  readonly steps?: number;
  readonly stepsPerSubtask?: number;
}

export async function planCommand(source: string, flags: PlanFlags): Promise<number> {
  const { process: definition } = await loadProcess(source);
  const input = flags.input === undefined ? {} : readInput(flags.input);
  const planned = await planRun(definition, input, { k: 'auto', ...runOptionsOf(flags) });
  process.stdout.write(flags.json ? `${printableJson(planned)}\n` : describePlan(definition.name, planned));
  return 0;
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
  return `${processName}: ${showNumber(steps)} steps, target ${target}
a vote is right with p = ${p}; a share v = ${v} of the samples become votes${stepsPerSubtask > 1 ? `; ${stepsPerSubtask} steps a sample` : ''}

${table([['  k', 'run succeeds', 'votes a step', 'samples', 'cost'], ...rows])}

margin k = ${margin}: a step is right with ${showShare(planned.stepSuccess)}, the whole run with ${showShare(planned.success)}
errors are taken as independent from sample to sample; where a model is wrong in the same way every time, votes help less
`;
}
