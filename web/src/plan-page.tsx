import { useEffect, useState } from 'preact/hooks';
import type { CalibrationView, PlanAnswer, PlanCurvePoint } from '../../src/inspection/api.ts';
import { Chart, type Mark } from './chart.tsx';
import { answerTo, api } from './client.ts';
import { count, digits, percent, short, usd } from './format.ts';
import { Card, Figures, Problem, Waiting } from './parts.tsx';
import { chosenInAddress, NAMES, nines, SLIDERS, Slide } from './plan-sliders.tsx';
import { useAnswer } from './use-answer.ts';

/** Shows plans from chosen figures. */
export function PlanPage() {
  const [chosen, setChosen] = useState(chosenInAddress);
  const [laid, setLaid] = useState<{ calibration: CalibrationView; voter: number }>();
  useEffect(() => {
    document.title = 'Plan – mdap';
  }, []);
  useEffect(() => {
    const query = new URLSearchParams(NAMES.map((name) => [name, String(chosen[name])]));
    const timer = setTimeout(() => history.replaceState(null, '', `?${query}`), 200);
    return () => clearTimeout(timer);
  }, [chosen]);
  const { data, error } = useAnswer(
    async (signal) => {
      const { k, m, rho, ...rest } = chosen;
      const query = { ...rest, rho, ...(k > 0 ? { k } : {}), ...(rho > 0 ? {} : { m }) };
      const texts = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));
      const { steps, p } = chosen;
      return answerTo(api.plan.$get({ query: { ...texts, steps: String(steps), p: String(p) } }, { init: { signal } }));
    },
    ['plan', JSON.stringify(chosen)],
    { pauseMs: 100 },
  );
  return (
    <>
      <h1>Plan</h1>
      <div class="plan">
        <form class="card sliders" onSubmit={(event) => event.preventDefault()}>
          <Calibrations
            onChosen={(calibration, voter) => {
              setLaid({ calibration, voter });
              const own = calibration.classes[voter]!;
              setChosen({
                ...chosen,
                steps: calibration.runSteps ?? chosen.steps,
                p: within(own.p.estimate),
                v: own.v.estimate,
                rho: own.rho.estimate ?? 0,
                sampleCostUsd: own.costUsd || chosen.sampleCostUsd,
              });
            }}
          />
          {SLIDERS.map((slider) => (
            <Slide
              key={slider.name}
              slider={slider}
              value={chosen[slider.name]}
              isDisabled={slider.name === 'm' && chosen.rho > 0}
              onValue={(value) => setChosen({ ...chosen, [slider.name]: value })}
            />
          ))}
        </form>
        <div class="grid">
          {error && <Problem error={error} />}
          {data === undefined ? error === undefined && <Waiting /> : <Answered plan={data} laid={laid} />}
        </div>
      </div>
    </>
  );
}

const within = (p: number) => Math.min(0.999_99, Math.max(0.51, p));

function Calibrations({ onChosen }: { onChosen: (calibration: CalibrationView, voter: number) => void }) {
  const { data, error } = useAnswer((signal) => answerTo(api.calibrations.$get({}, { init: { signal } })), ['all']);
  if (error) return <Problem error={error} />;
  const calibrations: readonly CalibrationView[] = data?.calibrations ?? [];
  if (calibrations.length === 0) {
    return (
      <p class="note">
        <code>mdap calibrate</code> measures p, v and rho; its files beside the journal can be shown here.
      </p>
    );
  }
  return (
    <label class="pick">
      From a calibration
      <select
        onChange={({ currentTarget }) => {
          const [file, voter] = currentTarget.value.split('/').map(Number);
          if (currentTarget.value !== '') onChosen(calibrations[file!]!, voter!);
        }}
      >
        <option value="">choose …</option>
        {calibrations.flatMap(({ file, process, classes }, index) =>
          classes.map(({ model, variant }, voter) => (
            <option key={`${file}${voter}`} value={`${index}/${voter}`}>
              {process}, {model}, {variant}
            </option>
          )),
        )}
      </select>
    </label>
  );
}

interface Laid {
  readonly calibration: CalibrationView;
  readonly voter: number;
}

function Answered({ plan, laid }: { plan: PlanAnswer; laid: Laid | undefined }) {
  const { plan: point, margin, cannot, byMargin, byP, bySteps, byM, undecidedAfter } = plan;
  const own = laid?.calibration.classes[laid.voter];
  const pMarks: Mark[] =
    own === undefined
      ? [{ at: nines(plan.p), label: `p ${digits(plan.p, 5)}` }]
      : [
          { at: nines(Math.min(own.p.low, 0.999_99)), label: 'low' },
          { at: nines(within(own.p.estimate)), label: own.model },
          { at: nines(Math.min(own.p.high, 0.999_99)), label: 'high' },
        ];
  return (
    <>
      <Card title="What to expect" place="wide">
        {cannot !== null && <p class="notice bad">{cannot}</p>}
        {point !== null && (
          <Figures
            of={[
              ['Margin k', String(point.k), margin === null || margin === point.k ? null : `the smallest is ${margin}`],
              ['None wrong', percent(point.success), `wanted: ${percent(plan.target)}`],
              ['Votes/step', digits(point.votesPerStep, 4)],
              ['Samples', short(point.samples), count(Math.round(point.samples))],
              ['Cost', usd(point.costUsd)],
              ['Best possible', percent(plan.ceiling), 'at any margin'],
            ]}
          />
        )}
      </Card>
      <Card title="By margin">
        <Chart
          title="Chance of no wrong decision"
          x={{ label: 'k', format: String, values: byMargin.map(({ k }) => k), isWhole: true }}
          y={{ label: 'none wrong', format: percent, range: [0, 1.02] }}
          right={{ label: 'US dollars', format: dollars }}
          series={[
            { label: 'none wrong', kind: 'line', color: 0, values: byMargin.map(({ success }) => success) },
            { label: 'cost', kind: 'line', color: 1, isRight: true, values: byMargin.map(({ costUsd }) => costUsd) },
          ]}
          marks={point === null ? [] : [{ at: point.k, label: `k = ${point.k}` }]}
        />
      </Card>
      <Card title="By length of the run">
        <CurveChart
          title="Margin and cost for the target"
          label="steps"
          places={bySteps.map(({ steps }) => steps)}
          curve={bySteps}
          format={short}
          isLog
        />
      </Card>
      <Card title="By success rate of a vote">
        <Chart
          title="Margin and cost for the target"
          note={own === undefined ? null : `Marked: ${own.model}, with the interval of its calibration.`}
          x={{ label: 'p', format: (place) => digits(1 - 10 ** -place, 5), values: byP.map(({ p }) => nines(p)) }}
          y={{ label: 'k', format: String, isWhole: true }}
          right={{ label: 'US dollars', format: dollars, isLog: true }}
          series={marginAndCost(byP)}
          marks={pMarks}
        />
      </Card>
      <Card title="At this margin">
        <Chart
          title="Chance of no wrong decision by length"
          x={{ label: 'steps', format: short, values: bySteps.map(({ steps }) => steps), isLog: true }}
          y={{ label: 'none wrong', format: percent, range: [0, 1.02] }}
          series={[
            {
              label: `at k = ${point?.k ?? '–'}`,
              kind: 'line',
              color: 2,
              values: bySteps.map(({ successAtPlan }) => successAtPlan),
            },
          ]}
          marks={[{ at: plan.steps, label: 's' }]}
        />
      </Card>
      {byM.length > 0 && (
        <Card title="By steps per subtask">
          <CurveChart
            title="Margin and cost for the target"
            label="steps per subtask"
            places={byM.map(({ m }) => m)}
            curve={byM}
            format={String}
            isLog
          />
        </Card>
      )}
      <Card title="Rounds of voting">
        <Chart
          title="Share of steps still undecided"
          x={{ label: 'votes', format: String, values: undecidedAfter.map((_, votes) => votes), isWhole: true }}
          y={{ label: 'share', format: shareOf, isLog: true }}
          series={[{ label: 'undecided', kind: 'line', color: 3, values: undecidedAfter }]}
        />
      </Card>
    </>
  );
}

const dollars = (value: number) => `$${short(value)}`;
const shareOf = (value: number) => (value >= 0.01 ? percent(value) : value.toExponential(0));

type Curve = readonly Pick<PlanCurvePoint<'p'>, 'margin' | 'costUsd'>[];

function marginAndCost(curve: Curve) {
  return [
    { label: 'margin k', kind: 'line' as const, color: 0 as const, values: curve.map(({ margin }) => margin) },
    {
      label: 'cost',
      kind: 'line' as const,
      color: 1 as const,
      isRight: true,
      values: curve.map(({ costUsd }) => costUsd),
    },
  ];
}

interface CurveChartProps {
  readonly title: string;
  readonly label: string;
  readonly places: readonly number[];
  readonly curve: Curve;
  readonly format: (value: number) => string;
  readonly isLog?: boolean;
}

function CurveChart({ title, label, places, curve, format, isLog }: CurveChartProps) {
  return (
    <Chart
      title={title}
      x={{ label, format, values: places, isLog }}
      y={{ label: 'k', format: String, isWhole: true }}
      right={{ label: 'US dollars', format: dollars, isLog: true }}
      series={marginAndCost(curve)}
    />
  );
}
