import { withFlags } from '../options/flag-names.ts';
import { type CalibratedPlan, plan } from '../plan.ts';
import type { Forecast, Outlook, RuleForecast } from '../planning/forecast.ts';
import { type Plan, scalingLaws } from '../planning/scaling-laws.ts';
import { type VerbFlags, verbOptions } from './options.ts';
import { loadProcess } from './process-source.ts';
import { findCalibration, inputFor } from './run.ts';
import {
  plural,
  printable,
  printableJson,
  showCount,
  showDuration,
  showNumber,
  showShare,
  showUsd,
  table,
} from './terminal.ts';

interface PlanFlags extends VerbFlags<'plan'> {
  readonly input?: string;
}

export async function planCommand(source: string, flags: PlanFlags): Promise<number> {
  const loaded = await loadProcess(source);
  const { raw } = await inputFor(loaded, flags.input);
  const options = { k: 'auto', ...verbOptions('plan', flags) } as const;
  // Given rates take precedence.
  const isAsked = flags.p === undefined && flags.v === undefined && flags.stepsPerSubtask === undefined;
  const calibration = flags.calibration ?? (isAsked ? findCalibration(loaded.process, flags, 'planning') : undefined);
  const planned = await plan(loaded.process, raw, { ...options, calibration: calibration || undefined });
  if (flags.json) process.stdout.write(`${printableJson(planned)}\n`);
  else if ('rules' in planned) process.stdout.write(describeCalibratedPlan(loaded.process.name, planned));
  else process.stdout.write(describePlan(loaded.process.name, planned) + costHint(planned, flags));
  return 0;
}

function costHint({ costUsd }: Plan, { price }: PlanFlags): string {
  if (costUsd !== null) return '';
  return price === undefined
    ? 'the cost needs a price: --price IN,OUT in US dollars per million tokens\n'
    : 'the cost needs a process with `reference` and `reply`, which show how long replies are\n';
}

function describeCalibratedPlan(processName: string, planned: CalibratedPlan): string {
  const { steps, target, assumed, voters, v, rules, sample, calibration, doubts } = planned;
  const { p, rho } = voters[0]!;
  const columns = rules.map((rule) => describeRule(rule, steps));
  const rows = columns[0]!.map(([name], row) => [name, ...columns.map((column) => column[row]![1])]);
  const lines = [
    `${printable(processName)}: ${plural(steps, 'step')}, target ${target}; by a calibration of ${plural(calibration.sampledSteps, 'step')} with ${printable(calibration.model)}`,
    `a vote is right with p = ${showNumber(assumed.p)} (${showInterval(p)}); errors of a step are correlated with rho = ${showNumber(assumed.rho, 2)} (${showInterval(rho)}); ` +
      `v = ${showNumber(v, 3)}`,
    `a sample takes ${showCount(sample.inputTokens)}+${showCount(sample.outputTokens)} tokens, ${showUsd(sample.costUsd)}, ${showDuration(voters[0]!.medianLatencyMs)}`,
    '',
    table(rows),
    'in brackets: at the ends of the 95 % intervals of p, rho and v',
    ...rules
      .filter(({ outlook }) => outlook?.simulatedSteps)
      .map(
        ({ voters: inTurn, outlook }) =>
          `with ${inTurn.length} variants in turn: simulated, ${plural(outlook!.simulatedSteps!, 'step')}`,
      ),
    '',
    describeFloor(planned),
    ...describeCannot(rules).map(printable),
    ...rules.flatMap((rule) => describeUndecided(rule, steps)),
    ...doubts.map((doubt) => printable(withFlags(doubt))),
  ];
  if (sample.costUsd === null) lines.push('the cost needs a price: --price IN,OUT in US dollars per million tokens');
  return `${lines.join('\n')}\n`;
}

/** Describes errors that votes alone cannot correct. */
function describeFloor({ floor, floorHigh, ceiling }: Forecast): string {
  return (
    `on a share of ${showNumber(floor, 2)} of the steps (at cautious rates ${showNumber(floorHigh, 2)}) the wrong answer is the more common one, ` +
    `and more votes make it worse: at most ${showShare(ceiling)} of runs by ahead-by-k can be right`
  );
}

/** Lists the rules that cannot reach the target, grouped by the reason. */
export function describeCannot(rules: readonly RuleForecast[]): string[] {
  const failed = Map.groupBy(
    rules.filter(({ cannot }) => cannot !== null),
    ({ cannot }) => cannot!,
  );
  return [...failed].map(([why, those]) => `${those.map(nameOf).join(' and ')} cannot: ${withFlags(why)}`);
}

function describeUndecided(rule: RuleForecast, steps: number): string[] {
  const undecided = (rule.outlook?.undecidedPerStep ?? 0) * steps;
  if (undecided < 0.5) return [];
  return [
    `${nameOf(rule)}: about ${plural(Math.round(undecided), 'step')} cannot be decided by these votes within ${rule.maxVotes} of them: a run escalates them or pauses there; ` +
      'a calibration of more steps, variants or a check reduce their number',
  ];
}

function nameOf({ rule, voters }: RuleForecast): string {
  return `${rule}${voters.length > 1 ? ` with ${voters.length} variants` : ''}`;
}

function describeRule(forecast: RuleForecast, steps: number): [string, string][] {
  const { outlook, margin } = forecast;
  const name = margin === null ? nameOf(forecast) : `${nameOf(forecast)}, k = ${margin}`;
  const show = (of: (outlook: Outlook) => string) => (outlook === null ? 'cannot' : of(outlook));
  const shown = (value: number, range: { low: number; high: number } | null | undefined, as: (n: number) => string) =>
    range ? `${as(value)} (${as(range.low)} to ${as(range.high)})` : as(value);
  return [
    ['', name],
    ['run succeeds', show(({ success, range }) => shown(success, range?.success, showShare))],
    [
      'by votes alone',
      show(({ unaidedSuccess, range }) =>
        unaidedSuccess === null ? 'too rare to see' : shown(unaidedSuccess, range?.unaidedSuccess, showShare),
      ),
    ],
    ['undecided steps', show(({ undecidedPerStep }) => showNumber(undecidedPerStep * steps, 2))],
    [
      'votes a step',
      show(({ votesPerStep, range }) => shown(votesPerStep, range?.votesPerStep, (n) => showNumber(n, 3))),
    ],
    ['samples', show(({ samples, range }) => shown(samples, range?.samples, (n) => showNumber(n, 3)))],
    ['cost', show(({ costUsd, range }) => (costUsd === null ? 'unknown' : shown(costUsd, range?.costUsd, showUsd)))],
    ['time', show(({ wallMs }) => showDuration(wallMs))],
    ['margin for target', forecast.rule === 'ahead-by-k' && outlook?.range ? showMargins(outlook.range.margin) : ''],
  ];
}

/** The range from the smallest to the largest margin that the intervals allow. */
export function showMargins({ low, high }: { low: number | null; high: number | null }): string {
  if (low === null) return 'cannot';
  return low === high ? `${low}` : `${low} to ${high ?? 'cannot'}`;
}

function showInterval({ low, high }: { low: number; high: number }): string {
  return `${showNumber(low, 3)} to ${showNumber(high, 3)}`;
}

export function describePlan(processName: string, planned: Plan): string {
  const { margin, steps, stepsPerSubtask, p, v, target } = planned;
  const sampleCostUsd = planned.costUsd === null ? undefined : planned.costUsd / planned.samples / stepsPerSubtask;
  const margins = [margin - 1, margin, margin + 1, margin + 2].filter((k) => k >= 1);
  const rows = margins.map((k) => {
    const { success, votesPerStep, samples, costUsd } = scalingLaws({
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
errors are assumed to be independent from sample to sample; if a model is wrong in the same way every time, votes help less
`;
}
