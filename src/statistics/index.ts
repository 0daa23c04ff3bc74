// `mdap/rules`: when a tally is a decision.

export type { VoterModel } from './evidence.ts';
export { evidenceRule } from './evidence-rule.ts';
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
} from './stop-rules.ts';
export { Tally } from './tally.ts';
