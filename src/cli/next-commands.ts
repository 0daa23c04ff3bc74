import { isMap, type Json } from '../core/journal.ts';
import type { LiveRun } from '../core/journal-reader.ts';
import type { RunCommands } from '../inspection/api.ts';
import { flagOf } from '../options/flag-names.ts';
import { MAP } from './map-command.ts';
import { RUN } from './run-command.ts';
import { journalFlag } from './run-summary.ts';
import { shellWord } from './terminal.ts';

/** The commands with which a user can continue to work with a run. */
export function commandsOf(live: LiveRun, journalFile: string): RunCommands {
  const { runId, status, isWriting, totals, input, settings } = live;
  const journal = journalFlag(journalFile);
  const isOfItems = isMap(live);
  const command = (verb: string) => `mdap ${verb} ${shellWord(runId)}${journal}`;
  const source = isOfItems && !isRepeatable(live) ? null : live.processSource;
  const mapAgain = (changes: Json) =>
    `mdap map ${shellWord(source!)} ${mapFlags({ ...input.map, ...changes }, settings)}${journal}`;
  const isResumable = source !== null && !isWriting && (status === 'paused' || status === 'running');
  const again = () => {
    if (source === null) return null;
    if (!isOfItems) return `mdap run ${shellWord(source)} ${runFlags(input, settings)}${journal}`;
    // The output has another name, so that results are not overwritten.
    return mapAgain({ output: input.map.output.replace(/(\.\w+)?$/, '.again$1'), failures: undefined });
  };
  return {
    inspect: command('inspect'),
    replay: source !== null && !isOfItems && totals.steps > 0 ? command('replay') : null,
    resume: isResumable ? (isOfItems ? mapAgain({ runId }) : command('resume')) : null,
    again: again(),
  };
}

/** Whether the input still exists: a map that read stdin, or got its inputs from code, cannot be repeated. */
function isRepeatable({ input }: LiveRun): boolean {
  return typeof input.map?.file === 'string' && input.map.file !== '-';
}

/** Maximum length of an input on the command line; longer ones are better kept in a file. */
const MAX_INPUT_CHARS = 1_000;

/** Input and settings of a run as flags of `mdap run`. */
function runFlags(input: Json, settings: Json): string {
  const json = JSON.stringify(input);
  return flagsOf({ input: json.length > MAX_INPUT_CHARS ? '@input.json' : json, ...withModelFirst(settings) });
}

/** The flags of a map, whose input names its files. */
function mapFlags({ file, bytes: _, ...others }: Json, { speculate: window, ...settings }: Json): string {
  return flagsOf({ input: file, ...others, ...withModelFirst(settings), window });
}

function withModelFirst({ model, ...others }: Json): Json {
  // Otherwise the present calibration beside the journal would be used.
  const calibration = typeof others.calibration === 'string' ? {} : { calibration: false };
  return { model, ...others, ...calibration };
}

/** Omits settings that are unknown, or that the command line cannot express, such as a calibration given in code. */
function flagsOf(values: Json): string {
  const { options } = 'output' in values ? MAP : RUN;
  const flags = Object.entries(values).flatMap(([name, value]) => {
    if (name === 'calibration' && value === false) return ['--no-calibration'];
    const option = options[name];
    const flag = flagOf(name, options);
    if (option === undefined || flag === undefined || value === undefined || value === false) return [];
    if (value === true) return [flag];
    const text = option.kind.show?.(value);
    return text === undefined ? [] : [`${flag} ${shellWord(text)}`];
  });
  return flags.join(' ');
}
