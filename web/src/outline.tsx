import type { Outline, OutlineStep } from '../../src/inspection/api.ts';
import { answerTo, api } from './client.ts';
import { count } from './format.ts';
import { Problem, Waiting } from './parts.tsx';
import { paths } from './router.ts';
import { useAgainWhile, useAnswer } from './use-answer.ts';

/** A tree deeper than this is indented no further: the lines would have no room. */
const MAX_INDENT = 12;

/** Shows the parts of the job as they stood before a step, each with its result and the steps that decided about it. */
export function OutlineTree({ runId, at }: { runId: string; at: number }) {
  const answer = useAnswer<Outline>(
    (signal) =>
      answerTo(
        api.runs[':run'].steps[':step'].outline.$get(
          { param: { run: encodeURIComponent(runId), step: String(at) } },
          { init: { signal } },
        ),
      ),
    [runId, at],
  );
  const { data, error, again } = answer;
  useAgainWhile(data?.isPending ?? false, answer);
  if (error) return <Problem error={error} again={again} />;
  if (data === undefined) return <Waiting />;
  if (data.missing !== null) return <p class="empty">{data.missing}</p>;
  return (
    <ol class="outline">
      {data.rows.map(({ depth, text, detail, steps }, i) => (
        // A row is known by its place: a new row before it moves it.
        <li key={i} style={{ paddingInlineStart: `${1.2 * Math.min(depth, MAX_INDENT)}em` }}>
          <span class="what">{text}</span>
          {detail !== '' && <span class="detail">{detail}</span>}
          <Steps runId={runId} steps={steps} />
        </li>
      ))}
    </ol>
  );
}

/** Links to steps by their votes. Steps without a vote are proposals, which are counted. */
function Steps({ runId, steps }: { runId: string; steps: readonly OutlineStep[] }) {
  const proposals = steps.filter(({ settledBy }) => settledBy === 'verify');
  const voted = steps.filter(({ settledBy }) => settledBy !== 'verify');
  if (steps.length === 0) return null;
  return (
    <span class="votes">
      {proposals.length > 0 && (
        <a href={paths.step(runId, proposals[0]!.stepIndex)}>
          {count(proposals.length)} proposal{proposals.length > 1 && 's'}
        </a>
      )}
      {voted.map(({ stepIndex, label, votes, isWrong }) => (
        <a key={stepIndex} href={paths.step(runId, stepIndex)} class={votes.length > 1 ? 'contested' : undefined}>
          {label} {votes.join(' : ')}
          {isWrong && ' wrong'}
        </a>
      ))}
    </span>
  );
}
