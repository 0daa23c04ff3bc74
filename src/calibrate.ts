import { calibratedVoters } from './assemble-vote.ts';
import { createSampler } from './calls/retrying-sampler.ts';
import type { AnyProcess } from './core/process.ts';
import { createRandom } from './core/random.ts';
import { accountsOf, systemClock, withModels } from './defaults.ts';
import { FIRST_ITEM, type Item, type ItemSink, Mapping } from './engine/item-run.ts';
import { type CalibrateResult, measure } from './engine/measure.ts';
import {
  accountLimitsOf,
  maxRetriesOf,
  plainRule,
  type RunOptions,
  settingsOf,
  voteSettings,
  wholeNumber,
} from './options.ts';
import { abortable } from './voting/in-flight.ts';

export interface CalibrateOptions extends Omit<RunOptions, 'runId' | 'journal' | 'record' | 'maxSteps'> {
  /** How many steps are sampled; 50 by default. */
  readonly sampleSteps?: number;
  /** First draws of each voter on each of them; 4 by default, at least 2. */
  readonly draws?: number;
  /** Further draws of a voter on a step where one of its first votes was wrong; 8 by default. */
  readonly extraDraws?: number;
  readonly onStep?: (done: number, wanted: number) => void;
}

/**
 * Measures what voting can rest on: draws from the model on a random sample of the steps, in each variant, and from the
 * models of the panel. The steps are those of one input or, for an async iterable, of many items, as a map takes them; items
 * that do not fit the process are then skipped.
 * @throws {UsageError} for options or input that cannot be used; also where so many items in a row do not fit that they are
 * not what the process takes.
 * @throws {ModelError} when the model fails before a single step was seen.
 */
export async function calibrate(
  process: AnyProcess,
  input: unknown,
  options: CalibrateOptions,
): Promise<CalibrateResult> {
  if (!isAsyncIterable(input)) return calibrateOver(process, input, options, undefined);
  const mapping = new Mapping({ process, items: input, sink: NO_SINK, readAhead: 1 });
  await mapping.read(FIRST_ITEM);
  return calibrateOver(mapping.process, null, options, mapping);
}

const NO_SINK: ItemSink = { restore() {}, write() {}, flush() {} };

/** An input of a process is JSON, so it never is one. */
function isAsyncIterable(input: unknown): input is AsyncIterable<Item> {
  return typeof input === 'object' && input !== null && Symbol.asyncIterator in input;
}

async function calibrateOver(
  process: AnyProcess,
  input: unknown,
  options: CalibrateOptions,
  items: Mapping | undefined,
): Promise<CalibrateResult> {
  const { clock = systemClock, signal, onStep } = options;
  const steps = wholeNumber('sampleSteps', options.sampleSteps ?? 50);
  const draws = wholeNumber('draws', options.draws ?? 4, { least: 2 });
  const extraDraws = wholeNumber('extraDraws', options.extraDraws ?? 8, { least: 0 });
  const settings = voteSettings(plainRule({ ...options, rule: options.rule ?? 'ahead-by-k' }), options);
  return withModels(options, ({ model, panel }) => {
    const random = createRandom(options.seed ?? 0);
    const maxRetries = maxRetriesOf(options);
    const queue = { accounts: accountsOf(clock), limits: accountLimitsOf(options) };
    const voters = calibratedVoters({ process, model, panel, variants: options.variants }).map(({ forms, ...one }) => {
      const sampler = createSampler({ ...one, ...queue, clock, random, maxRetries, startsWithOneCall: true });
      return forms.map((form) => ({ sampler, form, variant: process.forms[form]!.name }));
    });
    return abortable(signal, (inFlight) =>
      measure(process, input, {
        context: {
          settings,
          voters: voters.flat(),
          inFlight,
          monotonicMs: () => clock.monotonicMs(),
          onSample: () => {},
        },
        clock,
        random,
        steps,
        draws,
        extraDraws,
        settings: settingsOf(options),
        signal,
        onStep,
        items,
      }),
    );
  });
}
