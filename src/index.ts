// What a user writes

export { type BenchReport, bench, inputsOf, sizesFor } from './bench.ts';
export { calibrate } from './calibrate.ts';
export {
  type Comparison,
  compare,
  type ModelComparison,
  type SubtaskComparison,
} from './compare.ts';
export type { Cell, Measure, Trial } from './comparison/figures.ts';
// Ports and their adapters
export type { Arrangement, Method, Outcome } from './comparison/method.ts';
export { METHODS, methodByName } from './comparison/methods/index.ts';
export type { Task } from './comparison/suite.ts';
export { candidateKey } from './core/candidate.ts';
export type { Clock } from './core/clock.ts';
// Errors
export {
  BudgetError,
  JournalError,
  MdapError,
  ModelError,
  ProcessError,
  type Recovery,
  UsageError,
} from './core/errors.ts';
export type { OnEvent, RunEvent } from './core/events.ts';
export type { Fingerprint } from './core/fingerprint.ts';
export type * from './core/journal.ts';
export type * from './core/journal-reader.ts';
export type { FinishReason, Model, ModelRequest, Price, Sample } from './core/model.ts';
export {
  defineProcess,
  type EffectContext,
  inSubtasks,
  type Process,
  type ProcessDefinition,
  type Prompt,
  type StepSubject,
} from './core/process.ts';
export { RED_FLAG_CODES, type RedFlag, type RedFlagCode, redFlag } from './core/red-flags.ts';
export { type DecideQuestion, decide } from './decide.ts';
export { openJournal, openJournalReader, systemClock } from './defaults.ts';
export type { DoubtfulItem, Item, ItemResult, ItemSink } from './engine/item.ts';
export type { ReplayCost, ReplayedStep, ReplayResult } from './engine/replay-loop.ts';
export type { RecordPolicy } from './engine/run-dependencies.ts';
export type { RunResult } from './engine/run-loop.ts';
export { type MemoryJournal, memoryJournal } from './journals/memory.ts';
export { sqliteJournal } from './journals/sqlite.ts';
export type { SqliteJournalOptions } from './journals/sqlite-file.ts';
export { type SqliteReaderOptions, sqliteJournalReader } from './journals/sqlite-reader.ts';
export { MapEndedError, type MappedItems, type MapResult, map } from './map.ts';
export { aiSdkModel } from './models/ai-sdk.ts';
export { openAiCompatibleModel } from './models/openai-compatible.ts';
export { resolveModel } from './models/resolve.ts';
export { type ScriptedReply, scriptedModel } from './models/scripted.ts';
export { type SimulatedModelOptions, simulatedModel } from './models/simulated.ts';
export {
  type BenchOptions,
  type CalibrateOptions,
  type CompareOptions,
  type DecideOptions,
  type DecomposeOptions,
  type MapOptions,
  type ModelOptions,
  type PlanOptions,
  type ReplayOptions,
  type RunOptions,
  resumeOptions,
  type SolveOptions,
} from './options.ts';
export { type CalibratedPlan, plan } from './plan.ts';
export { type Calibration, type CalibrationFigures, figuresOf } from './planning/calibration.ts';
export type { Forecast, Outlook, RuleForecast } from './planning/forecast.ts';
// Plan, run, decide
export { type Plan, type PlanInput, scalingLaws } from './planning/scaling-laws.ts';
export { replay } from './replay.ts';
export { run } from './run.ts';
export { decompose, type SolveResult, solve } from './solve.ts';
export { type EventsMissed, type StartedRun, start } from './start.ts';
export type { VoterModel } from './statistics/evidence.ts';
export { evidenceRule } from './statistics/evidence-rule.ts';
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
} from './statistics/stop-rules.ts';
export { Tally } from './statistics/tally.ts';
export type { Decision, Undecided, VoteRecord } from './voting/question.ts';
