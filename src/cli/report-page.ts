import type { Certificate } from '../certificate.ts';
import type { ItemCounts, Json } from '../journal.ts';
import type {
  DriftAlarmView,
  NoteView,
  RunCharts,
  RunPlanView,
  RunSummary,
  SampleView,
  StepRow,
  WasteView,
} from '../server/api.ts';
import { html, type Markup } from './markup.ts';
import { columnChart, lineChart, rowChart } from './report-charts.ts';
import { describeWaste, showChance } from './run.ts';
import { plural, showCount, showDuration, showNumber, showPace, showShare, showUsd } from './terminal.ts';

/** What a report says, as `mdap report --json` prints it. Absent values are null. */
export interface Report {
  readonly madeAtMs: number;
  readonly versions: { readonly mdap: string; readonly node: string; readonly process: string };
  readonly run: RunSummary;
  /** A built-in name or the path of a module; null for a process given in code. */
  readonly processSource: string | null;
  readonly input: Json;
  readonly settings: Json;
  readonly flags: Readonly<Record<string, number>>;
  readonly settledBy: Readonly<Record<string, number>>;
  readonly firstWrongStep: number | null;
  readonly wasted: WasteView | null;
  /** Of a run over many inputs. */
  readonly items: ItemCounts | null;
  readonly certificate: Certificate | null;
  readonly drift: readonly DriftAlarmView[];
  /** The newest, oldest first. */
  readonly notes: readonly NoteView[];
  readonly plan: RunPlanView | null;
  /** Why there is none. */
  readonly planMissing: string | null;
  readonly charts: RunCharts;
  /** The step that it is paused at, where it has samples, then the least certain ones. */
  readonly steps: readonly ReportedStep[];
  readonly commands: Commands;
}

export interface ReportedStep {
  readonly stepIndex: number;
  /** Null where it is not decided. */
  readonly decision: StepRow | null;
  /** Chance that the decision is wrong, by the certificate; null where it does not say. */
  readonly wrong: number | null;
  readonly samples: readonly SampleView[];
  /** Samples that the journal has beyond those here. */
  readonly moreSamples: number;
}

/** To copy into a shell; null where they would not work. */
export interface Commands {
  readonly inspect: string;
  /** The same once more, as a run of its own. */
  readonly again: string | null;
  readonly replay: string | null;
  readonly resume: string | null;
}

const MOST_JSON_CHARS = 4_000;
const MOST_TEXT_CHARS = 4_000;
const MOST_KEY_CHARS = 200;
const MOST_COLUMNS = 20;

/** The report as one page that needs nothing else: no script, no request, light and dark. */
export function reportPage(report: Report): string {
  const { run, madeAtMs, versions } = report;
  const sections = [
    summary(report),
    certainty(report),
    outcome(report),
    charts(report),
    steps(report),
    whatRan(report),
    notes(report),
    reproduce(report),
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${`${run.runId}: ${run.process}`}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${sections}
</main>
<footer>Made by mdap ${versions.mdap} on ${showTime(madeAtMs)}.</footer>
</body>
</html>
`.source;
}

function summary({ run, items, settledBy, wasted, firstWrongStep }: Report): Markup {
  const { steps, totalSteps, samples, votes, votesPerStep, flagged, contestedSteps, wrongSteps, costUsd } = run;
  const whole = totalSteps !== null && totalSteps !== steps ? ` of ${showCount(totalSteps)}` : '';
  const settled = Object.entries(settledBy).map(([what, count]) => `${showCount(count)} by ${what}`);
  const failed =
    items === null
      ? []
      : [
          ...(items.undecided > 0 ? [`${showCount(items.undecided)} undecided`] : []),
          ...(items.invalid > 0 ? [`${showCount(items.invalid)} invalid`] : []),
        ];
  const tiles: (readonly [string, string, string])[] = [
    ...(items === null ? [] : [['items done', showCount(items.done), failed.join(', ')] as const]),
    [
      'steps',
      `${showCount(steps)}${whole}`,
      wrongSteps === null
        ? ''
        : wrongSteps === 0
          ? 'none wrong against the reference'
          : `${showCount(wrongSteps)} wrong, the first at ${showCount(firstWrongStep ?? 0)}`,
    ],
    [
      'votes a step',
      votesPerStep === null ? '–' : showNumber(votesPerStep),
      `${plural(votes, 'vote')} of ${plural(samples, 'sample')}`,
    ],
    ['red flags', showCount(flagged), samples === 0 ? '' : `${showPercent(flagged / samples)} of the samples`],
    [
      'contested',
      showCount(contestedSteps),
      settled.length > 0
        ? `settled: ${settled.join(', ')}`
        : steps === 0
          ? ''
          : `${showPercent(contestedSteps / steps)} of the steps`,
    ],
    ['cost', showUsd(costUsd), `${showCount(run.inputTokens)} tokens in, ${showCount(run.outputTokens)} out`],
    ['time', showDuration(run.activeMs), run.stepsPerSecond === null ? '' : showPace(run.stepsPerSecond)],
  ];
  return html`<header>
<p class="kind">Report of a run</p>
<h1>${run.runId}</h1>
<p class="lead"><span class="status ${run.status}">${run.status}</span> ${run.process} with ${run.model}</p>
${run.reason === null ? '' : html`<p class="reason">${run.reason}</p>`}
<p class="quiet">begun ${showTime(run.createdAtMs)}, last written ${showTime(run.updatedAtMs)}${wasted === null ? '' : `; besides: ${describeWaste(wasted)}`}</p>
<dl class="tiles">${tiles.map(([name, value, more]) => html`<div><dt>${name}</dt><dd>${value}</dd><dd class="quiet">${more}</dd></div>`)}</dl>
</header>`;
}

function certainty({ certificate, drift }: Report): Markup {
  const alarms = drift.map(
    ({ what, atStep, events, steps }) =>
      html`<p class="reason">Drift: ${what} on ${showCount(events)} of the ${showCount(steps)} steps before step ${showCount(atStep)}, more than the calibration allows for.</p>`,
  );
  if (certificate === null) {
    return section('Certificate', [
      html`<p>How sure the decisions are is not known: a single vote a step contradicts nobody.</p>`,
      ...alarms,
    ]);
  }
  const { expectedWrong, expectedWrongHigh, chanceOfNone, chanceOfNoneLow, p, rho, steps } = certificate;
  const likely = (value: number | null, show: (value: number) => string) =>
    value === null ? 'not known' : show(value);
  return section('Certificate', [
    table(
      ['', 'likeliest', 'cautious'],
      [
        [
          `wrong decisions expected in ${plural(steps, 'voted step')}`,
          likely(expectedWrong, (value) => showNumber(value, 2)),
          `at most ${showNumber(expectedWrongHigh, 2)}`,
        ],
        ['chance that none is wrong', likely(chanceOfNone, showShare), `at least ${showShare(chanceOfNoneLow)}`],
        ['success rate p of a vote', showNumber(p.estimate, 5), `${showNumber(p.low, 5)} to ${showNumber(p.high, 5)}`],
        [
          'correlation rho of the votes of a step',
          likely(rho.estimate, (value) => showNumber(value, 3)),
          `${showNumber(rho.low, 3)} to ${showNumber(rho.high, 3)}`,
        ],
      ],
    ),
    html`<p class="quiet">${certificate.statement}</p>`,
    ...alarms,
  ]);
}

function outcome({ plan, planMissing, run, certificate }: Report): Markup {
  if (plan === null) {
    return section('Plan and outcome', [html`<p>No plan: ${planMissing}</p>`]);
  }
  const { steps, samples, votes, flagged, costUsd, votesPerStep } = run;
  // Of a run that has not come to its end, what was planned for as many steps.
  const share = Math.min(1, steps / plan.steps);
  const soFar = share < 1 ? ` for ${plural(steps, 'step')}` : '';
  const rule = plan.margin === null ? `the rule ${plan.rule}` : `${plan.rule} with k = ${plan.margin}`;
  const source = plan.source === 'calibration' ? 'a calibration' : 'given rates';
  return section('Plan and outcome', [
    html`<p>Planned by ${rule} from ${source}, for ${plural(plan.steps, 'step')} and a target of ${showShare(plan.target)}.</p>`,
    table(
      ['', 'plan', 'outcome'],
      [
        ['votes a step', showNumber(plan.votesPerStep), votesPerStep === null ? '–' : showNumber(votesPerStep)],
        [`samples${soFar}`, showCount(share * plan.samples), showCount(samples)],
        [`cost${soFar}`, plan.costUsd === null ? 'not known' : showUsd(share * plan.costUsd), showUsd(costUsd)],
        [
          'success rate p of a vote',
          showNumber(plan.p, 5),
          certificate === null ? 'not known' : showNumber(certificate.p.estimate, 5),
        ],
        ['votes a sample (v)', showNumber(plan.v), votes + flagged === 0 ? '–' : showNumber(votes / (votes + flagged))],
        [
          'correlation rho',
          showNumber(plan.rho, 3),
          certificate === null || certificate.rho.estimate === null
            ? 'not known'
            : showNumber(certificate.rho.estimate, 3),
        ],
        [
          share < 1 ? 'chance that none is wrong: of the whole, so far' : 'chance that none is wrong',
          showShare(plan.success),
          certificate === null || certificate.chanceOfNone === null ? 'not known' : showShare(certificate.chanceOfNone),
        ],
      ],
    ),
  ]);
}

function charts({ charts: figures, plan, drift, run }: Report): Markup | '' {
  const { coveredSteps: steps, buckets, flags } = figures;
  if (steps === 0) return '';
  const middle = ({ fromStep, toStep }: (typeof buckets)[number]) => (fromStep + toStep - 1) / 2;
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
      'Steps still undecided after so many votes',
      lineChart({
        about: 'Steps that are still undecided, by votes, on a logarithmic scale',
        xLabel: 'votes',
        scale: 'log',
        yText: (value) => COMPACT.format(value),
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
    figure(
      'Dissent and red flags over the run',
      lineChart({
        about: 'Share of contested steps, and of flagged samples, along the run',
        xLabel: 'step',
        scale: 'linear',
        yText: showPercent,
        marks: drifted,
        lines: [
          { kind: 'measured', points: buckets.map((bucket) => [middle(bucket), bucket.contested / bucket.steps]) },
          {
            kind: 'flag',
            points: buckets.map((bucket) => [
              middle(bucket),
              bucket.samples === 0 ? 0 : bucket.flagged / bucket.samples,
            ]),
          },
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

/** In dollars; where a price is not known, or nothing is paid, in tokens. */
function cumulativeCost(buckets: RunCharts['buckets']) {
  const isPriced = buckets.every(({ costUsd }) => costUsd !== null) && buckets.some(({ costUsd }) => costUsd! > 0);
  let sum = 0;
  const points = buckets.map(({ toStep, costUsd, inputTokens, outputTokens }): [number, number] => {
    sum += isPriced ? costUsd! : inputTokens + outputTokens;
    return [toStep, sum];
  });
  return {
    name: isPriced ? 'Cost so far' : 'Tokens so far',
    show: isPriced ? showUsd : (tokens: number) => COMPACT.format(tokens),
    points: [[0, 0] as [number, number], ...points],
  };
}

const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** From the fewest votes to the most; what is beyond the last column is in it. */
function voteColumns({ votesPerStep, coveredSteps }: RunCharts, planned: readonly number[]) {
  const least = votesPerStep[0]?.votes ?? 0;
  const most = Math.max(least, votesPerStep.at(-1)?.votes ?? 0);
  const counts = new Map(votesPerStep.map(({ votes, steps }) => [votes, steps]));
  const count = Math.min(MOST_COLUMNS, most - least + 1);
  const after = (votes: number) => planned[votes] ?? planned.at(-1) ?? 0;
  return Array.from({ length: count }, (_, i) => {
    const votes = least + i;
    const isLast = i === count - 1 && votes < most;
    const value = isLast
      ? votesPerStep.reduce((sum, row) => sum + (row.votes >= votes ? row.steps : 0), 0)
      : (counts.get(votes) ?? 0);
    const share = isLast ? after(votes - 1) : after(votes - 1) - after(votes);
    const expected = planned.length === 0 || votes === 0 ? undefined : share * coveredSteps;
    return { label: isLast ? `${votes}+` : String(votes), value, expected: expected! < 0.5 ? undefined : expected };
  });
}

function steps({ steps: shown, run, commands }: Report): Markup {
  const { contestedSteps } = run;
  const decided = shown.filter(({ decision }) => decision !== null).length;
  const about =
    contestedSteps === 0
      ? 'No step was contested.'
      : `${plural(contestedSteps, 'step')} contested${decided < contestedSteps ? `; these are the ${decided} least certain` : ''}.`;
  return section('Least certain steps', [html`<p>${about}</p>`, ...shown.map((step) => stepDetails(step, commands))]);
}

function stepDetails(
  { stepIndex, decision, wrong, samples, moreSamples }: ReportedStep,
  { inspect }: Commands,
): Markup {
  const votes =
    decision === null ? [] : decision.tally === null ? [decision.votes] : decision.tally.map((one) => one.votes);
  const flagged = decision === null ? 0 : Object.values(decision.flags).reduce((sum, count) => sum + count, 0);
  const facts = [
    decision === null ? 'not decided' : `votes ${votes.join(' : ')}`,
    ...(wrong === null ? [] : [`wrong with ${showChance(wrong)}`]),
    ...(decision?.settledBy == null ? [] : [`settled by ${decision.settledBy}`]),
    ...(flagged > 0 ? [plural(flagged, 'red flag')] : []),
  ];
  const candidates = decision?.tally ?? [];
  const isOneModel = samples.every(({ model }) => model === samples[0]!.model);
  return html`<details>
<summary><b>Step ${showCount(stepIndex)}</b> ${facts.join(', ')}${decision?.isWrong ? html` <span class="status stopped">wrong</span>` : ''}</summary>
${decision === null ? '' : html`<p>Decided:</p>${code(typeof decision.action === 'string' && decision.isActionCut ? decision.action : JSON.stringify(decision.action), MOST_JSON_CHARS)}`}
${
  candidates.length > 1
    ? table(
        ['candidate', 'votes'],
        candidates.map(({ candidate, votes }) => [cut(candidate, MOST_KEY_CHARS), String(votes)]),
      )
    : ''
}
${
  samples.length === 0
    ? html`<p class="quiet">The texts of this step were not kept (--record).</p>`
    : samples.map((sample) => sampleShown(sample, candidates[0]?.candidate ?? null, isOneModel))
}
${moreSamples > 0 ? html`<p class="quiet">and ${plural(moreSamples, 'further sample')}: ${`${inspect} --step ${stepIndex}`}</p>` : ''}
</details>`;
}

function sampleShown(sample: SampleView, winner: string | null, isOneModel: boolean): Markup {
  const { draw, model, variant, temperature, text, textBytes, isTextCut, candidate, flag, isJudgement, race } = sample;
  const verdict =
    flag !== null
      ? html`<span class="verdict flag">red flag ${flag.code}</span> ${cut(flag.detail, MOST_KEY_CHARS)}`
      : isJudgement
        ? html`<span class="verdict">opinion</span> ${cut(candidate ?? '', MOST_KEY_CHARS)}`
        : html`<span class="verdict ${winner === null || candidate === winner ? 'for' : 'against'}">votes</span> ${cut(candidate ?? '', MOST_KEY_CHARS)}`;
  const after = race === null ? '' : ` – ${race.leaderVotes} : ${race.runnerUpVotes}`;
  const shown = text.length > MOST_TEXT_CHARS || isTextCut;
  return html`<div class="sample"><p>${verdict}<span class="quiet">${after}</span></p>
<p class="quiet">draw ${draw}${isOneModel ? '' : `, ${model}`}, ${isJudgement ? 'verifier' : variant}, temperature ${temperature}${sample.outputTokens === null ? '' : `, ${plural(sample.outputTokens, 'token')}`}, ${showDuration(sample.latencyMs)}</p>
<pre>${shown ? text.slice(0, MOST_TEXT_CHARS).toWellFormed() : text}</pre>${shown ? html`<p class="quiet">cut: the whole text has ${showCount(textBytes)} bytes</p>` : ''}</div>`;
}

function whatRan({ run, processSource, input, settings, versions }: Report): Markup {
  const rows = Object.entries(settings ?? {}).map(([name, value]) => [
    name,
    cut(typeof value === 'string' ? value : JSON.stringify(value), MOST_KEY_CHARS),
  ]);
  return section('What ran', [
    html`<p>Process ${run.process}, version ${versions.process}, ${processSource === null ? 'given in code' : `from ${processSource}`}. Input:</p>`,
    code(JSON.stringify(input), MOST_JSON_CHARS),
    html`<p>Settings; what is not here was left at its default:</p>`,
    table(['setting', 'value'], rows),
  ]);
}

function notes({ notes: shown }: Report): Markup | '' {
  if (shown.length === 0) return '';
  return section('Notes', [
    table(
      ['time (UTC)', 'what', ''],
      shown.map(({ atMs, code, detail }) => {
        const { stepIndex, message } = detail ?? {};
        const text = typeof message === 'string' ? `step ${stepIndex}: ${message}` : JSON.stringify(detail);
        return [showTime(atMs).replace(' UTC', ''), code, cut(text, 300)];
      }),
    ),
  ]);
}

function reproduce({ versions, commands, processSource }: Report): Markup {
  const { again, inspect, replay, resume } = commands;
  const rows = [
    ['look closer', inspect],
    ['decide its samples again, by another rule', replay],
    ['go on', resume],
    ['the same once more', again],
  ].filter((row): row is [string, string] => row[1] !== null);
  return section('Versions and commands', [
    html`<p>mdap ${versions.mdap}, Node.js ${versions.node}, process ${versions.process}.</p>`,
    processSource === null ? html`<p>The process was given in code, which alone can run or replay it.</p>` : html``,
    html`<dl class="commands">${rows.map(([what, command]) => html`<dt>${what}</dt><dd><pre>${command}</pre></dd>`)}</dl>`,
  ]);
}

function section(title: string, parts: readonly Markup[]): Markup {
  return html`<section>
<h2>${title}</h2>
${parts}
</section>`;
}

function figure(title: string, drawing: Markup, legend: readonly Markup[] = []): Markup {
  return html`<figure><figcaption>${title}</figcaption>${drawing}${legend.length > 1 ? html`<p class="legend">${legend}</p>` : ''}</figure>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): Markup {
  return html`<div class="scroll"><table><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}</tr>`)}</tbody></table></div>`;
}

/** A text in full where it is short, else its beginning and its length. */
function code(text: string, mostChars: number): Markup {
  const isCut = text.length > mostChars;
  return html`<pre>${isCut ? text.slice(0, mostChars).toWellFormed() : text}</pre>${isCut ? html`<p class="quiet">cut: the whole has ${showCount(text.length)} characters</p>` : ''}`;
}

function cut(text: string, mostChars: number): string {
  return text.length <= mostChars
    ? text
    : `${text.slice(0, mostChars).toWellFormed()}… (${showCount(text.length)} characters)`;
}

function showTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function showPercent(share: number): string {
  return `${showNumber(100 * share, 2)} %`;
}

// Contrasts of text are above 4.5 to 1 in both.
const STYLE = html`
:root { color-scheme: light dark; --paper: #fff; --card: #f6f7f9; --ink: #16191d; --quiet: #5a626c; --edge: #d9dde2;
  --measured: #2563b0; --plan: #b45309; --flag: #a1376b; --good: #1c7042; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --card: #1d2126; --ink: #e7eaee; --quiet: #9aa4b0; --edge: #343a42;
    --measured: #6ea8ef; --plan: #f0a44b; --flag: #e58ab8; --good: #69c493; --bad: #f28b82; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 0 0 .75rem; font-size: 1.25rem; }
section { margin-top: 2.5rem; }
p { margin: .4rem 0; }
.kind { margin: 0; color: var(--quiet); font-size: .85rem; }
.lead { font-size: 1.1rem; }
.quiet { color: var(--quiet); font-size: .875rem; }
.reason { border-left: 3px solid var(--plan); padding-left: .75rem; }
.status { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; }
.status.done { color: var(--good); }
.status.paused, .status.interrupted { color: var(--plan); }
.status.stopped { color: var(--bad); }
.status.running { color: var(--measured); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
.tiles > div { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; }
.tiles dt { color: var(--quiet); font-size: .875rem; }
.tiles dd { margin: 0; font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles dd.quiet { font-size: .8rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border-radius: .5rem; padding: .9rem 1rem .6rem; }
figcaption { font-weight: 600; font-size: .95rem; margin-bottom: .4rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 12px; font-family: inherit; font-variant-numeric: tabular-nums; }
svg .tick { fill: var(--quiet); }
svg .grid { stroke: var(--edge); stroke-width: 1; }
svg .axis { stroke: var(--quiet); stroke-width: 1; }
svg .bar { fill: var(--measured); }
svg .bar.flag { fill: var(--flag); }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .measured { stroke: var(--measured); }
svg .flag { stroke: var(--flag); }
svg rect.flag { stroke: none; }
svg .plan { stroke: var(--plan); stroke-width: 2; stroke-dasharray: 5 3; fill: none; }
svg .dot { stroke: none; }
svg .dot.measured { fill: var(--measured); }
svg .dot.plan { fill: var(--plan); }
svg .dot.flag { fill: var(--flag); }
svg .area { fill: var(--measured); opacity: .15; }
svg line.mark { stroke: var(--bad); stroke-dasharray: 3 3; }
svg text.mark { fill: var(--bad); }
.legend { display: flex; gap: 1.25rem; margin: .2rem 0 0; color: var(--quiet); font-size: .85rem; }
.key { display: inline-block; width: 1.2rem; height: 0; margin-right: .4rem; vertical-align: middle; border-top: 3px solid var(--measured); }
.key.plan { border-top: 3px dashed var(--plan); }
.key.flag { border-top-color: var(--flag); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .925rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.5rem .3rem 0; border-bottom: 1px solid var(--edge); max-width: 40rem; overflow-wrap: break-word; }
tbody th { font-weight: 400; }
thead th { color: var(--quiet); font-weight: 500; font-size: .85rem; }
pre { margin: .4rem 0; padding: .6rem .8rem; background: var(--card); border-radius: .4rem; font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
details { border: 1px solid var(--edge); border-radius: .5rem; margin: .5rem 0; padding: 0 1rem; }
details[open] { padding-bottom: .75rem; }
summary { cursor: pointer; padding: .55rem 0; }
summary b { margin-right: .5rem; }
.sample { border-top: 1px solid var(--edge); padding: .5rem 0; }
.sample p { margin: .1rem 0; }
.verdict { font-weight: 600; }
.verdict.for { color: var(--good); }
.verdict.against { color: var(--plan); }
.verdict.flag { color: var(--flag); }
.commands dt { color: var(--quiet); font-size: .875rem; }
.commands dd { margin: 0 0 .6rem; }
footer { padding: 2.5rem 1.25rem 2rem; color: var(--quiet); font-size: .85rem; }
@media print { details { break-inside: avoid; } figure { break-inside: avoid; } }
`;
