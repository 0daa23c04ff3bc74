import { randomBytes } from 'node:crypto';
import { assembleVote } from './assemble-vote.ts';
import { Budget } from './calls/budget.ts';
import { guardedListener } from './core/caller-callback.ts';
import { requireProcess } from './core/definition-check.ts';
import type { OnEvent } from './core/events.ts';
import type { Process } from './core/process.ts';
import { createRandom } from './core/random.ts';
import { accountsOf, openJournal, PROMPT_FILES, systemClock, withModels } from './defaults.ts';
import type { Mapping } from './engine/item-run.ts';
import { execute } from './engine/run-loop.ts';
import type { RunResult } from './engine/run-result.ts';
import { checkOptions } from './options/check.ts';
import { RUN_OPTIONS, type RunOptions } from './options/verbs.ts';
import { accountLimitsOf, budgetLimitsOf, howAsked, maxRetriesOf, settingsOf, speculationOf } from './options.ts';
import { structuredOf } from './structured.ts';
import { openTelemetry } from './telemetry.ts';

/**
 * Runs a process from its input to its end. The same call with the same `runId` resumes a run that was paused or broken off.
 * Whatever happens after the first sample is asked for is reported in the result: its `status` is `done`, `paused` or
 * `stopped`, and its `end` says why.
 * @throws {UsageError} for options or input that cannot be used; nothing was started.
 * @throws {JournalError} when the journal cannot be opened.
 * @throws {ProcessError} `changed`, when the process is not the one that the run was started with; `threw`, when a function of
 * the process throws on the first states, before anything is asked.
 */
export async function run<Input, State, Action, Given, Result>(
  process: Process<Input, State, Action, Given, Result>,
  input: NoInfer<Given>,
  options: RunOptions,
): Promise<RunResult<State>> {
  return runOver(process, input, guarded(checkOptions('run', options)), undefined);
}

/** The same options, but with a listener that names itself where it fails. */
export function guarded<Options extends { readonly onEvent?: OnEvent }>(options: Options): Options {
  const { onEvent } = options;
  return onEvent === undefined ? options : { ...options, onEvent: guardedListener(onEvent) };
}

/** Runs a process over its own input, or over the items of a map, with options that were checked. */
export async function runOver<Input, State, Action>(
  process: Process<Input, State, Action>,
  input: unknown,
  options: RunOptions,
  items: Mapping | undefined,
): Promise<RunResult<State>> {
  requireProcess(process);
  const { clock = systemClock, signal, acceptChange = false, runId = newRunId(process.name) } = options;
  const onEvent = await listeners(process.name, options);
  return withModels(options, async (models) => {
    const { model, panel, verifier, roleModels } = models;
    const assembled = await assembleVote(process, input, { ...options, ...models });
    const { voters, rungs, roleRungs, voterModel, vote, drift, doubt } = assembled;
    if (doubt !== undefined) onEvent?.({ type: 'doubt-raised', message: doubt });
    if (voterModel !== undefined) items?.calibrate(voterModel);
    const maxRetries = maxRetriesOf(options);
    const speculation = speculationOf(options, model);
    const limits = budgetLimitsOf(options);
    if (limits !== undefined) {
      const asked = [model, ...panel, ...roleModels.values(), ...(verifier === undefined ? [] : [verifier])];
      new Budget({ limits, clock, owner: 'run' }).requirePrices(asked);
    }
    const journal = openJournal(options.journal, clock);
    const structured = await structuredOf(process, journal, options);
    if (structured.doubt !== undefined) onEvent?.({ type: 'doubt-raised', message: structured.doubt });
    items?.remember((fromStep) => journal.decisions(runId, { fromStep, limit: HISTORY_PAGE }));
    try {
      return await execute(process, input, {
        runId,
        voters,
        rungs,
        roleRungs,
        verifier,
        voterRates: voterModel?.classes.map(({ alpha, beta }) => alpha / (alpha + beta)),
        shared: voterModel?.shared,
        drift: drift && { ...drift, onAlarm: options.onDrift ?? RUN_OPTIONS.onDrift.default },
        speculation,
        items,
        hedgePercentile: options.hedge,
        accounts: accountsOf(clock),
        files: PROMPT_FILES,
        accountLimits: accountLimitsOf(options),
        budget: limits && { limits },
        answer: options.answer,
        journal,
        clock,
        random: createRandom(options.seed ?? 0),
        vote: { ...vote, structured: structured.asked },
        record: options.record ?? RUN_OPTIONS.record.default,
        maxSteps: options.maxSteps,
        maxRetries,
        acceptChange,
        howAsked,
        askRefused: options.askRefused,
        settings: settingsOf({ ...options, structured: structured.kept }),
        processSource: options.processSource ?? null,
        signal,
        onEvent,
      });
    } finally {
      if (journal !== options.journal) await journal.close();
    }
  });
}

const HISTORY_PAGE = 1_000;

/** Returns the listener of the run's events: the caller's, and OpenTelemetry's where a provider is registered. */
async function listeners(processName: string, options: RunOptions): Promise<OnEvent | undefined> {
  const { onEvent, telemetry = {}, baseUrl, clock = systemClock } = options;
  if (telemetry === false) return onEvent;
  const spans = await openTelemetry({ ...telemetry, process: processName, clock, baseUrl, folder: process.cwd() });
  if (onEvent === undefined || spans === undefined) return onEvent ?? spans;
  return (event) => {
    onEvent(event);
    spans(event);
  };
}

export function newRunId(processName: string): string {
  return `${processName}-${randomBytes(4).toString('hex')}`;
}
