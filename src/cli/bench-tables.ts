import type { BenchReport } from '../bench.ts';
import { type Cell, type Measure, SINGLE } from '../comparison/figures.ts';
import { withFlags } from '../options/flag-names.ts';
import { plural, printable, showCount, showDuration, showNumber, showUsd, table } from './terminal.ts';

/** The report for a terminal: accuracy and cost, and for the largest size the sources of errors. */
export function describeBench(report: BenchReport): string {
  const { tasks, cells, unfit, attempts, spent } = report;
  const blocks = tasks.flatMap(({ name, sizes }) => {
    const ofTask = cells.filter(({ task }) => task === name);
    const tried = sizes.map(({ size }) => size).filter((size) => ofTask.some((cell) => cell.size === size));
    return tried.map((size) => {
      const ofSize = ofTask.filter((cell) => cell.size === size);
      const isLast = size === tried.at(-1);
      return [titleOf(ofSize), '', table(outcomes(ofSize)), ...(isLast ? ['', table(errors(ofSize))] : []), ''].join(
        '\n',
      );
    });
  });
  const reasons = Map.groupBy(unfit, ({ reason }) => reason);
  const notes = [...reasons].map(
    ([reason, ones]) => `not for ${ones.map(({ method }) => method).join(', ')}: ${printable(withFlags(reason))}`,
  );
  const total = `${plural(attempts, 'attempt')} with ${printable(report.model)}, ${plural(spent.calls, 'call')}, ${showCount(spent.tokens)} tokens, ${showUsd(spent.usd)}`;
  return `${[...blocks, ...notes, ...(cells.length > 0 ? [LEGEND, ''] : []), total].join('\n')}\n`;
}

function titleOf(cells: readonly Cell[]): string {
  const { task, size, steps } = cells[0]!;
  const counts = cells.map(({ attempts }) => attempts);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const each = least === most ? plural(most, 'attempt') : `${least} to ${plural(most, 'attempt')}`;
  return `${printable(task)}, size ${size}: ${steps < 100 ? showNumber(steps, 3) : showCount(steps)} steps, ${each} a method`;
}

/** Head and rows of the main table, with costs if any are known, otherwise times. */
export function outcomes(cells: readonly Cell[]): string[][] {
  const isPriced = cells.some(({ costUsd }) => costUsd === null || costUsd > 0);
  return [
    ['method', 'right', 'step', 'horizon', 'calls', 'tokens', isPriced ? 'cost' : 'time'],
    ...cells.map((cell) => [
      printable(cell.method),
      `${cell.right} of ${cell.attempts}`,
      share(cell.stepAccuracy.estimate),
      showHorizon(cell),
      cell.calls < 100 ? showNumber(cell.calls, 3) : showCount(cell.calls),
      showCount(cell.inputTokens + cell.outputTokens),
      isPriced ? (cell.costUsd === null ? '?' : showUsd(cell.costUsd)) : showDuration(cell.wallMs),
    ]),
  ];
}

/** Head and rows of the table that follows a sample's errors into decisions. */
export function errors(cells: readonly Cell[]): string[][] {
  return [
    ['method', 'A_task', 'overhead', 'sampled', 'decided', 'ratio', 'votes', 'agree'],
    ...cells.map((cell) => [
      printable(cell.method),
      number(cell.taskAmplification, 2),
      cell.method === SINGLE || cell.overhead === null ? '-' : `${showCount(100 * cell.overhead)} %`,
      share(cell.sampleError),
      share(cell.decidedError),
      number(cell.stepAmplification, 2),
      number(cell.votesPerDecision, 3),
      share(cell.agreement),
    ]),
  ];
}

/** Shows 14 (9-21), or 14 (9 up) if the interval goes beyond the last step; >30 if the horizon itself does. */
function showHorizon({ horizon, taskAccuracyByStep }: Cell): string {
  const steps = taskAccuracyByStep.length;
  const show = (step: number | null) => (step === null ? `>${steps}` : String(step));
  const { estimate, low, high } = horizon;
  if (estimate === null && low === null) return show(null);
  return `${show(estimate)} (${show(low)}${high === null ? ' up' : `-${high}`})`;
}

export function showMeasure({ estimate, low, high }: Measure): string {
  return estimate === null ? '-' : `${share(estimate)} (${share(low)} to ${share(high)})`;
}

function share(value: number | null): string {
  return value === null ? '-' : value.toFixed(3);
}

function number(value: number | null, digits: number): string {
  return value === null ? '-' : showNumber(value, digits);
}

const LEGEND = `right: attempts without a mistake from the first step to the last
step: steps that are right in the state that the attempt had come to
horizon: first step at which less than half of the attempts are without a
  mistake, with its 95 % interval
calls, tokens, cost, time: of an attempt, means
A_task: failures, as a multiple of those of one call for all steps
overhead: tokens beyond those of one call for all steps
sampled, decided: wrong first votes, and wrong decisions; ratio: the one by the
  other, what voting makes of an error
agree: probability that two votes are the same`;
