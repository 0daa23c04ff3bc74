import { calibratedVoters } from './assemble-vote.ts';
import { createSampler } from './calls/retrying-sampler.ts';
import { requireProcess } from './core/definition-check.ts';
import type { AnyProcess, Process } from './core/process.ts';
import { createRandom } from './core/random.ts';
import { accountsOf, systemClock, withModels } from './defaults.ts';
import { itemsOf, NO_SINK } from './engine/item.ts';
import { FIRST_ITEM, Mapping } from './engine/item-run.ts';
import { type CalibrateResult, measure } from './engine/measure.ts';
import { checkOptions } from './options/check.ts';
import { CALIBRATE_OPTIONS, type CalibrateOptions } from './options/verbs.ts';
import { accountLimitsOf, maxRetriesOf, plainRule, settingsOf, voteSettings } from './options.ts';
import { abortable } from './voting/in-flight.ts';

/**
 * Measures what voting can rest on: draws from the model on a random sample of the steps, in each variant, and from the
 * models of the panel. The steps are those of one input, or of many, as a map takes them: then give something that can be
 * iterated and is no JSON value, such as a generator or `inputs.values()` of an array. Inputs that do not fit the process are
 * then skipped, as are those whose prompt the model does not answer, unless the first ones all are.
 * @throws {UsageError} for options or input that cannot be used; also where so many inputs in a row do not fit that they are
 * not what the process takes.
 * @throws {ModelError} when the model fails before a single step was seen.
 */
export async function calibrate<Input, State, Action, Given, Result>(
  process: Process<Input, State, Action, Given, Result>,
  input: NoInfer<Given> | IteratorObject<NoInfer<Given>> | AsyncIterable<NoInfer<Given>>,
  given: CalibrateOptions,
): Promise<CalibrateResult> {
  const options = checkOptions('calibrate', given);
  requireProcess(process);
  if (!isMany(input)) return calibrateOver(process, input, options, undefined);
  const mapping = new Mapping({ process, items: itemsOf(input), sink: NO_SINK, readAhead: 1 });
  await mapping.read(FIRST_ITEM);
  return calibrateOver(mapping.process, null, options, mapping);
}

/** An input of a process is JSON: an array can be one, nothing else that is iterated can. */
function isMany(input: unknown): input is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return false;
  return Symbol.asyncIterator in input || Symbol.iterator in input;
}

async function calibrateOver(
  process: AnyProcess,
  input: unknown,
  options: CalibrateOptions,
  items: Mapping | undefined,
): Promise<CalibrateResult> {
  const { clock = systemClock, signal, onStep } = options;
  const { sampleSteps, draws, extraDraws } = CALIBRATE_OPTIONS;
  // Nothing is decided: the rule stands for none.
  const settings = voteSettings(plainRule({}), options);
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
        steps: options.sampleSteps ?? sampleSteps.default,
        draws: options.draws ?? draws.default,
        extraDraws: options.extraDraws ?? extraDraws.default,
        settings: settingsOf(options),
        signal,
        onStep,
        items,
      }),
    );
  });
}
