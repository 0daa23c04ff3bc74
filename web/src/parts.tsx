import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { ShownStatus } from '../../src/inspection/api.ts';
import { count, percent } from './format.ts';

export function Badge({ status }: { status: ShownStatus }) {
  return <span class={`badge ${status}`}>{status}</span>;
}

/** Shows what failed, in place of what was asked for. */
export function Problem({ error, again }: { error: Error; again?: () => void }) {
  return (
    <p class="notice bad" role="alert">
      {error.message}{' '}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </p>
  );
}

export function Waiting() {
  return (
    <p class="waiting" role="status">
      Loading …
    </p>
  );
}

/** @param props.place `wide` is over all columns, `beside` is one column where there are two */
export function Card(props: { title: string; place?: 'wide' | 'beside'; children: ComponentChildren }) {
  return (
    <section class={`card ${props.place ?? ''}`}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

/** Shows figures with their names; those that are null are left out. */
export function Figures({
  of,
}: {
  of: readonly (readonly [name: string, value: string, note?: string | null] | null)[];
}) {
  return (
    <dl class="figures">
      {of.map((figure) => {
        if (figure === null) return null;
        const [name, value, note] = figure;
        return (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {value}
              {note && <small>{note}</small>}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

export function Progress({ steps, totalSteps }: { steps: number; totalSteps: number | null }) {
  if (totalSteps === null) return <span class="progress-text">{count(steps)} steps</span>;
  const share = totalSteps === 0 ? 1 : steps / totalSteps;
  return (
    <span class="progress">
      <progress value={steps} max={Math.max(1, totalSteps)} aria-label="Progress" />
      <span class="progress-text">
        {count(steps)} of {count(totalSteps)} ({percent(share)})
      </span>
    </span>
  );
}

export function Command({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    // The clipboard is there only if the page came from this machine or over TLS.
    await navigator.clipboard?.writeText(text);
    setCopied(navigator.clipboard !== undefined);
  };
  return (
    <p class="command">
      <span>{what}</span>
      <code>{text}</code>
      <button type="button" onClick={copy}>
        {isCopied ? 'Copied' : 'Copy'}
      </button>
    </p>
  );
}

/** Shows horizontal bars with their numbers, as a table. */
export function Bars({ of, unit }: { of: readonly { readonly name: string; readonly value: number }[]; unit: string }) {
  const most = Math.max(1, ...of.map(({ value }) => value));
  return (
    <table class="bars">
      <tbody>
        {of.map(({ name, value }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="bar">
              <meter value={value} max={most} aria-hidden="true" />
            </td>
            <td class="number">
              {count(value)} <span class="hidden">{unit}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
