import { assembleVote } from './assemble-vote.ts';
import { requireProcess } from './core/definition-check.ts';
import { UsageError } from './core/errors.ts';
import { isMap, type RunRecord, unknownRun } from './core/journal.ts';
import type { Model } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import { RED_FLAG_CODES } from './core/red-flags.ts';
import { openJournal, openModel, PROMPT_FILES } from './defaults.ts';
import { outOfSamples } from './engine/recount.ts';
import { type ReplayResult, replayRecorded } from './engine/replay-loop.ts';
import type { GivenModel } from './models/given-model.ts';
import { isSimulated } from './models/resolve.ts';
import { checkOptions, optionsIn } from './options/check.ts';
import { showGot } from './options/kinds.ts';
import { REPLAY_OPTIONS, type ReplayOptions, type RunOptions } from './options/verbs.ts';
import { resumeOptions } from './options.ts';
import { InFlight } from './voting/in-flight.ts';
import type { VoteContext } from './voting/question.ts';

/**
 * Decides the recorded samples of a run again, under another rule, margin or set of red flags. No model is called, nothing is
 * paid, and the journal stays as it is. The states are those of the run: each step is judged where the run stood, not where
 * the new decisions would have led.
 * @throws {UsageError} for options that cannot be used, for a process with effects, and for a map.
 * @throws {JournalError} `unknown-run`, when the journal has no run of that id.
 * @throws {ProcessError} `changed`, when the process is not the one of the run, unless `acceptChange`.
 */
export async function replay(process: AnyProcess, runId: string, given: ReplayOptions = {}): Promise<ReplayResult> {
  const options = checkOptions('replay', given);
  requireProcess(process);
  if (typeof runId !== 'string')
    throw new UsageError(`expected the id of a run, got ${showGot(runId)}.`, { option: 'runId' });
  const { redFlags = RED_FLAG_CODES, maxListed, acceptChange = false, onStep } = options;
  const journal = openJournal(options.journal, undefined, { mustExist: true });
  try {
    const record = await journal.find(runId);
    if (record === undefined) throw unknownRun(runId);
    if (isMap(record)) {
      throw new UsageError(
        `run ${JSON.stringify(runId)} is a map: the journal does not keep its items, without which samples cannot be read again.`,
      );
    }
    const context = await contextOf(process, record, options);
    return await replayRecorded(process, record, {
      journal,
      context,
      redFlags: new Set(redFlags),
      files: PROMPT_FILES,
      mostListed: maxListed ?? REPLAY_OPTIONS.maxListed.default,
      acceptChange,
      onStep,
    });
  } finally {
    if (journal !== options.journal) await journal.close();
  }
}

/** Assembles the voters of the run, and the rule by which their votes are to be counted now. */
async function contextOf(process: AnyProcess, record: RunRecord, options: ReplayOptions): Promise<VoteContext> {
  const merged = mergedOptions(record, options);
  const model = await namedModel(merged.model, merged);
  const panel = await Promise.all(
    (merged.panel ?? []).map((member) => namedModel(member, { ...merged, price: undefined })),
  );
  const roleModels = new Map<string, Model>();
  for (const [role, asked] of Object.entries(merged.roles ?? {})) {
    roleModels.set(role, await namedModel(asked, { ...merged, price: undefined }));
  }
  const { voters, rungs, roleRungs, vote } = await assembleVote(process, record.input, {
    ...merged,
    model,
    panel,
    roleModels,
    verifier: undefined,
  });
  return {
    settings: vote,
    voters: voters.map((voter) => ({
      sampler: { model: voter.model, sample: outOfSamples },
      form: voter.form,
      variant: process.forms[voter.form]!.name,
    })),
    rungs,
    roleRungs,
    inFlight: new InFlight(),
    monotonicMs: () => 0,
    onSample: () => {},
  };
}

const {
  journal: _,
  redFlags: __,
  maxListed: ___,
  onStep: ____,
  acceptChange: _____,
  ...RULES_OF_REPLAY
} = REPLAY_OPTIONS;

/** Returns the options of the run, changed by those given. Recorded ones that contradict those given are dropped. */
function mergedOptions(record: RunRecord, options: ReplayOptions): RunOptions {
  const { rule, k, calibration } = options;
  const merged = resumeOptions(record, optionsIn(RULES_OF_REPLAY, options));
  if (rule === undefined) {
    // A margin needs a rule that has one; a calibration needs the rule evidence, which reads it.
    if (k !== undefined) return { ...merged, rule: merged.rule === 'evidence' ? undefined : merged.rule };
    return calibration === undefined ? merged : { ...merged, rule: 'evidence' };
  }
  return merged.k === 'auto' && rule !== 'ahead-by-k' ? { ...merged, k: undefined } : merged;
}

/** Makes a model for its name alone, or for the rates of a simulated one: nothing is loaded or asked. */
async function namedModel(model: GivenModel, options: RunOptions): Promise<Model> {
  if (typeof model !== 'string') return openModel({ ...options, model });
  if (isSimulated(model, options.baseUrl)) return openModel({ ...options, model });
  return { id: model, price: options.price, generate: outOfSamples };
}
