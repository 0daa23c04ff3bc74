import { useEffect, useRef, useState } from 'preact/hooks';
import type { StepFilter, StepPage, StepRow } from '../../src/inspection/api.ts';
import { count, digits, duration, inline, percent, usd } from './format.ts';
import { Problem } from './parts.tsx';
import { go, paths } from './router.ts';
import { useRows } from './step-rows.ts';

const FILTERS: readonly { readonly filter: StepFilter; readonly name: string }[] = [
  { filter: 'all', name: 'All' },
  { filter: 'contested', name: 'Contested' },
  { filter: 'flagged', name: 'Flagged' },
  { filter: 'slow', name: 'Slow' },
  { filter: 'costly', name: 'Costly' },
  { filter: 'wrong', name: 'Wrong' },
];
const COLUMNS = ['Step', 'Action', 'Votes', 'Flags', 'Time', 'Cost'];
/** Lists the decided steps of a run, by filter. Only rows that can be seen are in the document. */
export function StepList(props: { runId: string; steps: number; hasReference: boolean }) {
  const { runId, steps } = props;
  const [filter, setFilter] = useState<StepFilter>('all');
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const view = useRef<HTMLDivElement>(null);
  const rows = useRows({ runId, filter, steps, top, height });
  const { count: rowCount, first, page, error } = rows;

  useEffect(() => {
    const element = view.current!;
    const sizes = new ResizeObserver(() => setHeight(element.clientHeight));
    sizes.observe(element);
    return () => sizes.disconnect();
  }, []);

  const choose = (chosen: StepFilter) => {
    setFilter(chosen);
    rows.again();
    setTop(0);
    view.current?.scrollTo(0, 0);
  };
  const threshold = page?.threshold;
  const scrolled = (event: { currentTarget: HTMLElement }) => setTop(event.currentTarget.scrollTop);
  return (
    <section aria-label="Steps">
      <div class="bar">
        <fieldset class="choices">
          <legend class="hidden">Which steps</legend>
          {FILTERS.filter(({ filter: one }) => one !== 'wrong' || props.hasReference).map(({ filter: one, name }) => (
            <button key={one} type="button" aria-pressed={one === filter} onClick={() => choose(one)}>
              {name}
            </button>
          ))}
        </fieldset>
        <GoToStep runId={runId} steps={steps} />
      </div>
      <p class="note" role="status">
        {count(rowCount)} steps
        {page?.cursor != null && `, searched up to step ${count(page.searchedTo)} of ${count(steps)}`}
        {threshold && `, above ${thresholdText(threshold)}`}
      </p>
      {error && <Problem error={error} again={rows.again} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section ref={view} class="list" tabIndex={0} aria-label="Decided steps" onScroll={scrolled}>
        <table aria-rowcount={rows.isMore ? -1 : rowCount + 1}>
          <thead>
            <tr aria-rowindex={1}>
              {COLUMNS.map((name) => (
                <th key={name} scope="col" class={name.toLowerCase()}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Gap height={rows.above} />
            {rows.seen.map((row, index) =>
              row === undefined ? (
                <WaitingRow key={first + index} step={first + index} />
              ) : (
                <Row key={row.stepIndex} row={row} runId={runId} rowIndex={first + index + 2} />
              ),
            )}
            <Gap height={rows.below} />
          </tbody>
        </table>
        {rowCount === 0 && !rows.isMore && <p class="empty">There are no such steps.</p>}
      </section>
    </section>
  );
}

/** Takes the space of rows that are not in the document. */
function Gap({ height }: { height: number }) {
  if (height <= 0) return null;
  return (
    <tr>
      {/* It has one cell: more would take space for columns that a narrow page hides. */}
      <td style={{ height: `${height}px` }} />
    </tr>
  );
}

function WaitingRow({ step }: { step: number }) {
  return (
    <tr aria-rowindex={step + 2}>
      <th scope="row">{count(step)}</th>
      <td class="action">…</td>
    </tr>
  );
}

function Row({ row, runId, rowIndex }: { row: StepRow; runId: string; rowIndex: number }) {
  const flags = Object.entries(row.flags);
  const votes = row.tally === null ? String(row.votes) : row.tally.map((candidate) => candidate.votes).join(' : ');
  const tokens = row.inputTokens + row.outputTokens;
  return (
    <tr class={row.isWrong ? 'wrong' : undefined} aria-rowindex={rowIndex}>
      <th scope="row">
        <a href={paths.step(runId, row.stepIndex)}>{count(row.stepIndex)}</a>
      </th>
      <td class="action" title={inline(row.action)}>
        {inline(row.action)}
      </td>
      <td>
        {votes}
        {row.settledBy !== null && ` (${row.settledBy})`}
        {row.isWrong && <b class="bad"> wrong</b>}
      </td>
      <td class="flags">{flags.map(([code, samples]) => `${samples} ${code}`).join(', ')}</td>
      <td class="time">{duration(row.latencyMs)}</td>
      <td class="cost">{row.costUsd === null ? `${count(tokens)} tok` : usd(row.costUsd)}</td>
    </tr>
  );
}

function GoToStep({ runId, steps }: { runId: string; steps: number }) {
  return (
    <form
      class="go-to"
      onSubmit={(event) => {
        event.preventDefault();
        const step = Number(new FormData(event.currentTarget).get('step'));
        if (Number.isSafeInteger(step)) go(paths.step(runId, step));
      }}
    >
      <label>
        Step <input name="step" type="number" min="0" max={steps} required />
      </label>
      <button type="submit">Open</button>
    </form>
  );
}

function thresholdText({ measure, above }: NonNullable<StepPage['threshold']>): string {
  if (measure === 'latencyMs') return duration(above);
  return measure === 'usd' ? usd(above) : `${digits(above)} tokens`;
}

/** Describes the votes of a step; the page of a step uses it too. */
export function tallyText({ tally, votes }: Pick<StepRow, 'tally' | 'votes'>): string {
  if (tally === null) return `${count(votes)} votes, all for one answer`;
  const [winner] = tally;
  return `${tally.map((candidate) => candidate.votes).join(' : ')} (${percent((winner?.votes ?? 0) / votes)} agree)`;
}
