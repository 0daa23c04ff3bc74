import type { RunCharts } from '../inspection/api.ts';
import { html, type Markup } from './markup.ts';
import { type Column, columnChart, lineChart, rowChart } from './report-charts.ts';
import type { Report } from './report-data.ts';
import { figure, section, showPercent } from './report-layout.ts';
import { plural, showCompact, showDuration, showUsd } from './terminal.ts';

const MAX_COLUMNS = 20;

/** The section with the charts; it is empty for a run without a decision. */
export function charts({ charts: figures, plan, drift, course, run }: Report): Markup | '' {
  const { coveredSteps: steps, buckets, flags, stretches } = figures;
  if (steps === 0) return '';
  const planned = plan?.undecidedAfter ?? [];
  const cost = cumulativeCost(buckets);
  const legend = [
    html`<span><i class="key measured"></i>measured</span>`,
    ...(planned.length > 0 ? [html`<span><i class="key plan"></i>planned</span>`] : []),
  ];
  const drifted = drift.map(({ atStep, what }) => ({ x: atStep, text: `drift of ${what}` }));
  const figuresShown = [
    figure(
      'Steps by the votes they took',
      columnChart({
        about: 'Number of steps by the votes that each took',
        xLabel: 'votes',
        columns: voteColumns(figures, planned),
      }),
      legend,
    ),
    figure(
      'Steps still undecided, by number of votes',
      lineChart({
        about: 'Steps that are still undecided, by votes, on a logarithmic scale',
        xLabel: 'votes',
        scale: 'log',
        yText: showCompact,
        lines: [
          {
            kind: 'plan',
            points: planned.map((share, votes): [number, number] => [votes, share * steps]),
          },
          { kind: 'measured', points: figures.undecidedAfter.map((count, votes): [number, number] => [votes, count]) },
        ],
      }),
      legend,
    ),
    flags.length === 0
      ? ''
      : figure(
          'Red flags by code',
          rowChart(
            'Flagged samples by code',
            flags.map(({ code, samples }) => ({ label: code, value: samples })),
          ),
        ),
    course.length < 2
      ? ''
      : figure(
          'Steps over execution time',
          lineChart({
            about: 'Decided steps against the execution time, without pauses',
            xLabel: 'time',
            xText: showDuration,
            scale: 'linear',
            yText: showCompact,
            lines: [{ kind: 'measured', points: course }],
          }),
        ),
    figure(
      'Dissent and red flags over the run',
      lineChart({
        about: 'Share of contested steps, and of flagged samples, along the run',
        xLabel: 'step',
        scale: 'linear',
        yText: showPercent,
        marks: drifted,
        lines: [
          { kind: 'measured', points: stretches.map(({ atStep, contested }) => [atStep, contested]) },
          { kind: 'flag', points: stretches.map(({ atStep, flagged }) => [atStep, flagged]) },
        ],
      }),
      [
        html`<span><i class="key measured"></i>contested steps</span>`,
        html`<span><i class="key flag"></i>flagged samples</span>`,
      ],
    ),
    figure(
      cost.name,
      lineChart({
        about: cost.name,
        xLabel: 'step',
        scale: 'linear',
        yText: cost.show,
        isFilled: true,
        lines: [{ kind: 'measured', points: cost.points }],
      }),
    ),
  ];
  const note = steps < run.steps ? [html`<p class="quiet">Of the first ${plural(steps, 'step')}.</p>`] : [];
  return section('Charts', [...note, html`<div class="charts">${figuresShown}</div>`]);
}

/** The cost in dollars, or in tokens if a price is not known or nothing is paid. */
function cumulativeCost(buckets: RunCharts['buckets']) {
  const isPriced = buckets.every(({ costUsd }) => costUsd !== null) && buckets.some(({ costUsd }) => costUsd! > 0);
  let sum = 0;
  const points = buckets.map(({ toStep, costUsd, inputTokens, outputTokens }): [number, number] => {
    sum += isPriced ? costUsd! : inputTokens + outputTokens;
    return [toStep, sum];
  });
  return {
    name: isPriced ? 'Cost so far' : 'Tokens so far',
    show: isPriced ? showUsd : showCompact,
    points: [[0, 0] as [number, number], ...points],
  };
}

/** Columns from the fewest votes to the most; many different numbers of votes are grouped. */
function voteColumns({ votesPerStep, coveredSteps }: RunCharts, planned: readonly number[]): Column[] {
  const least = votesPerStep[0]?.votes ?? 0;
  const most = votesPerStep.at(-1)?.votes ?? 0;
  const width = Math.ceil((most - least + 1) / MAX_COLUMNS);
  const after = (votes: number) => planned[votes] ?? planned.at(-1) ?? 0;
  return Array.from({ length: Math.ceil((most - least + 1) / width) }, (_, i) => {
    const from = least + i * width;
    const to = from + width - 1;
    const value = votesPerStep.reduce((sum, { votes, steps }) => sum + (votes >= from && votes <= to ? steps : 0), 0);
    const expected = planned.length === 0 || from === 0 ? 0 : (after(from - 1) - after(to)) * coveredSteps;
    const label = width === 1 ? String(from) : `${from}–${to}`;
    return { label, value, expected: expected < MIN_EXPECTED ? undefined : expected };
  });
}

/** Smaller parts of a step are not drawn. */
const MIN_EXPECTED = 0.5;
