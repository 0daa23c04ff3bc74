import { requireProcess } from './core/definition-check.ts';
import { MdapError, UsageError } from './core/errors.ts';
import type { Process } from './core/process.ts';
import {
  abortableItems,
  type DoubtfulItem,
  guardedSink,
  type Item,
  type ItemResult,
  type ItemSink,
  itemsOf,
  NO_SINK,
} from './engine/item.ts';
import { ItemDelivery } from './engine/item-delivery.ts';
import { FIRST_ITEM, Mapping } from './engine/item-run.ts';
import type { RunResult } from './engine/run-result.ts';
import { checkOptions } from './options/check.ts';
import { showGot } from './options/kinds.ts';
import type { MapOptions } from './options/verbs.ts';
import { DEFAULT_MAX_CONCURRENCY } from './options.ts';
import { guarded, newRunId, runOver } from './run.ts';

/** The result of a map as a whole. Its `items` count the inputs by what became of them. */
export interface MapResult extends Omit<RunResult, 'state' | 'stateSha256'> {
  /** The results that are least certain by their votes, the least certain first; at most ten. */
  readonly leastCertain: readonly DoubtfulItem[];
}

/**
 * The error of a map that ends before all of its inputs have a result. It is paused, and the same `runId` resumes it, or
 * stopped.
 */
export class MapEndedError extends MdapError {
  override readonly name = 'MapEndedError';
  readonly code = 'map-ended';
  readonly recovery: 'pause' | 'stop';
  /** Says how far the map came and why it ended. */
  readonly result: MapResult;

  constructor(result: MapResult) {
    const { runId, status, reason, items } = result;
    const done = items === null ? 0 : items.done + items.undecided + items.invalid;
    super(
      `the map ${status === 'paused' ? 'paused' : 'stopped'} after ${done} results: ${reason ?? status}` +
        (status === 'paused' ? `. The same call with runId: ${JSON.stringify(runId)} resumes it.` : ''),
    );
    this.recovery = status === 'paused' ? 'pause' : 'stop';
    this.result = result;
  }
}

/** The results of a map, in the order of its inputs. The map starts when they are iterated, or when `result` is read. */
export interface MappedItems<Result> extends AsyncIterable<ItemResult<Result>> {
  readonly runId: string;
  /** The result of the whole map. Where the results are not iterated, they are kept in the journal alone. */
  readonly result: Promise<MapResult>;
}

/**
 * Decides many inputs, each by itself, under one journal, one budget and one certificate:
 *
 *     for await (const { index, status, result, certainty } of map(process, inputs, options)) { ... }
 *
 * The inputs are read as they are needed, from an array or from anything that can be iterated. An input that cannot be decided,
 * or does not fit the process, is reported as a result and does not block the others. A `break` pauses the map. The same call
 * with the same `runId` and inputs resumes it: it yields all results again from the first one on, and pays nothing for those
 * that were decided before. If the process has an `effect`, it yields only the results since the last checkpoint.
 * It reads a `window` of inputs ahead, as far as they are there: where a source gives them slowly, a result comes once the input
 * after it is read.
 * @throws {MapEndedError} from the iteration, when the map ends before its last input.
 * @throws the errors of `run`.
 */
export function map<Input, State, Action, Given, Result>(
  process: Process<Input, State, Action, Given, Result>,
  inputs: Iterable<NoInfer<Given>> | AsyncIterable<NoInfer<Given>>,
  options: MapOptions & { readonly sink?: undefined },
): MappedItems<Result>;
/**
 * Decides many items and gives each result to the `sink` exactly once, also when the map is resumed. This is for results that
 * go to a file which can be cut back to the last checkpoint.
 * @throws the errors of `run`.
 */
export function map<Input, State, Action, Given, Result>(
  process: Process<Input, State, Action, Given, Result>,
  items: AsyncIterable<Item>,
  options: MapOptions & { readonly sink: ItemSink },
): Promise<MapResult>;
export function map(
  process: Process<unknown, unknown, unknown, unknown, unknown>,
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
  given: MapOptions,
): MappedItems<unknown> | Promise<MapResult> {
  const options = checkOptions('map', given);
  requireProcess(process);
  const { sink, window, source = null, ...rest } = guarded(options);
  const { runId = newRunId(process.name) } = options;
  const readAhead = window ?? WINDOW_PER_CALL * (rest.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY);
  const work = async (mapping: Mapping, signal: AbortSignal | undefined): Promise<MapResult> => {
    await mapping.read(FIRST_ITEM);
    // Further steps of an item depend on its first one, so it is the items, not their steps, that are voted on ahead.
    const settings = { speculate: readAhead, ...rest, runId, signal };
    const { state: _, stateSha256: __, ...result } = await runOver(mapping.process, { map: source }, settings, mapping);
    return { ...result, leastCertain: mapping.leastCertain };
  };
  if (sink !== undefined) {
    if (typeof Object(inputs)[Symbol.asyncIterator] !== 'function')
      throw notIterable('an async iterable of items, beside a sink', inputs);
    const items = abortableItems((inputs as AsyncIterable<Item>)[Symbol.asyncIterator](), rest.signal);
    return work(new Mapping({ process, items, sink: guardedSink(sink), readAhead }), rest.signal);
  }
  if (!isIterable(inputs)) throw notIterable('an array or another iterable of inputs', inputs);
  return new LazyMap(
    runId,
    async (delivery, ownSignal) => {
      const signal = rest.signal === undefined ? ownSignal : AbortSignal.any([rest.signal, ownSignal]);
      const results = delivery ?? NO_SINK;
      const items = abortableItems(delivery?.items(inputs, signal) ?? itemsOf(inputs), signal);
      return work(new Mapping({ process, items, sink: results, readAhead, isRetold: delivery !== undefined }), signal);
    },
    readAhead,
  );
}

const WINDOW_PER_CALL = 16;

class LazyMap implements MappedItems<unknown> {
  readonly runId: string;
  readonly #begin: (delivery: ItemDelivery<unknown> | undefined, signal: AbortSignal) => Promise<MapResult>;
  readonly #limit: number;
  readonly #controller = new AbortController();
  #result: Promise<MapResult> | undefined;

  constructor(
    runId: string,
    begin: (delivery: ItemDelivery<unknown> | undefined, signal: AbortSignal) => Promise<MapResult>,
    limit: number,
  ) {
    this.runId = runId;
    this.#begin = begin;
    this.#limit = limit;
  }

  get result(): Promise<MapResult> {
    if (this.#result === undefined) {
      this.#result = this.#begin(undefined, this.#controller.signal);
      // Who reads it and does not wait for it, does not want the program to end by it.
      this.#result.catch(() => {});
    }
    return this.#result;
  }

  [Symbol.asyncIterator](): AsyncGenerator<ItemResult> {
    if (this.#result !== undefined) {
      throw new UsageError(
        'the results of a map can be iterated once, before its `result` is asked for: call `map` with the same runId ' +
          `(${JSON.stringify(this.runId)}) to see them again.`,
      );
    }
    const delivery = new ItemDelivery<unknown>(this.#limit);
    const result = this.#begin(delivery, this.#controller.signal).finally(() => delivery.end());
    // The caller that iterates gets the error.
    result.catch(() => {});
    this.#result = result;
    return this.#results(delivery, result);
  }

  async *#results(delivery: ItemDelivery<unknown>, result: Promise<MapResult>): AsyncGenerator<ItemResult> {
    try {
      for (let taken = await delivery.take(); taken !== undefined; taken = await delivery.take()) yield* taken;
      const whole = await result;
      if (whole.status !== 'done') throw new MapEndedError(whole);
    } finally {
      this.#controller.abort(new Error('the results of the map are no longer read'));
      // The map pauses and closes its journal before the caller continues behind its loop.
      await result.catch(() => {});
    }
  }
}

function isIterable(inputs: unknown): inputs is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof inputs !== 'object' || inputs === null) return false;
  const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = inputs as AsyncIterable<unknown> &
    Iterable<unknown>;
  return typeof (asynchronous ?? synchronous) === 'function';
}

function notIterable(expected: string, inputs: unknown): UsageError {
  return new UsageError(`expected ${expected}, got ${showGot(inputs)}.`, { option: 'inputs' });
}
