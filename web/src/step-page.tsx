import { useEffect, useState } from 'preact/hooks';
import type { DecideAnswer, RunProgress, StepContext, StepDetail } from '../../src/inspection/api.ts';
import { Chart, type Series } from './chart.tsx';
import { answerTo, api } from './client.ts';
import { Decided, DecideForm } from './decide-form.tsx';
import { follow } from './events.ts';
import { count, duration, inline, usd } from './format.ts';
import { Card, Figures, Problem, Waiting } from './parts.tsx';
import { Picture, pictureOf } from './picture.tsx';
import { go, paths } from './router.ts';
import { Samples } from './samples.tsx';
import { tallyText } from './step-list.tsx';
import { useAgainWhile, useAnswer } from './use-answer.ts';

const PAUSE_MS = 1_000;

/** Shows one step with all that is known about it. */
export function StepPage({ runId, stepIndex }: { runId: string; stepIndex: number }) {
  const [progress, setProgress] = useState<Pick<RunProgress, 'run' | 'openStep'>>();
  const [decided, setDecided] = useState<DecideAnswer>();
  const param = { run: encodeURIComponent(runId), step: String(stepIndex) };
  useEffect(() => {
    document.title = `Step ${stepIndex} of ${runId} – mdap`;
    return follow<Pick<RunProgress, 'run' | 'openStep'>>({
      path: `/events/${param.run}`,
      event: 'progress',
      onEvent: setProgress,
      poll: () => answerTo(api.runs[':run'].$get({ param: { run: param.run } })),
    });
  }, [runId, stepIndex, param.run]);
  const open = progress?.openStep?.stepIndex === stepIndex ? progress.openStep : null;
  const { data, error, again } = useAnswer(
    (signal) => answerTo(api.runs[':run'].steps[':step'].$get({ param }, { init: { signal } })),
    // A decided step does not change.
    [`${runId}/${stepIndex}`, open?.samples, open?.isDecidable, (progress?.run.steps ?? 0) > stepIndex],
    { pauseMs: PAUSE_MS },
  );
  const context = useAnswer(
    (signal) => answerTo(api.runs[':run'].steps[':step'].context.$get({ param }, { init: { signal } })),
    [`${runId}/${stepIndex}`],
  );
  useAgainWhile(context.data?.isPending ?? false, context);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.target instanceof Element && event.target.closest('input, textarea, select, [tabindex="0"]')) return;
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (event.key === 'ArrowLeft' && stepIndex > 0) go(paths.step(runId, stepIndex - 1));
      if (event.key === 'ArrowRight') go(paths.step(runId, stepIndex + 1));
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [runId, stepIndex]);
  return (
    <>
      <header class="heading">
        <p>
          <a href={paths.run(runId)}>{runId}</a> / <a href={paths.steps(runId)}>steps</a>
        </p>
        <h1>
          Step {count(stepIndex)}
          <span class="around">
            {stepIndex > 0 && (
              <a class="button" href={paths.step(runId, stepIndex - 1)} aria-keyshortcuts="ArrowLeft">
                ← Previous
              </a>
            )}
            <a class="button" href={paths.step(runId, stepIndex + 1)} aria-keyshortcuts="ArrowRight">
              Next →
            </a>
          </span>
        </h1>
      </header>
      {error && <Problem error={error} again={again} />}
      {data === undefined ? (
        error === undefined && <Waiting />
      ) : (
        <>
          <div class="grid">
            <Outcome detail={data} />
            <Race detail={data} />
            {decided !== undefined && <Decided answer={decided} />}
            {decided === undefined && data.isOpen && (
              <DecideForm
                detail={data}
                onDecided={(answer) => {
                  setDecided(answer);
                  again();
                }}
              />
            )}
            {context.data?.hasPicture && (
              <Card title="State before the step">
                <Picture address={pictureOf(runId, stepIndex)} about={`The state before step ${count(stepIndex)}`} />
              </Card>
            )}
            <Context context={context.data} error={context.error} />
          </div>
          <Samples detail={data} />
        </>
      )}
    </>
  );
}

function Outcome({ detail: { decision, isOpen, samples, moreSamples } }: { detail: StepDetail }) {
  if (decision === null) {
    const late = samples.filter(({ isLate }) => isLate).length;
    return (
      <Card title={isOpen ? 'Not decided yet' : 'Not decided'}>
        <Figures
          of={[
            [
              'Samples',
              count(samples.length + moreSamples - late),
              late > 0 ? `${count(late)} more landed too late` : null,
            ],
            ['Votes', count(samples.filter(({ race }) => race !== null).length)],
            ['Flagged', count(samples.filter(({ flag, isLate }) => flag !== null && !isLate).length)],
          ]}
        />
      </Card>
    );
  }
  const flags = Object.entries(decision.flags);
  const { isWrong } = decision;
  return (
    <Card title="Decision">
      <pre class="answer">{inline(decision.action)}</pre>
      {isWrong !== null && (
        <p class={isWrong ? 'notice bad' : 'good'}>
          {isWrong ? 'Wrong, by the reference.' : 'Right, by the reference.'}
        </p>
      )}
      <Figures
        of={[
          ['Votes', count(decision.votes), tallyText(decision)],
          ['Samples', count(decision.samples)],
          ['Settled by', decision.settledBy ?? 'votes'],
          ['Flags', flags.length === 0 ? 'none' : flags.map(([code, number]) => `${number} ${code}`).join(', ')],
          ['Time', duration(decision.latencyMs)],
          ['Tokens', count(decision.inputTokens + decision.outputTokens)],
          ['Cost', usd(decision.costUsd)],
        ]}
      />
    </Card>
  );
}

const MAX_LINES = 5;

/** Shows the votes of each candidate as they were counted. */
function Race({ detail: { samples, leader } }: { detail: StepDetail }) {
  const votes = samples.filter(({ race }) => race !== null);
  const totals = Map.groupBy(votes, ({ candidate }) => candidate ?? '');
  const candidates = [...totals]
    .map(([candidate, own]) => ({ candidate, votes: own.length }))
    .sort((a, b) => Number(b.candidate === leader) - Number(a.candidate === leader) || b.votes - a.votes)
    .slice(0, MAX_LINES);
  const series = candidates.map(({ candidate }, index): Series => {
    let sum = 0;
    const values = votes.map((vote) => {
      if (vote.candidate === candidate) sum++;
      return sum;
    });
    return { label: cut(candidate), kind: 'stairs', color: index as Series['color'], values: [0, ...values] };
  });
  return (
    <Card title="The race">
      <Chart
        title="Votes as they were counted"
        note={totals.size > MAX_LINES ? `The first ${MAX_LINES} of ${totals.size} candidates.` : null}
        x={{
          label: 'votes',
          format: String,
          values: votes.length === 0 ? [] : [0, ...votes.map((_, i) => i + 1)],
          isWhole: true,
        }}
        y={{ label: 'for it', format: String, isWhole: true }}
        series={series}
      />
    </Card>
  );
}

const cut = (text: string) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);

function Context({ context, error }: { context: StepContext | undefined; error: Error | undefined }) {
  if (error) return <Problem error={error} />;
  if (context === undefined) return <Waiting />;
  const { prompts, missing, reference, state } = context;
  return (
    <Card title="What the model saw" place={context.hasPicture ? 'beside' : 'wide'}>
      {missing !== null && <p class="empty">{missing}</p>}
      {prompts.map(({ variant, system, user }, index) => (
        <details key={variant} open={index === 0}>
          <summary>Prompt, {variant}</summary>
          {system !== null && <pre class="system">{system}</pre>}
          <pre>{user}</pre>
        </details>
      ))}
      {missing === null && (
        <details>
          <summary>State before the step</summary>
          <pre>{JSON.stringify(state, null, 2)}</pre>
        </details>
      )}
      {reference && (
        <details>
          <summary>Right answer, by the reference</summary>
          <pre>{inline(reference.action)}</pre>
        </details>
      )}
    </Card>
  );
}
