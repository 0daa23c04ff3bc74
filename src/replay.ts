import { assembleVote } from './assemble-vote.ts';
import { UsageError } from './core/errors.ts';
import { isMap, type RunRecord, unknownRun } from './core/journal.ts';
import type { Model } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import { RED_FLAG_CODES, type RedFlagCode } from './core/red-flags.ts';
import { openJournal, openModel } from './defaults.ts';
import { outOfSamples } from './engine/recount.ts';
import { type ReplayedStep, type ReplayResult, replayRecorded } from './engine/replay-loop.ts';
import { isSimulated } from './models/resolve.ts';
import { openShare, type RunOptions, resumeOptions, wholeNumber } from './options.ts';
import { InFlight } from './voting/in-flight.ts';
import type { VoteContext } from './voting/question.ts';

/** What is not given is as the run had it last. */
export interface ReplayOptions
  extends Pick<
    RunOptions,
    | 'rule'
    | 'k'
    | 'maxVotes'
    | 'maxOutputTokens'
    | 'calibration'
    | 'acceptCalibration'
    | 'target'
    | 'steps'
    | 'acceptChange'
    | 'journal'
  > {
  /**
   * The flags that count; all by default. A sample with no other flag becomes a vote if its text can be parsed. So
   * `malformed` counts always: there is no action to vote for.
   */
  readonly redFlags?: readonly RedFlagCode[];
  /** Most steps of each kind that the result lists; 10 by default. */
  readonly mostListed?: number;
  /** Called for each step that has recorded samples, in order. */
  readonly onStep?: (step: ReplayedStep) => void;
}

const DEFAULT_LISTED = 10;

/**
 * Decides a run's recorded samples again, under another rule, margin or set of red flags. Nothing is asked or paid, and the
 * journal stays as it is. States are those of the run: each step is judged where the run stood, not where the new
 * decisions would have led.
 * @throws {UsageError} for options that cannot be used, for a process with effects, and for a map.
 * @throws {JournalError} `unknown-run`
 * @throws {ProcessError} `changed`, when the process is not the one of the run, unless `acceptChange`.
 */
export async function replay(process: AnyProcess, runId: string, options: ReplayOptions = {}): Promise<ReplayResult> {
  const { redFlags = RED_FLAG_CODES, mostListed = DEFAULT_LISTED, acceptChange = false, onStep } = options;
  const unknown = redFlags.find((code) => !RED_FLAG_CODES.includes(code));
  if (unknown !== undefined) {
    throw new UsageError(`redFlags: expected some of ${RED_FLAG_CODES.join(', ')}, got ${JSON.stringify(unknown)}.`);
  }
  wholeNumber('mostListed', mostListed, { least: 0 });
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
      mostListed,
      acceptChange,
      onStep,
    });
  } finally {
    if (journal !== options.journal) await journal.close();
  }
}

/** Who voted in the run, and by which rule they are to be counted now. */
async function contextOf(process: AnyProcess, record: RunRecord, options: ReplayOptions): Promise<VoteContext> {
  const merged = mergedOptions(record, options);
  openShare('target', merged.target);
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

/** The options of the run, changed by those given; what these leave open is not filled by what contradicts them. */
function mergedOptions(record: RunRecord, options: ReplayOptions): RunOptions {
  const { rule, k, maxVotes, maxOutputTokens, calibration, acceptCalibration, target, steps } = options;
  const given = { rule, k, maxVotes, maxOutputTokens, calibration, acceptCalibration, target, steps };
  const merged = resumeOptions(record, given);
  if (rule === undefined) {
    // A margin asks for a rule that has one, a calibration for the rule that reads it.
    if (k !== undefined) return { ...merged, rule: merged.rule === 'evidence' ? undefined : merged.rule };
    return calibration === undefined ? merged : { ...merged, rule: 'evidence' };
  }
  return merged.k === 'auto' && rule !== 'ahead-by-k' ? { ...merged, k: undefined } : merged;
}

/** Only for its name, and for the rates of a simulated one: nothing is loaded or asked. */
async function namedModel(model: string | Model, options: RunOptions): Promise<Model> {
  if (typeof model !== 'string') return model;
  if (isSimulated(model, options.baseUrl)) return openModel({ ...options, model });
  return { id: model, price: options.price, generate: outOfSamples };
}
