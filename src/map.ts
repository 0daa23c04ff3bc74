import type { AnyProcess } from './core/process.ts';
import { type DoubtfulItem, FIRST_ITEM, type Item, Mapping } from './engine/item-run.ts';
import type { RunResult } from './engine/run-loop.ts';
import { checkOptions } from './options/check.ts';
import type { MapOptions } from './options/verbs.ts';
import { DEFAULT_MAX_CONCURRENCY } from './options.ts';
import { runOver } from './run.ts';

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
export async function map(process: AnyProcess, items: AsyncIterable<Item>, options: MapOptions): Promise<MapResult> {
  const { sink, window, source = null, ...rest } = checkOptions('map', options);
  const depth = window ?? WINDOW_PER_CALL * (rest.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY);
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
