import { useEffect, useMemo, useState } from 'preact/hooks';
import type { NoteView, OpenStep, RunDetail, RunProgress, RunSummary } from '../../src/inspection/api.ts';
import { answerTo, api } from './client.ts';
import { follow } from './events.ts';
import { count, digits, duration, percent, short, usd, when } from './format.ts';
import { Badge, Card, Command, Figures, Problem, Progress, Waiting } from './parts.tsx';
import { paths } from './router.ts';
import { pauseOf, RunCharts } from './run-charts.tsx';
import { States } from './states.tsx';
import { StepList } from './step-list.tsx';
import { useAgainWhile, useAnswer } from './use-answer.ts';

interface Now {
  readonly run: RunSummary;
  readonly openStep: OpenStep | null;
  readonly stepsPerSecond: number | null;
  /** Notes seen since the page was opened. */
  readonly notes: number;
}

/** Shows one run, and follows it while it continues. */
export function RunPage({ runId, isSteps }: { runId: string; isSteps: boolean }) {
  const [now, setNow] = useState<Now>();
  useEffect(() => {
    document.title = `${runId} – mdap`;
    const ask = () => answerTo(api.runs[':run'].$get({ param: { run: encodeURIComponent(runId) } }));
    return follow<Pick<RunProgress, 'run' | 'openStep' | 'stepsPerSecond' | 'notes'>>({
      path: `/events/${encodeURIComponent(runId)}`,
      event: 'progress',
      onEvent: ({ run, openStep, stepsPerSecond, notes }) =>
        setNow((before) => ({ run, openStep, stepsPerSecond, notes: (before?.notes ?? 0) + notes.length })),
      poll: async () => {
        const { run, openStep } = await ask();
        return { run, openStep, stepsPerSecond: null, notes: [] };
      },
    });
  }, [runId]);
  const answer = useAnswer(
    (signal) => answerTo(api.runs[':run'].$get({ param: { run: encodeURIComponent(runId) } }, { init: { signal } })),
    [runId, now?.run.steps, now?.run.status, now?.notes],
    { pauseMs: pauseOf(now?.run) },
  );
  const { data, error, again } = answer;
  useAgainWhile(data?.isPlanPending ?? false, answer);
  const run = now?.run ?? data?.run;
  if (run === undefined) return error ? <Problem error={error} again={again} /> : <Waiting />;
  const openStep = now === undefined ? (data?.openStep ?? null) : now.openStep;
  return (
    <>
      <Heading run={run} />
      {error && <Problem error={error} again={again} />}
      {run.reason !== null && <p class="notice">{run.reason}</p>}
      {openStep?.isDecidable && run.status !== 'running' && (
        <p class="notice act">
          Step {count(openStep.stepIndex)} waits, with {count(openStep.samples)} samples.{' '}
          <a class="button" href={paths.step(runId, openStep.stepIndex)}>
            Look at it and decide
          </a>
        </p>
      )}
      <KeyFigures run={run} recentStepsPerSecond={now?.stepsPerSecond ?? null} />
      <nav class="tabs" aria-label="Parts of the run">
        <a href={paths.run(runId)} aria-current={isSteps ? undefined : 'page'}>
          Overview
        </a>
        <a href={paths.steps(runId)} aria-current={isSteps ? 'page' : undefined}>
          Steps
        </a>
        {openStep !== null && <a href={paths.step(runId, openStep.stepIndex)}>Open step</a>}
      </nav>
      {isSteps ? (
        <StepList runId={runId} steps={run.steps} hasReference={run.wrongSteps !== null} />
      ) : data === undefined ? (
        <Waiting />
      ) : (
        <Overview detail={data} run={run} />
      )}
    </>
  );
}

function Heading({ run }: { run: RunSummary }) {
  return (
    <header class="heading">
      <h1>
        {run.runId} <Badge status={run.status} />
      </h1>
      <p>
        {run.process}, {run.model || 'no model named'}; started {when(run.createdAtMs)}, written {when(run.updatedAtMs)}
      </p>
      <Progress steps={run.steps} totalSteps={run.totalSteps} />
    </header>
  );
}

function KeyFigures({ run, recentStepsPerSecond }: { run: RunSummary; recentStepsPerSecond: number | null }) {
  const isRunning = run.status === 'running';
  const recently = isRunning && recentStepsPerSecond !== null ? `${short(recentStepsPerSecond)} now` : null;
  return (
    <Figures
      of={[
        ['Steps', count(run.steps)],
        ['Steps/s', short(run.stepsPerSecond), recently],
        ['Votes/step', digits(run.votesPerStep, 4)],
        ['Samples', count(run.samples)],
        ['Votes', count(run.votes)],
        ['Contested', count(run.contestedSteps), run.steps > 0 ? percent(run.contestedSteps / run.steps) : null],
        ['Flagged', count(run.flagged), run.samples > 0 ? `${percent(run.flagged / run.samples)} of samples` : null],
        run.wrongSteps === null ? null : ['Wrong', count(run.wrongSteps), 'against the reference'],
        ['Cost', usd(run.costUsd)],
        ['Tokens', ...tokensOf(run)],
        // The time is known from the first checkpoint on.
        ['Time', duration(run.activeMs || null)],
        isRunning ? ['Left', duration(run.remainingMs)] : null,
      ]}
    />
  );
}

/** Returns the number of all tokens, with those of special kinds as a note; a dash if the server counts none. */
function tokensOf({ tokens }: RunSummary): [value: string, note: string | null] {
  const { input, output, cachedInput = 0, reasoning = 0 } = tokens;
  if (input === null && output === null) return ['–', 'not counted by the server'];
  const parts = [`${short(output ?? 0)} of them output`];
  if (reasoning > 0) parts.push(`${short(reasoning)} reasoning`);
  if (cachedInput > 0) parts.push(`${short(cachedInput)} cached`);
  return [short((input ?? 0) + (output ?? 0)), parts.join(', ')];
}

function Overview({ detail, run }: { detail: RunDetail; run: RunSummary }) {
  // The cards are redrawn with each answer, not with each event.
  const certificate = useMemo(() => <Certificate detail={detail} />, [detail]);
  const rest = useMemo(
    () => (
      <>
        <Notes detail={detail} />
        <About detail={detail} />
      </>
    ),
    [detail],
  );
  return (
    <div class="grid">
      {certificate}
      <Plan detail={detail} run={run} />
      {(detail.hasPicture || detail.hasOutline) && (
        <States
          runId={run.runId}
          steps={run.steps}
          isOver={run.status === 'done' || run.status === 'stopped'}
          isTree={detail.hasOutline}
        />
      )}
      <RunCharts detail={detail} run={run} />
      {rest}
    </div>
  );
}

function Certificate({ detail: { certificate, run } }: { detail: RunDetail }) {
  if (certificate === null) {
    return (
      <Card title="Certificate">
        <p class="empty">
          {run.steps === 0
            ? 'No step is decided yet.'
            : 'None: no step has more than one vote, so nothing is known of errors.'}
        </p>
      </Card>
    );
  }
  const { expectedWrong, expectedWrongHigh, chanceOfNone, chanceOfNoneLow, p, rho, leastCertain } = certificate;
  return (
    <Card title="Certificate">
      <p>{certificate.statement}</p>
      <Figures
        of={[
          ['None wrong', percent(chanceOfNone), `at least ${percent(chanceOfNoneLow)}`],
          ['Wrong steps', digits(expectedWrong), `at most ${digits(expectedWrongHigh)}`],
          ['p', digits(p.estimate, 4), `${digits(p.low, 4)} to ${digits(p.high, 4)}`],
          ['rho', digits(rho.estimate), `${digits(rho.low)} to ${digits(rho.high)}`],
        ]}
      />
      {leastCertain.length > 0 && (
        <>
          <h3>Least certain steps</h3>
          <ul class="least">
            {leastCertain.map(({ stepIndex, votes, wrong }) => (
              <li key={stepIndex}>
                <a href={paths.step(run.runId, stepIndex)}>{count(stepIndex)}</a>
                <span>{votes.join(' : ')}</span>
                <span>wrong {percent(wrong)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

function Plan({ detail, run }: { detail: RunDetail; run: RunSummary }) {
  const { plan, planMissing, drift } = detail;
  const rows = plan && [
    ['Votes/step', digits(plan.votesPerStep, 4), digits(run.votesPerStep, 4)],
    ['Votes/sample', percent(plan.v), run.samples > 0 ? percent(run.votes / run.samples) : '–'],
    ['p', digits(plan.p, 4), digits(detail.certificate?.p.estimate, 4)],
    ['None wrong', percent(plan.success), percent(detail.certificate?.chanceOfNone)],
    ['Samples', short(plan.samples), short(run.samples)],
    ['Cost', usd(plan.costUsd), usd(run.costUsd)],
  ];
  return (
    <Card title="Plan and outcome">
      {drift.map(({ what, atStep, events, steps }) => (
        <p key={what} class="notice bad">
          Drift: {count(events)} {what === 'dissent' ? 'dissenting first votes' : 'flagged first samples'} in the{' '}
          {count(steps)} steps before <a href={paths.step(run.runId, atStep)}>step {count(atStep)}</a>, more than the
          calibration allows for.
        </p>
      ))}
      {rows === null ? (
        <p class="empty">{planMissing}</p>
      ) : (
        <>
          <p>
            From {plan?.source === 'calibration' ? 'a calibration' : 'given rates'}, by {plan?.rule}
            {plan?.margin !== null && `, k = ${plan?.margin}`}, over {count(plan?.steps)} steps, for a target of{' '}
            {percent(plan?.target)}.
          </p>
          <table class="compare">
            <thead>
              <tr>
                <td />
                <th scope="col">Plan</th>
                <th scope="col">So far</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, planned, found]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{planned}</td>
                  <td>{found}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </Card>
  );
}

function Notes({ detail: { run, notes, settledBy, items, wasted } }: { detail: RunDetail }) {
  const settled = Object.entries(settledBy);
  return (
    <Card title="What happened">
      {items && (
        <p>
          {count(items.done)} items done, {count(items.undecided)} undecided, {count(items.invalid)} invalid.
        </p>
      )}
      {items && items.leastCertain.length > 0 && (
        <p>
          Least certain items:{' '}
          {items.leastCertain.map(({ index, certainty, firstStep }, place) => (
            <span key={index}>
              {place > 0 && ', '}
              <a href={paths.step(run.runId, firstStep)}>{count(index)}</a> (wrong {percent(1 - certainty)})
            </span>
          ))}
          .
        </p>
      )}
      {settled.length > 0 && (
        <p>Not settled by the first votes: {settled.map(([by, steps]) => `${count(steps)} by ${by}`).join(', ')}.</p>
      )}
      {wasted && wasted.samples + wasted.cancelled > 0 && (
        <p>
          Wasted by guesses: {count(wasted.samples)} samples, {count(wasted.cancelled)} calls ended early
          {wasted.costUsd !== null && `, ${usd(wasted.costUsd)}`}.
        </p>
      )}
      {notes.length === 0 ? (
        <p class="empty">No notes.</p>
      ) : (
        <ol class="notes">
          {notes.toReversed().map((note) => (
            <Note key={note.id} note={note} runId={run.runId} />
          ))}
        </ol>
      )}
    </Card>
  );
}

/** Shows a note by its message, or as JSON if it has none. */
function Note({ note: { atMs, code, detail }, runId }: { note: NoteView; runId: string }) {
  const { stepIndex, message, ...rest } = detail ?? {};
  return (
    <li title={JSON.stringify(detail)}>
      <time>{when(atMs)}</time> <b>{code}</b>{' '}
      {Number.isSafeInteger(stepIndex) && <a href={paths.step(runId, stepIndex)}>step {count(stepIndex)}</a>}{' '}
      <span>{typeof message === 'string' ? message : JSON.stringify(rest)}</span>
    </li>
  );
}

function About({ detail }: { detail: RunDetail }) {
  const { commands } = detail;
  return (
    <Card title="Settings and commands">
      <Command what="Look" text={commands.inspect} />
      {commands.resume !== null && <Command what="Resume" text={commands.resume} />}
      {commands.replay !== null && <Command what="Replay" text={commands.replay} />}
      {commands.again !== null && <Command what="Run again" text={commands.again} />}
      <p>
        {detail.run.process}, version {detail.processVersion}
        {detail.processSource !== detail.run.process && `, ${detail.processSource ?? 'given in code'}`}
      </p>
      <details>
        <summary>Input and settings</summary>
        <pre>{JSON.stringify({ input: detail.input, settings: detail.settings }, null, 2)}</pre>
      </details>
    </Card>
  );
}
