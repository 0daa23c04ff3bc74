import { useEffect, useState } from 'preact/hooks';
import type { CalibrationForecast, CalibrationView } from '../../src/inspection/api.ts';
import { Chart, type Series } from './chart.tsx';
import { answerTo, api } from './client.ts';
import { count, digits, duration, percent, short, usd } from './format.ts';
import { Problem, Waiting } from './parts.tsx';
import { useAnswer } from './use-answer.ts';

type Rule = CalibrationForecast['rules'][number];
/** A rule that reaches the target. */
type PossibleRule = Rule & { readonly outlook: NonNullable<Rule['outlook']> };

/** What one calibration predicts about a run. */
interface RunForecast {
  readonly calibration: CalibrationView;
  readonly forecast: CalibrationForecast | null;
  /** Why there is no forecast; null where there is one. */
  readonly problem: string | null;
}

/** Compares models by what a run with them would cost, from the calibrations beside the journal. */
export function ComparePage() {
  const [steps, setSteps] = useState('');
  const [target, setTarget] = useState('0.95');
  useEffect(() => {
    document.title = 'Compare – mdap';
  }, []);
  const { data: list, error } = useAnswer(
    (signal) => answerTo(api.calibrations.$get({}, { init: { signal } })),
    ['all'],
  );
  const predicted = useAnswer(
    async (signal) => {
      const query = { target, ...(steps === '' ? {} : { steps }) };
      if (list === undefined) return undefined;
      const found: RunForecast[] = [];
      for (const calibration of list.calibrations) {
        const param = { file: encodeURIComponent(calibration.file) };
        try {
          const asked = api.calibrations[':file'].forecast.$get({ param, query }, { init: { signal } });
          found.push({ calibration, forecast: await answerTo(asked), problem: null });
        } catch (thrown) {
          if (signal.aborted) throw thrown;
          found.push({ calibration, forecast: null, problem: (thrown as Error).message });
        }
      }
      return found;
    },
    [list, steps, target],
    { pauseMs: 200 },
  );
  return (
    <>
      <h1>Compare</h1>
      <p>
        Each calibration beside the journal predicts a run. <code>mdap compare</code> writes one for each model,{' '}
        <code>mdap calibrate</code> one at a time.
      </p>
      <form class="bar spaced" onSubmit={(event) => event.preventDefault()}>
        <label>
          Steps{' '}
          <input
            type="number"
            min="1"
            value={steps}
            placeholder="of the calibrated run"
            onInput={({ currentTarget }) => setSteps(currentTarget.value)}
          />
        </label>
        <label>
          Target{' '}
          <input
            type="number"
            min="0.01"
            max="0.9999"
            step="any"
            value={target}
            onInput={({ currentTarget }) => setTarget(currentTarget.value)}
          />
        </label>
      </form>
      {error && <Problem error={error} />}
      {list?.unreadable.map(({ file, message }) => (
        <p key={file} class="notice bad">
          {file}: {message}
        </p>
      ))}
      {list?.calibrations.length === 0 && <p class="empty">There is no calibration beside this journal.</p>}
      {predicted.data === undefined ? !error && <Waiting /> : <Comparison of={predicted.data} />}
    </>
  );
}

function Comparison({ of }: { of: readonly RunForecast[] }) {
  const points = of.flatMap(({ calibration, forecast }) => {
    const rule = cheapest(forecast?.rules ?? []);
    const [first] = calibration.classes;
    return rule === null || first === undefined ? [] : [{ model: first.model, p: first.p.estimate, rule }];
  });
  const isPriced = points.length > 0 && points.every(({ rule }) => rule.outlook.costUsd !== null);
  const price = ({ outlook }: PossibleRule) => (isPriced ? outlook.costUsd : outlook.samples);
  const sorted = points.toSorted((a, b) => a.p - b.p);
  const series = sorted.map(
    ({ model, rule }, index): Series => ({
      label: `${index + 1} ${cut(model)}`,
      kind: 'points',
      color: (index % 5) as Series['color'],
      values: sorted.map((_, at) => (at === index ? price(rule) : null)),
    }),
  );
  if (of.length === 0) return null;
  return (
    <>
      {series.length > 0 && (
        <section class="card">
          <Chart
            title={`${isPriced ? 'Cost' : 'Samples'} of the run against the success rate of a vote`}
            note="By the cheapest rule that reaches the target."
            x={{ label: 'p', format: (value) => digits(value, 5), values: sorted.map(({ p }) => p) }}
            y={{ label: isPriced ? 'US dollars' : 'samples', format: isPriced ? usd : short }}
            series={series}
          />
        </section>
      )}
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">p</th>
            <th scope="col">v</th>
            <th scope="col">rho</th>
            <th scope="col">Rule</th>
            <th scope="col">None wrong</th>
            <th scope="col">Votes/step</th>
            <th scope="col">Samples</th>
            <th scope="col">Cost</th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
            <Row key={one.calibration.file} {...one} />
          ))}
        </tbody>
      </table>
    </>
  );
}

const cut = (model: string) => (model.length > 48 ? `${model.slice(0, 47)}…` : model);

function Row({ calibration, forecast, problem }: RunForecast) {
  const [first] = calibration.classes;
  const rule = cheapest(forecast?.rules ?? []);
  const { outlook } = rule ?? {};
  const range = outlook?.range;
  const why = problem ?? forecast?.rules.find(({ cannot }) => cannot !== null)?.cannot;
  return (
    <tr>
      <th scope="row">
        {calibration.classes
          .map(({ model }) => model)
          .filter((model, index, all) => all.indexOf(model) === index)
          .join(', ')}
        <small>
          {calibration.process}, {count(calibration.sampledSteps)} steps sampled, {calibration.file}
        </small>
        {forecast?.doubts.map((doubt) => (
          <small key={doubt} class="reason">
            {doubt}
          </small>
        ))}
      </th>
      <td data-name="p">
        {digits(first?.p.estimate, 4)}
        <small>
          {digits(first?.p.low, 4)} to {digits(first?.p.high, 4)}
        </small>
      </td>
      <td data-name="v">{digits(first?.v.estimate, 4)}</td>
      <td data-name="rho">{digits(first?.rho.estimate)}</td>
      <td data-name="Rule">
        {rule === null ? <small class="reason">{why ?? 'none reaches the target'}</small> : rule.rule}
        {rule?.margin != null && <small>k = {rule.margin}</small>}
      </td>
      <td data-name="None wrong">
        {percent(outlook?.success)}
        {range && (
          <small>
            {percent(range.success.low)} to {percent(range.success.high)}
          </small>
        )}
      </td>
      <td data-name="Votes/step">{digits(outlook?.votesPerStep, 4)}</td>
      <td data-name="Samples">{short(outlook?.samples)}</td>
      <td data-name="Cost">
        {usd(outlook?.costUsd)}
        {range?.costUsd && (
          <small>
            {usd(range.costUsd.low)} to {usd(range.costUsd.high)}
          </small>
        )}
      </td>
      <td data-name="Time">{duration(outlook?.wallMs || null)}</td>
    </tr>
  );
}

function cheapest(rules: readonly Rule[]): PossibleRule | null {
  const possible = rules.filter((rule): rule is PossibleRule => rule.cannot === null && rule.outlook !== null);
  const price = ({ outlook }: PossibleRule) => outlook.costUsd ?? outlook.samples;
  return possible.toSorted((a, b) => price(a) - price(b))[0] ?? null;
}
