import { gistOf } from '../core/notes.ts';
import { flagTotal } from '../core/red-flags.ts';
import type { ItemsView, NoteView, RunCommands, SampleView } from '../inspection/api.ts';
import { withFlags } from '../options/flag-names.ts';
import { html, type Markup } from './markup.ts';
import type { Report, ReportedStep } from './report-data.ts';
import { charts } from './report-figures.ts';
import { code, cut, page, section, showPercent, showTime, table } from './report-layout.ts';
import { describeTokens, describeWaste, showChance } from './run-summary.ts';
import { plural, showCount, showDuration, showNumber, showPace, showShare, showUsd } from './terminal.ts';

const MAX_JSON_CHARS = 4_000;
const MAX_TEXT_CHARS = 4_000;
const MAX_KEY_CHARS = 200;

/** Renders the report as one self-contained page: no scripts, no requests, light and dark. */
export function reportPage(report: Report): string {
  const { run, madeAtMs, versions } = report;
  const sections = [
    summary(report),
    certainty(report),
    outcome(report),
    lastState(report),
    charts(report),
    steps(report),
    whatRan(report),
    notes(report),
    reproduce(report),
  ];
  return page({
    title: `${run.runId}: ${run.process}`,
    hasImages: true,
    main: sections,
    made: { version: versions.mdap, atMs: madeAtMs },
  });
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
    ['cost', showUsd(costUsd), `tokens: ${describeTokens(run.tokens)}`],
    ['time', showDuration(run.activeMs), run.stepsPerSecond === null ? '' : showPace(run.stepsPerSecond)],
  ];
  return html`<header>
<p class="kind">Report of a run</p>
<h1>${run.runId}</h1>
<p class="lead"><span class="status ${run.status}">${run.status}</span> ${run.process} with ${run.model}</p>
${run.reason === null ? '' : html`<p class="reason">${withFlags(run.reason)}</p>`}
<p class="quiet">begun ${showTime(run.createdAtMs)}, last written ${showTime(run.updatedAtMs)}${wasted === null ? '' : `; besides: ${describeWaste(wasted)}`}</p>
<dl class="tiles">${tiles.map(([name, value, more]) => html`<div><dt>${name}</dt><dd>${value}</dd><dd class="quiet">${more}</dd></div>`)}</dl>
</header>`;
}

function certainty({ certificate, drift, items }: Report): Markup {
  const alarms = drift.map(
    ({ what, atStep, events, steps }) =>
      html`<p class="reason">Drift: ${what} on ${showCount(events)} of the ${showCount(steps)} steps before step ${showCount(atStep)}, more than the calibration allows for.</p>`,
  );
  if (certificate === null) {
    return section('Certificate', [
      html`<p>The certainty of the decisions is not known: with a single vote a step there is no dissent.</p>`,
      ...alarms,
    ]);
  }
  const { expectedWrong, expectedWrongHigh, chanceOfNone, chanceOfNoneLow, p, rho, steps } = certificate;
  const likely = (value: number | null, show: (value: number) => string) =>
    value === null ? 'not known' : show(value);
  return section('Certificate', [
    table(
      'figures',
      ['', 'likeliest', 'cautious'],
      [
        [
          `wrong decisions expected in ${plural(steps, 'voted step')}`,
          likely(expectedWrong, (value) => showNumber(value, 2)),
          `at most ${showNumber(expectedWrongHigh, 2)}`,
        ],
        ['probability that none is wrong', likely(chanceOfNone, showShare), `at least ${showShare(chanceOfNoneLow)}`],
        ['success rate p of a vote', showNumber(p.estimate, 5), `${showNumber(p.low, 5)} to ${showNumber(p.high, 5)}`],
        [
          'correlation rho of the votes of a step',
          likely(rho.estimate, (value) => showNumber(value, 3)),
          `${showNumber(rho.low, 3)} to ${showNumber(rho.high, 3)}`,
        ],
      ],
    ),
    html`<p class="quiet">${certificate.statement}</p>`,
    ...(items === null || items.leastCertain.length === 0 ? [] : [leastCertainItems(items)]),
    ...alarms,
  ]);
}

function leastCertainItems({ leastCertain }: ItemsView): Markup {
  const named = leastCertain.map(
    ({ index, certainty }) => `${showCount(index)} (wrong with ${showChance(1 - certainty)})`,
  );
  return html`<p>Least certain items: ${named.join(', ')}.</p>`;
}

function outcome({ plan, planMissing, run, certificate }: Report): Markup {
  if (plan === null) {
    return section('Plan and outcome', [html`<p>No plan: ${planMissing}</p>`]);
  }
  const { steps, samples, votes, flagged, costUsd, votesPerStep } = run;
  // For an unfinished run this is the plan for the steps taken so far.
  const share = Math.min(1, steps / plan.steps);
  const soFar = share < 1 ? ` for ${plural(steps, 'step')}` : '';
  const rule = plan.margin === null ? `the rule ${plan.rule}` : `${plan.rule} with k = ${plan.margin}`;
  const source = plan.source === 'calibration' ? 'a calibration' : 'given rates';
  return section('Plan and outcome', [
    html`<p>Planned by ${rule} from ${source}, for ${plural(plan.steps, 'step')} and a target of ${showShare(plan.target)}.</p>`,
    table(
      'figures',
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
          share < 1 ? 'probability that none is wrong: of the whole, so far' : 'probability that none is wrong',
          showShare(plan.success),
          certificate === null || certificate.chanceOfNone === null ? 'not known' : showShare(certificate.chanceOfNone),
        ],
      ],
    ),
  ]);
}

/** Shows the SVG as an image, so that it cannot run scripts or load anything. */
function lastState({ picture, run }: Report): Markup | '' {
  if (picture === null) return '';
  const isOver = run.status === 'done' || run.status === 'stopped';
  const title = isOver ? 'The last state' : `The state before step ${showCount(picture.stepIndex)}`;
  const data = Buffer.from(picture.svg, 'utf8').toString('base64');
  return section(title, [html`<img class="state" alt="${title}" src="data:image/svg+xml;base64,${data}">`]);
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
  { inspect }: RunCommands,
): Markup {
  const votes =
    decision === null ? [] : decision.tally === null ? [decision.votes] : decision.tally.map((one) => one.votes);
  const flagged = decision === null ? 0 : flagTotal(decision.flags);
  const facts = [
    decision === null
      ? `not decided, ${plural(samples.length + moreSamples, 'sample')} so far`
      : `votes ${votes.join(' : ')}`,
    ...(wrong === null ? [] : [`wrong with ${showChance(wrong)}`]),
    ...(decision?.settledBy == null ? [] : [`settled by ${decision.settledBy}`]),
    ...(flagged > 0 ? [plural(flagged, 'red flag')] : []),
  ];
  const candidates = decision?.tally ?? [];
  const isOneModel = samples.every(({ model }) => model === samples[0]!.model);
  return html`<details>
<summary><b>Step ${showCount(stepIndex)}</b> ${facts.join(', ')}${decision?.isWrong ? html` <span class="status stopped">wrong</span>` : ''}</summary>
${decision === null ? '' : html`<p>Decided:</p>${code(typeof decision.action === 'string' && decision.isActionCut ? decision.action : JSON.stringify(decision.action), MAX_JSON_CHARS)}`}
${
  candidates.length > 1
    ? table(
        'texts',
        ['candidate', 'votes'],
        candidates.map(({ candidate, votes }) => [cut(candidate, MAX_KEY_CHARS), String(votes)]),
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
  const { draw, model, variant, temperature, text, textBytes, isTextCut, candidate, flag, kind, judged, race } = sample;
  const verdict =
    flag !== null
      ? html`<span class="verdict flag">red flag ${flag.code}</span> ${cut(flag.detail, MAX_KEY_CHARS)}`
      : kind === 'judgement'
        ? html`<span class="verdict">opinion</span> ${candidate ?? ''} to ${cut(judged ?? '', MAX_KEY_CHARS)}`
        : html`<span class="verdict ${winner === null || candidate === winner ? 'for' : 'against'}">votes</span> ${cut(candidate ?? '', MAX_KEY_CHARS)}`;
  const after = race === null ? '' : ` – ${race.leaderVotes} : ${race.runnerUpVotes}`;
  const shown = text.length > MAX_TEXT_CHARS || isTextCut;
  return html`<div class="sample"><p>${verdict}<span class="quiet">${after}</span></p>
<p class="quiet">draw ${draw}${isOneModel ? '' : `, ${model}`}, ${variant}, temperature ${temperature ?? 'none'}${sample.outputTokens === null ? '' : `, ${plural(sample.outputTokens, 'token')}`}, ${showDuration(sample.latencyMs)}</p>
<pre>${shown ? text.slice(0, MAX_TEXT_CHARS).toWellFormed() : text}</pre>${shown ? html`<p class="quiet">cut: the whole text has ${showCount(textBytes)} bytes</p>` : ''}</div>`;
}

function whatRan({ run, processSource, input, settings, versions }: Report): Markup {
  const rows = Object.entries(settings ?? {}).map(([name, value]) => [
    name,
    cut(typeof value === 'string' ? value : JSON.stringify(value), MAX_KEY_CHARS),
  ]);
  return section('What ran', [
    html`<p>Process ${run.process}, version ${versions.process}, ${processSource === null ? 'given in code' : `from ${processSource}`}. Input:</p>`,
    code(JSON.stringify(input), MAX_JSON_CHARS),
    html`<p>Settings; all others have their defaults:</p>`,
    table('texts', ['setting', 'value'], rows),
  ]);
}

function notes({ notes: shown }: Report): Markup | '' {
  if (shown.length === 0) return '';
  const alike = Map.groupBy(
    shown,
    ({ code, detail }) => `${code}: ${gistOf(detail).message ?? JSON.stringify(detail)}`,
  );
  return section('Notes', [
    table(
      'texts',
      ['first at (UTC)', 'what', ''],
      [...alike.values()].map((group) => {
        const [{ atMs, code, detail }] = group as [NoteView];
        const { message } = gistOf(detail);
        const text = message !== undefined ? `${stepsOf(group)}: ${withFlags(message)}` : JSON.stringify(detail);
        return [showTime(atMs).replace(' UTC', ''), code, cut(text, 300)];
      }),
    ),
  ]);
}

const MAX_STEPS_NAMED = 5;

function stepsOf(alike: readonly NoteView[]): string {
  const steps = alike.map(({ detail }) => gistOf(detail).stepIndex);
  const named = steps.slice(0, MAX_STEPS_NAMED).join(', ');
  const more = steps.length - MAX_STEPS_NAMED;
  return `${steps.length === 1 ? 'step' : 'steps'} ${named}${more > 0 ? ` and ${showCount(more)} more` : ''}`;
}

function reproduce({ versions, commands, processSource, items }: Report): Markup {
  const { again, inspect, replay, resume } = commands;
  const rows = [
    ['look closer', inspect],
    ['decide its samples again, by another rule', replay],
    ['resume', resume],
    ['run it again', again],
  ].filter((row): row is [string, string] => row[1] !== null);
  return section('Versions and commands', [
    html`<p>mdap ${versions.mdap}, Node.js ${versions.node}, process ${versions.process}.</p>`,
    processSource === null && items === null
      ? html`<p>The process was given in code, and only that code can run or replay it.</p>`
      : html``,
    html`<dl class="commands">${rows.map(([what, command]) => html`<dt>${what}</dt><dd><pre>${command}</pre></dd>`)}</dl>`,
  ]);
}
