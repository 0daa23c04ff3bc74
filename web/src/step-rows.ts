import { useEffect, useState } from 'preact/hooks';
import type { StepFilter, StepPage, StepRow } from '../../src/inspection/api.ts';
import { answerTo, api } from './client.ts';

const STEPS_A_PAGE = 200;
/** The next page is requested this many rows before the end. */
const ROWS_AHEAD = 60;
const MAX_PAGES_KEPT = 40;
/** Delay without which every page that a drag of the scroll bar passes would be requested. */
const SETTLED_MS = 40;

const ROW_HEIGHT = 34;
/** Number of rows in the document above and below the visible ones. */
const ROWS_AROUND = 10;
/** No browser makes an element much higher. In longer lists, the scroll bar moves past several rows per pixel. */
const MAX_HEIGHT = 15_000_000;

/** The filter of the steps, and the visible part of their list. */
export interface Wanted {
  readonly runId: string;
  readonly filter: StepFilter;
  /** Number of steps decided so far. */
  readonly steps: number;
  /** Pixels that the list is scrolled down by. */
  readonly top: number;
  /** Height of the visible part in pixels. */
  readonly height: number;
}

export interface Rows {
  /** Number of rows that are known so far. */
  readonly count: number;
  /** Whether there may be more rows. */
  readonly isMore: boolean;
  /** The first row in the document. */
  readonly first: number;
  /** The rows in the document; undefined for one that is being loaded. */
  readonly seen: readonly (StepRow | undefined)[];
  /** Height of the other rows in pixels. */
  readonly above: number;
  readonly below: number;
  /** How far the steps were searched; null if no search is needed. */
  readonly page: Pick<StepPage, 'cursor' | 'searchedTo' | 'threshold'> | null;
  readonly error: Error | undefined;
  readonly again: () => void;
}

/** Loads rows of steps when they become visible: of all steps at any position, of filtered steps page by page. */
export function useRows(wanted: Wanted): Rows {
  const any = useAnyRows(wanted);
  const next = useNextRows(wanted);
  const again = () => {
    any.again();
    next.again();
  };
  return { ...(wanted.filter === 'all' ? any : next), again };
}

function placesOf(rows: number, { top, height }: Pick<Wanted, 'top' | 'height'>) {
  const all = Math.min(MAX_HEIGHT, rows * ROW_HEIGHT);
  const room = all - height;
  const passed = room <= 0 ? 0 : Math.min(1, top / room) * (rows * ROW_HEIGHT - height);
  const first = Math.max(0, Math.floor(passed / ROW_HEIGHT) - ROWS_AROUND);
  const end = Math.min(rows, Math.ceil((passed + height) / ROW_HEIGHT) + ROWS_AROUND);
  const above = Math.max(0, top - passed + first * ROW_HEIGHT);
  return { first, end, above, below: Math.max(0, all - above - (end - first) * ROW_HEIGHT) };
}

/** The row of a step is its number. */
function useAnyRows(wanted: Wanted): Rows {
  const { runId, filter, steps } = wanted;
  const [pages, setPages] = useState<ReadonlyMap<number, readonly StepRow[]>>(new Map());
  const [error, setError] = useState<Error>();
  const sizeOf = (page: number) => Math.min(STEPS_A_PAGE, steps - page * STEPS_A_PAGE);
  const { end, ...places } = placesOf(steps, wanted);
  const rows = Array.from({ length: end - places.first }, (_, index) => places.first + index);
  const missing = rows.map(pageWith).find((page) => (pages.get(page)?.length ?? 0) < sizeOf(page));
  const isWanted = filter === 'all' && missing !== undefined && error === undefined;
  useEffect(() => {
    if (!isWanted) return;
    const abort = new AbortController();
    const load = async () => {
      try {
        const found = await pageOf({ runId, filter, cursor: String(missing * STEPS_A_PAGE) }, abort.signal);
        if (abort.signal.aborted) return;
        const near = [...pages].filter(([page]) => page !== missing && Math.abs(page - missing) < MAX_PAGES_KEPT / 2);
        setPages(new Map([...near, [missing, found.steps]]));
      } catch (thrown) {
        if (!abort.signal.aborted) setError(thrown as Error);
      }
    };
    const timer = setTimeout(load, pages.size === 0 ? 0 : SETTLED_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [isWanted, missing, missing === undefined ? 0 : sizeOf(missing), runId, filter]);
  return {
    ...places,
    count: steps,
    isMore: false,
    seen: rows.map((row) => pages.get(pageWith(row))?.[row % STEPS_A_PAGE]),
    page: null,
    error,
    again: () => setError(undefined),
  };
}

const pageWith = (row: number) => Math.floor(row / STEPS_A_PAGE);

interface Loaded {
  readonly filter: StepFilter;
  readonly rows: readonly StepRow[];
  /** Cursor of the page that was loaded last; undefined for the first one. */
  readonly last: string | undefined;
  readonly page: Rows['page'];
}

/** As `steps` grows, new ones are added at the end. */
function useNextRows(wanted: Wanted): Rows {
  const { runId, filter, steps } = wanted;
  const [held, setHeld] = useState<Loaded>(nothing(filter));
  const [error, setError] = useState<Error>();
  const loaded = held.filter === filter ? held : nothing(filter);
  const { rows, page } = loaded;
  const { end, ...places } = placesOf(rows.length, wanted);
  const isNearEnd = end + ROWS_AHEAD > rows.length;
  const isAtEnd = page !== null && page.cursor === null;
  const isMoreDecided = page !== null && steps > page.searchedTo;
  const isWanted = filter !== 'all' && error === undefined && isNearEnd && (!isAtEnd || isMoreDecided);
  useEffect(() => {
    if (!isWanted) return;
    const abort = new AbortController();
    // The last page is read again if it was not full.
    const cursor = page?.cursor ?? loaded.last;
    pageOf({ runId, filter, cursor }, abort.signal)
      .then((next) => {
        if (abort.signal.aborted) return;
        const known = rows.at(-1)?.stepIndex ?? -1;
        const added = next.steps.filter(({ stepIndex }) => stepIndex > known);
        setHeld({ filter, rows: [...rows, ...added], last: cursor, page: next });
      })
      .catch((thrown) => abort.signal.aborted || setError(thrown));
    return () => abort.abort();
  }, [isWanted, held, filter, runId]);
  return {
    ...places,
    count: rows.length,
    isMore: !isAtEnd,
    seen: rows.slice(places.first, end),
    page,
    error,
    again: () => setError(undefined),
  };
}

function nothing(filter: StepFilter): Loaded {
  return { filter, rows: [], last: undefined, page: null };
}

function pageOf(
  { runId, filter, cursor }: { runId: string; filter: StepFilter; cursor: string | undefined },
  signal: AbortSignal,
): Promise<StepPage> {
  const query = { filter, limit: String(STEPS_A_PAGE), ...(cursor === undefined ? {} : { cursor }) };
  const param = { run: encodeURIComponent(runId) };
  return answerTo(api.runs[':run'].steps.$get({ param, query }, { init: { signal } }));
}
