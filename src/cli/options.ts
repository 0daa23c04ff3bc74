import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Price } from '../core/model.ts';
import { DEFAULT_JOURNAL_FILE } from '../defaults.ts';
import { DRIFT_POLICIES, RECORD_POLICIES } from '../engine/run-dependencies.ts';
import { optionsIn } from '../options/check.ts';
import type { OptionsOf } from '../options/option.ts';
import { OPTIONS, type Verb } from '../options/verbs.ts';
import { ESCALATIONS, type Escalation } from '../options/voting.ts';
import type { RunOptions } from '../options.ts';
import { RULE_NAMES } from '../statistics/stop-rules.ts';

// The names that commander makes of the flags are those of the library's options, so that they pass through as they are.

export function addModelOptions(command: Command): Command {
  return command
    .option('--model <id>', 'simulated:p=0.99,v=0.97 | provider/model | gguf:PATH | a name that --base-url knows')
    .option('--base-url <url>', 'an OpenAI-compatible server; its key comes from MDAP_API_KEY or OPENAI_API_KEY')
    .option(
      '--price <in,out>',
      'of the model: US dollars per million input and output tokens, as in 0.15,0.60',
      parsePrice,
    )
    .option('--timeout-ms <ms>', 'longest time of one call', parseNumber)
    .option('--seed <n>', 'of the simulated model and of the pauses between tries', parseNumber);
}

/** How samples are drawn, for whatever they are. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option('--max-output-tokens <n>', 'a longer reply is a red flag (default: 750)', parseNumber)
    .option('--first-temperature <t>', "of a voter's first sample on a step (default: 0)", parseNumber)
    .option('--temperature <t>', 'of all its later samples (default: 0.1)', parseNumber)
    .option('--max-concurrency <n>', 'most calls in flight (default: 16)', parseNumber)
    .option('--requests-per-minute <n>', "of the provider's account (default: found out)", parseNumber)
    .option('--tokens-per-minute <n>', 'the same in tokens', parseNumber)
    .option('--max-retries <n>', 'further tries of a call that failed in passing (default: 5)', parseNumber);
}

export function addBudgetOptions(command: Command): Command {
  return command
    .option('--budget-usd <n>', 'pause when so many US dollars are spent; resume with more', parseNumber)
    .option('--budget-tokens <n>', 'the same in tokens, in and out', parseNumber)
    .option('--budget-calls <n>', 'the same in samples', parseNumber)
    .option('--budget-minutes <n>', 'the same in minutes of execution', parseNumber);
}

/** `--variants`; what happens without it differs. */
export function addVariantsOption(command: Command, withoutIt: string): Command {
  return command.option('--variants <n|all>', `forms of the prompt that take turns ${withoutIt}`, countOr('all'));
}

export function addVoteOptions(command: Command): Command {
  command
    .addOption(
      new Option('--rule <name>', 'when a step is decided (default: ahead-by-k)').choices([...RULE_NAMES, 'evidence']),
    )
    .option(
      '--k <n|auto>',
      'margin of ahead-by-k, size of other rules; auto: the least that reaches --target (default: 3)',
      parseK,
    );
  addVariantsOption(command, 'from the first vote on (default: 1)')
    .option('--panel <a,b>', 'further models, for steps that the first one contests', parseModels)
    .option('--verifier <id>', 'a model that is asked whether a contested candidate is right; may be the same')
    .option(
      '--escalate <what>',
      'who takes over a contested step: variants, panel, verifier, none (default: all; without panel it votes at once)',
      parseEscalate,
    )
    .option('--max-votes <n>', 'votes after which a step is undecided', parseNumber);
  return addBudgetOptions(addSamplingOptions(command))
    .option(
      '--speculate <n>',
      'steps that are voted on ahead, from what leads so far (default: 16; 0 for models on this machine)',
      parseNumber,
    )
    .option(
      '--first-draws <n>',
      'draws of its first round, where steps are voted on ahead (default: as needed)',
      parseNumber,
    )
    .option(
      '--hedge <p95>',
      'make calls twice that take longer than so many of a hundred (default: none)',
      parsePercentile,
    )
    .option('--max-waste <share>', 'of the calls that this may waste (default: 0.2)', parseNumber)
    .option('--max-steps <n>', 'pause after so many steps', parseNumber)
    .addOption(
      new Option('--record <what>', 'sampled texts that the journal keeps (default: contested)').choices(
        RECORD_POLICIES,
      ),
    )
    .option('--accept-change', 'resume although the process definition has changed; journaled');
}

export function addPlanOptions(command: Command): Command {
  return command
    .option('--target <t>', 'chance wanted for a run without a wrong decision (default: 0.95)', parseNumber)
    .option('--p <p>', 'success rate of a vote; a simulated model knows its own', parseNumber)
    .option('--v <v>', 'share of samples that become votes (default: 1, or as the simulated model)', parseNumber);
}

export function addCalibrationOptions(command: Command): Command {
  return command
    .option(
      '--calibration <file>',
      'what `mdap calibrate` wrote; by default the one of this process beside the journal',
    )
    .option('--no-calibration', 'decide without one')
    .option('--accept-calibration', 'use one of another version of the process, or of another model')
    .addOption(
      new Option('--on-drift <what>', 'when dissents or flags exceed the calibration (default: note)').choices(
        DRIFT_POLICIES,
      ),
    )
    .option('--steps <n>', 'number of steps, where the process does not say', parseNumber);
}

/** Where `mdap calibrate` writes, and `mdap run` and `mdap plan` look. */
export function calibrationFile(journalFile: string, processName: string): string {
  return fileBeside(journalFile, `calibration-${processName}`);
}

/** A JSON file in the folder of the journal. */
export function fileBeside(journalFile: string, name: string): string {
  return join(dirname(journalFile), `${name.replace(/[^\w.-]/g, '_')}.json`);
}

/** What makes inputs of the rows of a file. */
export function addItemOptions(command: Command): Command {
  return command
    .option('--schema <json>', 'of extract: {"total":"number","tags":"string[]"}, a JSON schema, or @FILE')
    .option('--with <json>', 'fields that every item gets')
    .option('--as <field>', 'the field of the input that an item is (default: an item is the input)');
}

export function addJournalOption(command: Command): Command {
  return command.option('--journal <file>', 'where runs are kept', DEFAULT_JOURNAL_FILE);
}

export function addJsonOption(command: Command): Command {
  return command.option('--json', 'one JSON document on stdout and nothing else');
}

/** The options of a run as commander gives them. */
export interface RunFlags extends Omit<RunOptions, 'journal' | 'calibration'> {
  readonly journal: string;
  /** False for --no-calibration. */
  readonly calibration?: string | false;
  readonly json?: boolean;
}

/** Only the options of a verb, without those of the command line alone. */
export function verbOptions<const V extends Verb>(verb: V, flags: object): Partial<OptionsOf<(typeof OPTIONS)[V]>> {
  const { calibration, ...options } = flags as { readonly calibration?: unknown };
  return optionsIn(OPTIONS[verb], calibration === false ? options : flags) as Partial<OptionsOf<(typeof OPTIONS)[V]>>;
}

/**
 * A text from the command line: itself, `@file` or `@-` for stdin.
 * @throws {UsageError} for a file that cannot be read.
 */
export function readText(text: string, flag: string): string {
  if (!text.startsWith('@')) return text;
  try {
    return readFileSync(text === '@-' ? 0 : text.slice(1), 'utf8');
  } catch (thrown) {
    throw new UsageError(`${flag}: expected a readable file after @: ${messageOf(thrown)}.`);
  }
}

/**
 * The same as JSON.
 * @throws {UsageError} with the place where the JSON breaks.
 */
export function readInput(text: string, flag = '--input'): unknown {
  const json = readText(text, flag);
  const from = text.startsWith('@') ? (text === '@-' ? 'stdin' : text.slice(1)) : undefined;
  try {
    return JSON.parse(json);
  } catch (thrown) {
    throw new UsageError(
      `${flag}: expected JSON${from === undefined ? ' (quoted for the shell, as in \'{"disks":10}\') or @FILE' : ` in ${from}`}: ${messageOf(thrown)}.`,
    );
  }
}

/** Whole numbers of at least 1, as in 1,2,4. */
export function parseCounts(text: string): number[] {
  const counts = text.split(',').map(Number);
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 1)) {
    throw new InvalidArgumentError('Expected whole numbers of at least 1, with commas between them, as in 1,2,4.');
  }
  return counts;
}

export function parseNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('Expected a number.');
  return number;
}

function parsePercentile(text: string): number {
  return parseNumber(text.replace(/^p/, ''));
}

/** Names of models. A simulated one has commas of its own, between its options: `simulated:p=0.9,v=0.8`. */
export function parseModels(text: string): string[] {
  const names = text.split(/,(?![a-zA-Z]+=)/).map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Expected names, with commas between them.');
  return names;
}

export const parseK = countOr('auto');

function parseList(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function parseEscalate(text: string): Escalation[] {
  const names = text === 'none' ? [] : parseList(text);
  const isRung = (name: string): name is Escalation => ESCALATIONS.some((rung) => rung === name);
  if (!names.every(isRung)) throw new InvalidArgumentError(`Expected none, or some of ${ESCALATIONS.join(',')}.`);
  return names.filter(isRung);
}

/** A whole number of at least 1, or this word. */
function countOr<Word extends string>(word: Word): (text: string) => number | Word {
  return (text) => {
    if (text === word) return word;
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < 1) {
      throw new InvalidArgumentError(`Expected a whole number of at least 1, or ${word}.`);
    }
    return number;
  };
}

export function parsePrice(text: string): Price {
  const [input, output, ...rest] = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isPrice = (number: number | undefined) => number !== undefined && number >= 0 && Number.isFinite(number);
  if (!isPrice(input) || !isPrice(output) || rest.length > 0) {
    throw new InvalidArgumentError('Expected two numbers of at least 0, as in 0.15,0.60.');
  }
  return { inputUsdPerMTok: input!, outputUsdPerMTok: output! };
}
