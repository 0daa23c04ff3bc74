import type { Json } from './core/journal.ts';
import type { AnyProcess } from './core/process.ts';
import { type DoubtfulItem, FIRST_ITEM, type Item, type ItemSink, Mapping } from './engine/item-run.ts';
import type { RunResult } from './engine/run-loop.ts';
import { DEFAULT_MAX_CONCURRENCY, type RunOptions, wholeNumber } from './options.ts';
import { runOver } from './run.ts';

/** Many inputs of a process as one run. */
export interface MapOptions extends Omit<RunOptions, 'answer' | 'maxSteps'> {
  /**
   * Items that may be voted on at once, or wait for a slower one before them; 16 times `maxConcurrency` by default. Where it is
   * small a straggler holds up the map (BENCHMARKS.md).
   */
  readonly window?: number;
  /** What tells this map from another with the same `runId`: kept in the journal, and compared when it is resumed. */
  readonly source?: Json;
}

/** Its `items` say what became of the inputs. */
export interface MapResult extends Omit<RunResult, 'state' | 'stateSha256'> {
  /** The results that are least certain by their votes, the least first; ten at most. */
  readonly leastCertain: readonly DoubtfulItem[];
}

/**
 * Decides many inputs, each by itself, under one journal, one budget and one certificate; resumes with the same `runId`.
 * Results come to the sink in the order of the inputs, each once, also over resumptions. What cannot be decided, or does not
 * fit the process, is a result too and stops nobody.
 * @throws as `run` does.
 */
export async function map(
  process: AnyProcess,
  items: AsyncIterable<Item>,
  options: MapOptions & { readonly sink: ItemSink },
): Promise<MapResult> {
  const { sink, window, source = null, ...rest } = options;
  const concurrency = rest.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY;
  const depth = wholeNumber('window', window ?? WINDOW_PER_CALL * concurrency);
  const mapping = new Mapping({ process, items, sink, readAhead: depth });
  await mapping.read(FIRST_ITEM);
  // Of several steps of one item only the first is certain to come.
  const {
    state: _,
    stateSha256: __,
    ...result
  } = await runOver(mapping.process, { map: source }, { speculate: depth, ...rest }, mapping);
  return { ...result, leastCertain: mapping.leastCertain };
}

const WINDOW_PER_CALL = 16;
