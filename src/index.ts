// This entry has what most people need. Stop rules, planning, bench, journals, processes and testing have entries of their own:
// see `exports` in package.json.

// The verbs
export { calibrate } from './calibrate.ts';
export { compare } from './compare.ts';
// Ports, and what events and results are made of
export { candidateKey } from './core/candidate.ts';
export type { Clock } from './core/clock.ts';
export {
  BudgetError,
  JournalError,
  MdapError,
  ModelError,
  ProcessError,
  UsageError,
} from './core/errors.ts';
export type { RunEvent } from './core/events.ts';
export type { Journal, Json } from './core/journal.ts';
export type { Model, ModelRequest, Price, Sample } from './core/model.ts';
// What a user writes
export { defineProcess, type Process, type ProcessDefinition, type Prompt } from './core/process.ts';
export type { PromptPart } from './core/prompt-parts.ts';
export { type RedFlag, redFlag } from './core/red-flags.ts';
export type { RunEnd } from './core/run-end.ts';
export { type DecideQuestion, decide } from './decide.ts';
export { systemClock } from './defaults.ts';
export type { Item, ItemResult, ItemSink } from './engine/item.ts';
export type { RunResult } from './engine/run-result.ts';
export { memoryJournal } from './journals/memory.ts';
export { MapEndedError, type MappedItems, type MapResult, map } from './map.ts';
// Models
export { aiSdkModel } from './models/ai-sdk.ts';
export { openAiCompatibleModel } from './models/openai-compatible.ts';
export { resolveModel } from './models/resolve.ts';
export { scriptedModel } from './models/scripted.ts';
export { simulatedModel } from './models/simulated.ts';
export { type TinyModel, tinyModel } from './models/tiny.ts';
export {
  type DecideOptions,
  type DecomposeOptions,
  type MapOptions,
  type PlanOptions,
  type RunOptions,
  resumeOptions,
  type SolveOptions,
} from './options.ts';
export { plan } from './plan.ts';
export { replay } from './replay.ts';
export { run } from './run.ts';
export { decompose, solve } from './solve.ts';
export { type StartedRun, start } from './start.ts';
export type { Decision, Undecided } from './voting/question.ts';
