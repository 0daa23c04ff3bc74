import { useState } from 'preact/hooks';
import type { DecideAnswer, DecideRequest, StepDetail } from '../../src/inspection/api.ts';
import { answerTo, api } from './client.ts';
import { count } from './format.ts';
import { Card, Command, Problem } from './parts.tsx';
import { paths } from './router.ts';

const OWN = 'own';

interface DecideFormProps {
  readonly detail: StepDetail;
  readonly onDecided: (answer: DecideAnswer) => void;
}

/** Takes a person's decision of the step at which a run is paused, as `mdap decide` does. */
export function DecideForm({ detail, onDecided }: DecideFormProps) {
  const { runId, stepIndex, isDecidable, whyNotDecidable, samples } = detail;
  const [choice, setChoice] = useState<string>();
  const [own, setOwn] = useState('');
  const [error, setError] = useState<Error>();
  const [isSending, setSending] = useState(false);
  if (!isDecidable) {
    return (
      <Card title="Decide it" place="wide">
        <p class="empty">A person cannot decide it now: {whyNotDecidable}</p>
      </Card>
    );
  }
  const candidates = [...Map.groupBy(samples, ({ kind, candidate }) => (kind === 'judgement' ? null : candidate))]
    .flatMap(([candidate, own]) => {
      const votes = own.filter(({ race }) => race !== null).length;
      return candidate === null ? [] : [{ candidate, draw: own[0]!.draw, votes }];
    })
    .sort((a, b) => b.votes - a.votes);
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    let request: DecideRequest;
    try {
      request = choice === OWN ? { action: JSON.parse(own) } : { draw: Number(choice) };
    } catch (thrown) {
      setError(new Error(`Your answer: expected JSON, for example "text" or {"a": 1}: ${(thrown as Error).message}.`));
      return;
    }
    setSending(true);
    try {
      onDecided(await decide(runId, stepIndex, request));
    } catch (thrown) {
      setError(thrown as Error);
      setSending(false);
    }
  };
  return (
    <Card title="Decide it" place="wide">
      <form class="decide" onSubmit={submit}>
        <fieldset>
          <legend>Which action should this step take?</legend>
          {candidates.map(({ candidate, draw, votes }) => (
            <label key={draw}>
              <input
                type="radio"
                name="choice"
                required
                checked={choice === String(draw)}
                onChange={() => setChoice(String(draw))}
              />
              <code>{candidate}</code>
              <small>
                {count(votes)} {votes === 1 ? 'vote' : 'votes'}, draw {draw}
              </small>
            </label>
          ))}
          <label>
            <input type="radio" name="choice" required checked={choice === OWN} onChange={() => setChoice(OWN)} />
            An answer of your own, as JSON
          </label>
          {choice === OWN && (
            <textarea
              aria-label="The action, as JSON"
              rows={4}
              required
              spellcheck={false}
              value={own}
              onInput={({ currentTarget }) => setOwn(currentTarget.value)}
            />
          )}
        </fieldset>
        {error && <Problem error={error} />}
        <p>
          <button type="submit" class="primary" disabled={isSending || choice === undefined}>
            {isSending ? 'Deciding …' : 'Decide'}
          </button>{' '}
          <span class="note">It is written to the journal for good; no model is asked.</span>
        </p>
      </form>
    </Card>
  );
}

/** Shows the result of a decision. */
export function Decided({ answer }: { answer: DecideAnswer }) {
  return (
    <Card title="Decided" place="wide">
      <p role="status">
        Step {count(answer.stepIndex)} is decided; the run is {answer.status}.{' '}
        <a href={paths.run(answer.runId)}>Back to the run</a>
      </p>
      {answer.resume !== null && <Command what="Resume" text={answer.resume} />}
    </Card>
  );
}

function decide(runId: string, stepIndex: number, json: DecideRequest): Promise<DecideAnswer> {
  const param = { run: encodeURIComponent(runId), step: String(stepIndex) };
  return answerTo(api.runs[':run'].steps[':step'].decide.$post({ param, json }));
}
