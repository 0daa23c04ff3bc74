// What a user writes

export { type BenchOptions, type BenchReport, bench, inputsOf, sizesFor } from './bench.ts';
export type { Cell, Measure, Trial } from './bench-figures.ts';
export { type Calibration, type CalibrationFigures, figuresOf } from './calibration.ts';
export { candidateKey } from './candidate.ts';
export type { Clock } from './clock.ts';
export type { Decision, Undecided, VoteRecord } from './decide.ts';
export {
  type CalibrateOptions,
  calibrateItems,
  calibrateProcess,
  type DecideQuestion,
  decide,
  type MapOptions,
  type MapResult,
  map,
  openJournal,
  run,
  systemClock,
} from './defaults.ts';
// Errors
export { BudgetError, JournalError, MdapError, ModelError, ProcessError, type Recovery, UsageError } from './errors.ts';
export type { OnEvent, RunEvent } from './events.ts';
export { evidenceRule, type VoterModel } from './evidence.ts';
export type { Fingerprint } from './fingerprint.ts';
export type { Forecast, Outlook, RuleForecast } from './forecast.ts';
export {
  type CalibratedPlan,
  type CompareOptions,
  type Comparison,
  compareModels,
  type ModelComparison,
  type PlanOptions,
  planByCalibration,
  planRun,
  type SubtaskComparison,
} from './foretell.ts';
export type * from './journal.ts';
export { memoryJournal } from './journals/memory.ts';
export { type SqliteJournalOptions, sqliteJournal } from './journals/sqlite.ts';
export type { DoubtfulItem, Item, ItemResult, ItemSink } from './map.ts';

// Ports and their adapters
export type { Arrangement, Method, Outcome } from './method.ts';
export { METHODS, methodByName } from './methods/index.ts';
export type { FinishReason, Model, ModelRequest, Price, Sample } from './model.ts';
export { aiSdkModel, openAiCompatibleModel } from './models/ai-sdk.ts';
export { resolveModel } from './models/resolve.ts';
export { type ScriptedReply, scriptedModel } from './models/scripted.ts';
export { type SimulatedModelOptions, simulatedModel } from './models/simulated.ts';
export { type ModelOptions, type RunOptions, resumeOptions, type VoteOptions } from './options.ts';
// Plan, run, decide
export { type Plan, type PlanInput, plan, planProcess } from './plan.ts';
export {
  defineProcess,
  type EffectContext,
  inSubtasks,
  type Process,
  type ProcessDefinition,
  type Prompt,
  type StepSubject,
} from './process.ts';
export { RED_FLAG_CODES, type RedFlag, type RedFlagCode, redFlag } from './red-flags.ts';
export type { ReplayCost, ReplayedStep, ReplayResult } from './replay.ts';
export { type ReplayOptions, replayRun } from './replay-run.ts';
export type { RecordPolicy, RunResult } from './run.ts';
export { planSteps, type SolveOptions, type SolveResult, solve } from './solve.ts';
export type { Task } from './suite.ts';
// Stop rules
export {
  adaptiveConsistency,
  aheadByK,
  earlyStoppingWindows,
  firstToK,
  fixedMajority,
  type Race,
  RULE_NAMES,
  type RuleName,
  ruleByName,
  type StopRule,
  Tally,
} from './vote.ts';
