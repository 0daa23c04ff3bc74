import { calibratedVoters } from './assemble-vote.ts';
import { createSampler } from './calls/retrying-sampler.ts';
import { requireProcess } from './core/definition-check.ts';
import type { AnyProcess, Process } from './core/process.ts';
import { createRandom, hashText } from './core/random.ts';
import { accountsOf, PROMPT_FILES, systemClock, withModels } from './defaults.ts';
import { itemsOf, NO_SINK } from './engine/item.ts';
import { FIRST_ITEM, Mapping } from './engine/item-run.ts';
import { type CalibrateResult, measure } from './engine/measure.ts';
import { checkOptions } from './options/check.ts';
import { CALIBRATE_OPTIONS, type CalibrateOptions } from './options/verbs.ts';
import { accountLimitsOf, maxRetriesOf, plainRule, settingsOf, voteSettings } from './options.ts';
import { asksForSchema } from './structured.ts';
import { abortable } from './voting/in-flight.ts';

/**
 * Measures how often the model is right and how alike its errors are, so that a run can decide by it. It draws several
 * samples on each of a random sample of the steps: from the model in each variant, and from each model of the panel.
 *
 * The steps come from one input, or from many as in a map. To give many, pass something that can be iterated and is no JSON
 * value, such as a generator or `inputs.values()` of an array. Inputs that do not fit the process are then skipped, as are
 * those whose prompt the model does not answer, unless all of the first ones are such.
 * @throws {UsageError} for options or input that cannot be used, and when too many inputs in a row do not fit the process.
 * @throws {ModelError} when the model fails before a single step was sampled.
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

/** Whether there are many inputs. One input is JSON: of all that can be iterated, only an array can be one. */
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
  // A calibration decides nothing, but the settings need some rule.
  const settings = voteSettings(plainRule({}), options);
  return withModels(options, ({ model, panel }) => {
    const random = createRandom(options.seed ?? 0);
    const maxRetries = maxRetriesOf(options);
    const queue = { accounts: accountsOf(clock), files: PROMPT_FILES, limits: accountLimitsOf(options) };
    const voters = calibratedVoters({ process, model, panel, variants: options.variants }).map(({ forms, ...one }) => {
      const sampler = createSampler({ ...one, ...queue, clock, random, maxRetries, startsWithOneCall: true });
      return forms.map((form) => ({ sampler, form, variant: process.forms[form]!.name }));
    });
    return abortable(signal, (inFlight) =>
      measure(process, input, {
        context: {
          // Other than those of a run, which must not be answered from what a gateway kept of these.
          settings: { ...settings, seed: hashText('calibrate', options.seed) },
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
        // It is part of the question, so it is kept where it matters, also if nobody chose it.
        settings: settingsOf(asksForSchema(process) ? { ...options, structured: settings.structured } : options),
        signal,
        onStep,
        items,
      }),
    );
  });
}
