import { useEffect, useState } from 'preact/hooks';
import type { RunList, RunSummary } from '../../src/inspection/api.ts';
import { answerTo, api } from './client.ts';
import { follow } from './events.ts';
import { count, digits, duration, percent, short, usd, when } from './format.ts';
import { Badge, Progress, Waiting } from './parts.tsx';
import { paths } from './router.ts';

const RUNS_AT_FIRST = 50;

/** Lists all runs of the journal, the newest first. */
export function RunsPage() {
  const [runs, setRuns] = useState<readonly RunSummary[]>();
  const [shown, setShown] = useState(RUNS_AT_FIRST);
  useEffect(() => {
    document.title = 'Runs – mdap';
    return follow<RunList>({
      path: '/events',
      event: 'runs',
      onEvent: (list) => setRuns(list.runs),
      poll: () => answerTo(api.runs.$get()),
    });
  }, []);
  return (
    <>
      <h1>Runs</h1>
      {runs === undefined ? <Waiting /> : runs.length === 0 ? <NoRuns /> : <Table runs={runs.slice(0, shown)} />}
      {runs !== undefined && runs.length > shown && (
        <button type="button" onClick={() => setShown(shown + RUNS_AT_FIRST)}>
          Show more of {count(runs.length)} runs
        </button>
      )}
    </>
  );
}

function NoRuns() {
  return (
    <p class="notice">
      This journal has no runs yet. <code>mdap run hanoi --input '{'{"disks": 10}'}' --model simulated</code> starts
      one; it shows here as it goes on.
    </p>
  );
}

function Table({ runs }: { runs: readonly RunSummary[] }) {
  return (
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Run</th>
          <th scope="col">Status</th>
          <th scope="col">Progress</th>
          <th scope="col">Steps/s</th>
          <th scope="col">Votes/step</th>
          <th scope="col">Flags</th>
          <th scope="col">Cost</th>
          <th scope="col">Left</th>
          <th scope="col">None wrong</th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <tr key={run.runId}>
            <th scope="row">
              <a href={paths.run(run.runId)}>{run.runId}</a>
              <small>
                {run.process}, {run.model || 'no model named'}
              </small>
              <small>{when(run.createdAtMs)}</small>
            </th>
            <td data-name="Status">
              <Badge status={run.status} />
              {run.reason !== null && <small class="reason">{run.reason}</small>}
            </td>
            <td data-name="Progress">
              <Progress steps={run.steps} totalSteps={run.totalSteps} />
            </td>
            <td data-name="Steps/s">{short(run.stepsPerSecond)}</td>
            <td data-name="Votes/step">{digits(run.votesPerStep, 4)}</td>
            <td data-name="Flags">{count(run.flagged)}</td>
            <td data-name="Cost">{usd(run.costUsd)}</td>
            <td data-name="Left">{duration(run.remainingMs)}</td>
            <td data-name="None wrong">
              <Certainty run={run} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Certainty({ run: { certificate } }: { run: RunSummary }) {
  if (certificate === null) return <>–</>;
  return (
    <>
      {percent(certificate.chanceOfNone)}
      <small>at least {percent(certificate.chanceOfNoneLow)}</small>
    </>
  );
}
