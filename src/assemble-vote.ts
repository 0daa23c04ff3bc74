import { UsageError } from './core/errors.ts';
import type { Model } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import { parseInput } from './core/schema.ts';
import type { OpenedModels } from './defaults.ts';
import { openCalibrationFor } from './open-calibration.ts';
import { checkOption } from './options/check.ts';
import { RUN_OPTIONS, type RunOptions } from './options/verbs.ts';
import { ESCALATIONS, type Escalation } from './options/voting.ts';
import { DEFAULT_TARGET, plainRule, voteSettings } from './options.ts';
import {
  type CalibratedVoters,
  type Calibration,
  type ClassFigures,
  dissentWatch,
  driftRates,
  figuresOf,
  requireClass,
  type VoterName,
  voterModelOf,
} from './planning/calibration.ts';
import { marginFor } from './planning/forecast.ts';
import { planByRates, requireSteps, stepError } from './planning/scaling-laws.ts';
import { evidenceRule } from './statistics/evidence-rule.ts';
import type { StopRule } from './statistics/stop-rules.ts';
import type { Rung } from './voting/question.ts';

/**
 * Decides who votes and by which rule. Where there is a calibration and no other rule is asked for, that is the evidence rule.
 */
export async function assembleVote(process: AnyProcess, rawInput: unknown, options: RunOptions & OpenedModels) {
  const { model, panel, roleModels, verifier, rule, k, variants, escalate, maxVotes } = options;
  const calibration = openCalibrationFor(process, model, options);
  const isByEvidence = rule === 'evidence' || (calibration !== undefined && rule === undefined && k === undefined);
  const assembled = assembleVoters({
    process,
    model,
    panel,
    variants,
    // A majority takes a fixed number of votes, so no further voters can be added.
    escalate: rule === 'majority' ? [] : escalate,
    roles: roleModels,
    hasVerifier: verifier !== undefined,
    calibration: isByEvidence ? calibration : undefined,
  });
  const names = assembled.voters.map((voter) => nameOf(process, voter));
  const figures = calibration && figuresOf(calibration);
  const stepsBecause = async (why: string) =>
    checkOption(RUN_OPTIONS, 'steps', options.steps ?? requireSteps(process, await parseInput(process, rawInput), why));
  const { target = DEFAULT_TARGET } = options;
  let stopRule: StopRule;
  let voterModel: CalibratedVoters | undefined;
  if (isByEvidence && figures !== undefined) {
    const steps = await stepsBecause(', and the rule evidence must know how much error one of them is allowed');
    voterModel = voterModelOf(figures, names);
    stopRule = evidenceRule({ ...voterModel, maxError: stepError({ target, steps }), maxVotes });
  } else if (k === 'auto' && figures !== undefined) {
    requireNoRates(options);
    const steps = await stepsBecause(', and the margin depends on it');
    const inTurn = assembled.rungs[0]!.voters.map((voter) => requireClass(figures, names[voter]!));
    stopRule = plainRule({ ...options, k: requireMargin(inTurn, { target, steps }) });
  } else {
    stopRule = plainRule({ ...options, k: k === 'auto' ? (await planByRates(process, rawInput, options)).margin : k });
  }
  const first = assembled.rungs[0]!.voters.map((voter) => names[voter]!);
  const isSuspicious = figures && dissentWatch(figures, names[0]!);
  return {
    ...assembled,
    voterModel,
    vote: { ...voteSettings(stopRule, options), isSuspicious },
    drift: figures && driftRates(figures, first),
    doubt: voterModel?.isPriceMissing
      ? 'not every price is known, so the next voter is the one that adds most evidence a vote, not a dollar (give ' +
        'options.price, or calibrate again with a price for each)'
      : undefined,
  };
}

function nameOf(process: AnyProcess, { model, form }: Voters['voters'][number]): VoterName {
  return { model: model.id, variant: process.forms[form]!.name };
}

/** Returns the largest margin that any of the voters needs, since they take turns. */
function requireMargin(voters: readonly ClassFigures[], run: { readonly target: number; readonly steps: number }) {
  const margins = voters.map((voter) => {
    const found = marginFor(voter, run);
    if (typeof found === 'number') return found;
    const problem = `auto finds no margin by the calibration of ${voter.model} (${voter.variant}): ${found.cannot}.`;
    throw new UsageError(problem, { option: 'k' });
  });
  return Math.max(...margins);
}

/** Refuses `p` and `v` beside a calibration, which measured both: it would not be clear which of the two counts. */
function requireNoRates({ p, v, rule }: RunOptions): void {
  if (rule !== undefined && rule !== 'ahead-by-k') {
    throw new UsageError(
      `expected ahead-by-k, the only one whose k can be chosen, got ${rule}: give options.k as a number instead of 'auto'.`,
      { option: 'rule' },
    );
  }
  if (p === undefined && v === undefined) return;
  throw new UsageError(
    'expected none beside a calibration, which measured it: choose k by one or the other, or omit options.calibration.',
    { option: p === undefined ? 'v' : 'p' },
  );
}

export interface Voters {
  readonly voters: readonly { readonly model: Model; readonly form: number }[];
  readonly rungs: readonly Rung[];
  /** The rungs of each role that has a model of its own. */
  readonly roleRungs: ReadonlyMap<string, readonly Rung[]>;
}

/**
 * Decides who votes. At first some forms of the process vote, all on one model. On a contested step all of its forms follow,
 * then the further models of the panel (from the start, where `escalate` leaves them out), then a verifier, beside which the
 * voters of the rung before continue. With a calibration only the forms that it knows take part.
 * @throws {UsageError} for more variants than there are, and for a panel that the calibration does not know.
 */
function assembleVoters(options: {
  readonly process: AnyProcess;
  readonly model: Model;
  readonly panel: readonly Model[];
  readonly variants: number | 'all' | undefined;
  readonly escalate: readonly Escalation[] | undefined;
  readonly hasVerifier: boolean;
  readonly calibration: Calibration | undefined;
  /** The model that is asked at the steps of a role, in place of `model`. The further rungs are the same for all roles. */
  readonly roles?: ReadonlyMap<string, Model>;
}): Voters {
  const {
    process,
    model,
    panel,
    variants,
    escalate = ESCALATIONS,
    hasVerifier,
    calibration,
    roles = new Map(),
  } = options;
  const members = panel.map((member) => ({ model: member, form: 0 }));
  const forms = formsOf(process, variants).map((form) => ({ model, form }));
  const voters: { model: Model; form: number }[] = escalate.includes('panel') ? forms : [...forms, ...members];
  const rungs: Rung[] = [{ name: 'votes', voters: [...voters.keys()] }];
  const isKnown = (voter: (typeof voters)[number]) =>
    calibration === undefined ||
    calibration.classes.some(
      (known) => known.model === voter.model.id && known.variant === process.forms[voter.form]!.name,
    );
  const stranger = members.find((member) => !isKnown(member))?.model;
  if (stranger !== undefined) {
    throw new UsageError(
      `expected models that the calibration knows, as its rule must know how far to trust them, got ${stranger.id}: ` +
        'calibrate with the same options.panel, or decide by options.k.',
      { option: 'panel' },
    );
  }
  const add = (name: Escalation, more: typeof voters, others: readonly number[]) => {
    const known = more.filter(isKnown);
    if (known.length === 0) return;
    const indices = known.map((_, i) => voters.length + i);
    voters.push(...known);
    rungs.push({ name, voters: [...others, ...indices] });
  };
  for (const name of ESCALATIONS) {
    if (!escalate.includes(name)) continue;
    if (name === 'variants') {
      const rest = process.forms.map((_, form) => ({ model, form })).slice(forms.length);
      add(name, rest, [...voters.keys()]);
    } else if (name === 'panel') add(name, members, []);
    else if (hasVerifier) rungs.push({ name, voters: rungs.at(-1)!.voters });
  }
  const roleRungs = new Map<string, readonly Rung[]>();
  for (const [role, asked] of roles) {
    const own = forms.map((_, i) => voters.length + i);
    voters.push(...forms.map(({ form }) => ({ model: asked, form })));
    roleRungs.set(role, [{ name: 'votes', voters: own }, ...rungs.slice(1)]);
  }
  return { voters, rungs, roleRungs };
}

/**
 * Decides who is calibrated, which is who votes in a run: the model in some forms of the process, and each model of the panel
 * in its main form.
 * @throws {UsageError} for more variants than there are, and for a model that is named twice.
 */
export function calibratedVoters(options: {
  readonly process: AnyProcess;
  readonly model: Model;
  readonly panel: readonly Model[];
  readonly variants: number | 'all' | undefined;
}): { readonly model: Model; readonly forms: readonly number[] }[] {
  const { process, model, panel, variants } = options;
  const names = [model, ...panel].map(({ id }) => id);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new UsageError(`expected models other than each other, got ${twice} twice.`, { option: 'panel' });
  }
  return [{ model, forms: formsOf(process, variants) }, ...panel.map((member) => ({ model: member, forms: [0] }))];
}

/** Returns the indices of the forms that vote from the start. */
function formsOf(process: AnyProcess, variants: number | 'all' = 1): number[] {
  const { forms, name } = process;
  const count = variants === 'all' ? forms.length : variants;
  if (count > forms.length) {
    throw new UsageError(
      `expected at most ${forms.length}, all that process ${JSON.stringify(name)} has, got ${count}.`,
      { option: 'variants' },
    );
  }
  return Array.from({ length: count }, (_, form) => form);
}
