import type { BenchReport } from '../bench.ts';
import type { Cell } from '../comparison/figures.ts';
import { textOf } from '../core/prompt-parts.ts';
import { withFlags } from '../options/flag-names.ts';
import { errors, outcomes, showMeasure } from './bench-tables.ts';
import { html, type Markup } from './markup.ts';
import { lineChart, rowChart } from './report-charts.ts';
import { code, figure, page, section, showPercent, table } from './report-layout.ts';
import { plural, showCount, showDuration, showNumber, showUsd } from './terminal.ts';

const MAX_PROMPT_CHARS = 3_000;
const MAX_JSON_CHARS = 4_000;

/** Renders the comparison as one self-contained page: no scripts, no requests, light and dark. */
export function benchPage(report: BenchReport, made: { readonly atMs: number; readonly version: string }): string {
  const { model, tasks, status, reason, cells } = report;
  const title = `${tasks.map(({ name }) => name).join(', ')} by ${plural(report.methods.length, 'method')}`;
  return page({
    title,
    main: [
      html`<header><p class="kind">mdap bench</p><h1>${title}</h1>
<p class="lead">${model}. <span class="status ${status}">${status}</span></p>
${reason === null ? '' : html`<p class="reason">${withFlags(reason)}</p>`}</header>
`,
      tiles(report),
      ...tasks.map(({ name }) => taskSection(name, cells)),
      unfit(report),
      prompts(report),
      section('What ran', [
        code(
          JSON.stringify(
            { tasks, methods: report.methods, seed: report.seed, repeats: report.repeats, settings: report.settings },
            null,
            2,
          ),
          MAX_JSON_CHARS,
        ),
      ]),
    ],
    made,
  });
}

function tiles({ attempts, spent, repeats, seed }: BenchReport): Markup {
  const shown = [
    ['attempts', showCount(attempts), `${repeats} a method and size, seed ${seed}`],
    ['calls', showCount(spent.calls), ''],
    ['tokens', showCount(spent.tokens), ''],
    ['cost', showUsd(spent.usd), ''],
    ['time', showDuration(spent.wallMs), ''],
  ] as const;
  return html`<dl class="tiles">${shown.map(
    ([name, value, note]) =>
      html`<div><dt>${name}</dt><dd>${value}</dd>${note === '' ? '' : html`<dd class="quiet">${note}</dd>`}</div>`,
  )}</dl>`;
}

function taskSection(task: string, cells: readonly Cell[]): Markup | '' {
  const ofTask = cells.filter((cell) => cell.task === task);
  if (ofTask.length === 0) return '';
  const sizes = [...new Set(ofTask.map(({ size }) => size))];
  return section(
    task,
    sizes.map((size) => {
      const ofSize = ofTask.filter((cell) => cell.size === size);
      return html`<h3>Size ${size}: ${showNumber(ofSize[0]!.steps, 3)} steps</h3>
${withFigures(ofSize)}
${size === sizes.at(-1) ? charts(ofSize) : ''}`;
    }),
  );
}

function withFigures(cells: readonly Cell[]): Markup {
  const [head, ...rows] = outcomes(cells);
  const [errorHead, ...errorRows] = errors(cells);
  return html`${table(
    'figures',
    [...head!, 'success (95 %)', 'turn (95 %)', 'independent horizon', 'ended', 'undecided', 'refused', 'broken'],
    rows.map((row, i) => {
      const { success, turnAccuracy, independentHorizon, ends } = cells[i]!;
      const independent = independentHorizon === null ? '-' : showCount(independentHorizon);
      const { ended, undecided, refused, broken } = ends;
      return [
        ...row,
        showMeasure(success),
        showMeasure(turnAccuracy),
        independent,
        ...[ended, undecided, refused, broken].map(String),
      ];
    }),
  )}
${table(
  'figures',
  [...errorHead!, 'flagged', 'time'],
  errorRows.map((row, i) => [...row, showPercent(cells[i]!.flagged), showDuration(cells[i]!.wallMs)]),
)}`;
}

/** Charts of the largest size: one for each method, since the lines of many would cover each other. */
function charts(cells: readonly Cell[]): Markup {
  const legend = [
    html`<span><i class="key measured"></i>attempts without a mistake so far</span>`,
    html`<span><i class="key plan"></i>the same if errors were independent</span>`,
    html`<span><i class="key flag"></i>steps right, given the state</span>`,
  ];
  const each = cells.map((cell) =>
    figure(
      cell.method,
      lineChart({
        about: `${cell.method}: share of attempts without a mistake, and of right steps, along the way`,
        xLabel: 'step',
        scale: 'linear',
        yText: showPercent,
        lines: [
          { kind: 'plan', points: independent(cell) },
          { kind: 'flag', points: smoothed(cell.stepAccuracyByStep) },
          {
            kind: 'measured',
            points: cell.taskAccuracyByStep.map((accuracy, i): [number, number] => [i + 1, accuracy]),
          },
        ],
      }),
    ),
  );
  const tokens = cells.map((cell) => ({ label: cell.method, value: Math.round(cell.inputTokens + cell.outputTokens) }));
  return html`<p class="legend">${legend}</p><div class="charts">${each}${figure('Tokens of an attempt', rowChart('Tokens of an attempt by method', tokens))}</div>`;
}

function independent({ stepAccuracy, taskAccuracyByStep }: Cell): [number, number][] {
  const p = stepAccuracy.estimate;
  return p === null ? [] : taskAccuracyByStep.map((_, i) => [i + 1, p ** (i + 1)]);
}

/** Averages over some steps, because a share of few attempts fluctuates. */
function smoothed(shares: readonly (number | null)[]): [number, number][] {
  const width = Math.max(1, Math.ceil(shares.length / MAX_POINTS));
  return Array.from({ length: Math.ceil(shares.length / width) }, (_, i): [number, number] => {
    const part = shares.slice(i * width, (i + 1) * width).filter((one) => one !== null);
    return [i * width + 1 + (width - 1) / 2, part.reduce((sum, one) => sum + one, 0) / part.length];
  }).filter(([, mean]) => !Number.isNaN(mean));
}

const MAX_POINTS = 20;

function unfit({ unfit: ones }: BenchReport): Markup | '' {
  if (ones.length === 0) return '';
  return section('What could not be tried', [
    table(
      'texts',
      ['task', 'method', 'why'],
      ones.map(({ task, method, reason }) => [task, method, reason]),
    ),
  ]);
}

function prompts({ prompts: ofMethods }: BenchReport): Markup | '' {
  if (ofMethods.length === 0) return '';
  const shown = ofMethods.map(
    ({ task, method, prompts: asked }) => html`<details><summary><b>${method}</b> ${task}</summary>
${asked.map(({ system, user }) => code(system === undefined || system === '' ? textOf(user) : `${system}\n\n${textOf(user)}`, MAX_PROMPT_CHARS))}</details>`,
  );
  return section('First prompts', shown);
}
