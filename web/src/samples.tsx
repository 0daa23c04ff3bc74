import { useMemo, useState } from 'preact/hooks';
import type { SampleView, StepDetail } from '../../src/inspection/api.ts';
import { answerTo, api } from './client.ts';
import { differenceFrom } from './difference.ts';
import { bytes, count, duration, usd } from './format.ts';
import { Problem } from './parts.tsx';

const SAMPLES_AT_FIRST = 24;

/** Shows all samples of a step side by side. */
export function Samples({ detail }: { detail: StepDetail }) {
  const { samples, moreSamples, leader, decision } = detail;
  const [shown, setShown] = useState(SAMPLES_AT_FIRST);
  const isOneModel = samples.every(({ model }) => model === samples[0]!.model);
  const winners = samples.filter(
    ({ kind, candidate }) => kind === 'vote' && candidate !== null && candidate === leader,
  );
  return (
    <section>
      <h2>Samples</h2>
      {samples.length > 0 && isOneModel && <p class="note">All of {samples[0]!.model}.</p>}
      {samples.length === 0 && (
        <p class="empty">
          {decision === null
            ? 'There are none yet.'
            : 'The journal did not keep them. By default it keeps those of contested and flagged steps, with `--record all` those of every step.'}
        </p>
      )}
      <div class="samples">
        {samples.slice(0, shown).map((sample) => (
          <Sample
            key={sample.draw}
            sample={sample}
            winner={winners.find(({ variant }) => variant === sample.variant)}
            detail={detail}
            isOneModel={isOneModel}
          />
        ))}
      </div>
      {samples.length > shown && (
        <button type="button" onClick={() => setShown(shown + SAMPLES_AT_FIRST)}>
          Show more of {count(samples.length)} samples
        </button>
      )}
      {moreSamples > 0 && <p class="note">The journal has {count(moreSamples)} more of them.</p>}
    </section>
  );
}

interface SampleProps {
  readonly sample: SampleView;
  /** The first sample of the same form that voted for the winner, or the leader. Other forms differ in all words. */
  readonly winner: SampleView | undefined;
  readonly detail: StepDetail;
  /** Whether all samples are of one model, so that none need name it. */
  readonly isOneModel: boolean;
}

function Sample({ sample, winner, detail, isOneModel }: SampleProps) {
  const { draw, flag, candidate, race } = sample;
  const [whole, setWhole] = useState<string>();
  const [error, setError] = useState<Error>();
  const load = async () => {
    const param = { run: encodeURIComponent(detail.runId), step: String(detail.stepIndex), draw: String(draw) };
    try {
      setWhole((await answerTo(api.runs[':run'].steps[':step'].samples[':draw'].$get({ param }))).text);
    } catch (thrown) {
      setError(thrown as Error);
    }
  };
  const isWinner = sample.kind === 'vote' && candidate !== null && candidate === detail.leader;
  const kind = kindOf(sample, isWinner);
  const text = whole ?? sample.text;
  return (
    <article class={`sample ${kind}`} aria-label={`Draw ${draw}`}>
      <header>
        <b>Draw {draw}</b>
        <span class="kind">{kind === 'winner' && detail.decision === null ? 'for the leader' : KINDS[kind]}</span>
        <small>
          {!isOneModel && `${sample.model}, `}
          {sample.variant}, temperature {sample.temperature ?? 'none'}
        </small>
      </header>
      {flag !== null ? (
        <p class="flag">
          <b>{flag.code}</b> {flag.detail}
        </p>
      ) : (
        candidate !== null && (
          <p class="candidate" title={sample.judged ?? candidate}>
            {candidate}
            {sample.judged !== null && ` to ${sample.judged}`}
          </p>
        )
      )}
      <pre>
        {text === '' ? (
          <i>an empty reply</i>
        ) : isWinner || winner === undefined || sample.kind === 'judgement' ? (
          text
        ) : (
          <Marked text={text} other={winner.text} />
        )}
      </pre>
      {sample.isTextCut && whole === undefined && (
        <button type="button" onClick={load}>
          Show all {bytes(sample.textBytes)}
        </button>
      )}
      {error && <Problem error={error} />}
      <footer>
        {race !== null && (
          <span>
            {race.leaderVotes} : {race.runnerUpVotes} after it
          </span>
        )}
        <span>{sample.finishReason}</span>
        <span>{duration(sample.latencyMs)}</span>
        {sample.outputTokens !== null && <span>{count(sample.outputTokens)} tokens out</span>}
        {sample.costUsd !== null && <span>{usd(sample.costUsd)}</span>}
      </footer>
    </article>
  );
}

const KINDS = {
  late: 'landed after the limit, not counted',
  flagged: 'flagged',
  judgement: 'verifier',
  winner: 'for the winner',
  dissent: 'against',
};

function kindOf({ isLate, flag, kind }: SampleView, isWinner: boolean): keyof typeof KINDS {
  if (isLate) return 'late';
  if (flag !== null) return 'flagged';
  if (kind === 'judgement') return kind;
  return isWinner ? 'winner' : 'dissent';
}

/** Shows a model's text and marks what the winner's text does not have. */
function Marked({ text, other }: { text: string; other: string }) {
  const stretches = useMemo(() => differenceFrom(other, text), [other, text]);
  return (
    <>{stretches.map(({ text: part, isChanged }, index) => (isChanged ? <mark key={index}>{part}</mark> : part))}</>
  );
}
