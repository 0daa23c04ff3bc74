import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Bucket, RunCharts as Charts, RunDetail, RunPlanView, RunSummary } from '../../src/inspection/api.ts';
import { Chart, type Series } from './chart.tsx';
import { answerTo, api } from './client.ts';
import { count, duration, percent, short, usd } from './format.ts';
import { Bars, Card, Problem, Waiting } from './parts.tsx';
import { useAnswer } from './use-answer.ts';

/** Milliseconds between two requests for figures that change all the time. */
const PAUSE_MS = 4_000;

/** Below this share of the steps, the charts say that some are missing. */
const MIN_COVERAGE = 0.95;

/** Returns the pause before the next request. Once a run has ended, its figures are requested once more, without a pause. */
export function pauseOf(run: RunSummary | undefined): number {
  return run?.status === 'running' ? PAUSE_MS : 0;
}

/** Shows charts over the steps of a run. */
export function RunCharts({ detail, run }: { detail: RunDetail; run: RunSummary }) {
  const param = { run: encodeURIComponent(run.runId) };
  const isBehind = useRef(false);
  const { data, error, again } = useAnswer(
    (signal) => answerTo(api.runs[':run'].charts.$get({ param }, { init: { signal } })),
    [run.runId, run.steps, run.status],
    { pauseMs: isBehind.current ? 0 : pauseOf(run) },
  );
  // While a run continues, some steps are always new.
  const leastCovered = run.status === 'running' ? MIN_COVERAGE : 1;
  isBehind.current = data !== undefined && data.coveredSteps < leastCovered * data.steps;
  useEffect(() => {
    if (isBehind.current) again();
  }, [data, again]);
  const { plan, drift, course } = detail;
  // The charts are redrawn with each answer, not with each event.
  const cards = useMemo(
    () => data && <Cards charts={data} plan={plan} drift={drift} course={course} />,
    [data, plan, drift, course],
  );
  if (data === undefined) return error ? <Problem error={error} again={again} /> : <Waiting />;
  return (
    <>
      {isBehind.current && (
        <p class="notice wide" role="status">
          {count(data.coveredSteps)} of {count(data.steps)} steps are read so far.
        </p>
      )}
      {cards}
    </>
  );
}

interface CardsProps extends Pick<RunDetail, 'plan' | 'drift' | 'course'> {
  readonly charts: Charts;
}

function Cards({ charts, plan, drift, course }: CardsProps) {
  return (
    <>
      <Card title="Progress">
        <ProgressChart course={course} />
      </Card>
      <Card title="Votes per step">
        <VotesChart charts={charts} plan={plan} />
      </Card>
      <Card title="Undecided steps">
        <UndecidedChart charts={charts} plan={plan} />
      </Card>
      <Card title="Dissent and flags">
        <DissentChart charts={charts} plan={plan} drift={drift} />
      </Card>
      <Card title="Flags by code">
        {charts.flags.length === 0 ? (
          <p class="empty">No sample was flagged.</p>
        ) : (
          <Bars of={charts.flags.map(({ code, samples }) => ({ name: code, value: samples }))} unit="samples" />
        )}
      </Card>
      <Card title="Cost and tokens">
        <CostChart buckets={charts.buckets} />
      </Card>
    </>
  );
}

/** Each bucket is drawn at its end. */
function stepAxis(buckets: readonly Bucket[]) {
  const values = buckets.map(({ toStep }) => toStep);
  return { label: 'step', format: short, values, range: [0, values.at(-1) ?? 1] as const };
}

function ProgressChart({ course }: Pick<RunDetail, 'course'>) {
  return (
    <Chart
      title="Steps over execution time"
      note={
        course.length < 2
          ? 'Progress is recorded at checkpoints, every 1,000 steps or 5 seconds; there is none yet.'
          : null
      }
      x={{ label: 'time', format: duration, values: course.map(([activeMs]) => activeMs) }}
      y={{ label: 'steps', format: short }}
      series={[{ label: 'steps', kind: 'line', color: 0, values: course.map(([, steps]) => steps) }]}
    />
  );
}

/** A point for fewer steps than this would say nothing. */
const MIN_EXPECTED = 0.5;

function VotesChart({ charts, plan }: { charts: Charts; plan: RunPlanView | null }) {
  const most = Math.max(0, ...charts.votesPerStep.map(({ votes }) => votes));
  const votes = Array.from({ length: most }, (_, index) => index + 1);
  const found = new Map(charts.votesPerStep.map((bar) => [bar.votes, bar.steps]));
  const measured: Series = {
    label: 'steps',
    kind: 'bars',
    color: 0,
    values: votes.map((number) => found.get(number) ?? 0),
  };
  const planned = votes.map((number) => {
    const share = (plan?.undecidedAfter[number - 1] ?? 0) - (plan?.undecidedAfter[number] ?? 0);
    const steps = share * charts.coveredSteps;
    return steps < MIN_EXPECTED ? null : steps;
  });
  const isPlanned = plan !== null && plan.undecidedAfter.length > 0;
  return (
    <Chart
      title="Steps by the votes that they took"
      note={isPlanned ? null : 'There is no plan to compare with.'}
      x={{ label: 'votes', format: String, values: votes, isWhole: true }}
      y={{ label: 'steps', format: short, isWhole: true }}
      series={isPlanned ? [measured, { label: 'plan', kind: 'points', color: 1, values: planned }] : [measured]}
    />
  );
}

function UndecidedChart({ charts, plan }: { charts: Charts; plan: RunPlanView | null }) {
  const { undecidedAfter, coveredSteps } = charts;
  const rounds = undecidedAfter.map((_, votes) => votes);
  const planned = rounds.map((votes) => {
    const share = plan?.undecidedAfter[votes];
    return share === undefined ? null : share * coveredSteps;
  });
  const isPlanned = plan !== null && plan.undecidedAfter.length > 0;
  const measured: Series = { label: 'undecided', kind: 'line', color: 0, values: undecidedAfter };
  return (
    <Chart
      title="Steps still undecided, by number of votes"
      x={{ label: 'votes', format: String, values: charts.coveredSteps === 0 ? [] : rounds, isWhole: true }}
      y={{ label: 'steps', format: short, isLog: true }}
      series={
        isPlanned ? [measured, { label: 'plan', kind: 'line', color: 1, isDashed: true, values: planned }] : [measured]
      }
    />
  );
}

function DissentChart({ charts, plan, drift }: Omit<CardsProps, 'course'>) {
  const { stretches, coveredSteps } = charts;
  // Without dissent, ahead-by-k takes exactly k votes.
  const expected = plan?.rule === 'ahead-by-k' && plan.margin !== null ? plan.undecidedAfter[plan.margin] : undefined;
  return (
    <Chart
      title="Shares along the run"
      note={drift.length === 0 ? 'No drift alarm.' : null}
      x={{ label: 'step', format: short, values: stretches.map(({ atStep }) => atStep), range: [0, coveredSteps] }}
      y={{ label: 'share', format: percent }}
      series={[
        { label: 'contested steps', kind: 'line', color: 0, values: stretches.map(({ contested }) => contested) },
        { label: 'flagged samples', kind: 'line', color: 1, values: stretches.map(({ flagged }) => flagged) },
        ...(expected === undefined
          ? []
          : [
              {
                label: 'contested by plan',
                kind: 'line' as const,
                color: 4 as const,
                isDashed: true,
                values: stretches.map(() => expected),
              },
            ]),
      ]}
      marks={drift.map(({ what, atStep }) => ({ at: atStep, label: `drift: ${what}`, isAlarm: true }))}
    />
  );
}

function CostChart({ buckets }: { buckets: readonly Bucket[] }) {
  const tokens = runningSum(buckets.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens));
  const isPriced = buckets.every(({ costUsd }) => costUsd !== null) && buckets.some(({ costUsd }) => costUsd !== 0);
  const counted: Series = { label: 'tokens', kind: 'line', color: 0, values: tokens };
  const x = stepAxis(buckets);
  const y = { label: 'tokens', format: short };
  const title = 'Sums over the steps';
  if (!isPriced) {
    const note = 'No price is known: `--price IN,OUT` gives one.';
    return <Chart title={title} note={note} x={x} y={y} series={[counted]} />;
  }
  const costs = runningSum(buckets.map(({ costUsd }) => costUsd ?? 0));
  const priced: Series = { label: 'cost', kind: 'line', color: 1, isRight: true, isDashed: true, values: costs };
  const right = { label: 'US dollars', format: (value: number) => (value === 0 ? '0' : usd(value)) };
  return <Chart title={title} x={x} y={y} right={right} series={[counted, priced]} />;
}

function runningSum(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}
