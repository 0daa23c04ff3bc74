import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { openJournal, systemClock } from '../defaults.ts';
import { type MapResult, map } from '../map.ts';
import { resolveBatchModel } from '../models/resolve.ts';
import type { MapOptions } from '../options.ts';
import { growHeapFor } from './heap.ts';
import { countItems, estimateSteps, type ItemFlags, itemInputs } from './item-inputs.ts';
import { fileSink } from './item-results.ts';
import { fileSource, readItems, requireFile } from './item-rows.ts';
import { fileBeside } from './journal-files.ts';
import { type VerbFlags, verbOptions } from './options.ts';
import { loadProcess } from './process-source.ts';
import { progress } from './progress.ts';
import { formatOf } from './record-file.ts';
import { decidingCalibration, pausable, requireModel } from './run.ts';
import {
  DOUBTFUL_STEPS_NAMED,
  describeVotes,
  exitCodeWith,
  journalFlag,
  showChance,
  summaryLines,
} from './run-summary.ts';
import {
  plural,
  printable,
  printableJson,
  shellWord,
  showCount,
  showDuration,
  showNumber,
  showPace,
} from './terminal.ts';
import { writeWhole } from './write-whole.ts';

interface MapFlags extends VerbFlags<'map'>, ItemFlags {
  readonly input?: string;
  readonly output?: string;
  readonly failures?: string;
  readonly batch?: boolean;
}

/** Number of items in a round of `--batch`. */
const BATCH_ITEMS = 10_000;
const BATCH_CALLS = 100_000;

/** Exit code 0 if every item has been processed, even if some failed; stderr and --json give their number. */
export async function mapCommand(source: string, flags: MapFlags): Promise<number> {
  requireModel(flags);
  const { input, output } = flags;
  if (input === undefined || output === undefined) {
    throw new UsageError('expected both --input and --output, as in --input items.jsonl --output results.jsonl.');
  }
  const failures = flags.failures ?? failuresFile(output, formatOf(input));
  const files = [input, output, failures].map((file) => (file === '-' ? file : resolve(file)));
  if (new Set(files).size < files.length) {
    throw new UsageError(
      `expected three files as --input, --output and --failures, got ${[input, output, failures].join(', ')}.`,
    );
  }
  if (formatOf(failures) === 'csv' && formatOf(input) !== 'csv') {
    throw new UsageError(`expected a file of JSON Lines, as the items are, got ${failures}.`, { option: 'failures' });
  }
  const loaded = await loadProcess(source);
  requireFile('input', input);
  const { schema, folder, toInput } = itemInputs(loaded, flags, input);
  const from = fileSource(input);
  const settings = { ...from, output, failures, ...rowSettings(flags, folder) };
  const runId = flags.runId ?? defaultRunId(loaded.process.name, settings);
  await requireFresh(runId, flags.journal, [output, failures]);
  const calibration = decidingCalibration(loaded.process, flags);
  let counted: number | undefined;
  const count = () => {
    counted ??= countItems(input);
    return counted;
  };
  // The decision rule depends on it.
  const isStepsNeeded = flags.steps === undefined && (calibration || flags.k === 'auto');
  const steps = isStepsNeeded ? await estimateSteps(loaded.process, input, toInput, count) : flags.steps;
  if (isStepsNeeded && steps !== undefined) {
    process.stderr.write(`the items take about ${plural(steps, 'step')} (--steps sets another number)\n`);
  }
  const sink = fileSink({ input, output, failures, columns: columnsOf(schema) });
  const total = process.stderr.isTTY && input !== '-' ? count() : undefined;
  const batched = flags.batch ? await openBatchModel(flags, runId) : undefined;
  const sizes = flags.batch ? { window: BATCH_ITEMS, maxConcurrency: BATCH_CALLS } : {};
  growHeapFor(batched === undefined ? (flags.maxConcurrency ?? 0) : 0);
  const result = await pausable((signal) =>
    map(loaded.process, readItems(input, toInput), {
      ...sizes,
      ...(verbOptions('map', { ...flags, calibration, steps }) as MapOptions),
      ...(batched === undefined ? {} : { model: batched.model }),
      runId,
      sink,
      source: settings,
      processSource: loaded.source,
      signal,
      onEvent: progress({ output: process.stderr, clock: systemClock, totalSteps: total, items: () => sink.counts }),
    }),
  ).finally(async () => {
    sink.close();
    await batched?.model.close?.();
  });
  if (result.status === 'done') batched?.forget();
  process.stdout.write(
    flags.json
      ? `${printableJson(result)}\n`
      : describeMap(result, { output, failures, again: againWith(failures, folder) }, flags.journal),
  );
  const next =
    result.status === 'paused'
      ? 'The same command again resumes it.'
      : `Look closer: mdap inspect ${shellWord(runId)}${journalFlag(flags.journal)}`;
  return exitCodeWith(result, next);
}

/** What a resumed map must have in common with this one, beside its file. */
function rowSettings({ as, with: constants, schema, fileField }: MapFlags, fileFolder: string | undefined) {
  return { as, with: constants, schema, fileField, fileFolder };
}

/** What the failures need to be the input of another map, if they do not lie where the paths in them lead from. */
function againWith(failures: string, folder: string | undefined): string {
  if (folder === undefined || dirname(resolve(failures)) === folder) return '';
  return ` with --file-folder ${shellWord(printable(folder))}`;
}

/** Batches that were sent are kept beside the journal until the map is done. */
async function openBatchModel(flags: MapFlags, runId: string) {
  const { model, baseUrl, price } = flags;
  if (typeof model !== 'string') throw new UsageError('expected the name of a model.', { option: 'batch' });
  const file = fileBeside(flags.journal, `batches-${runId}`);
  const rounds = new Map<string, number>();
  return {
    model: await resolveBatchModel(model, {
      clock: systemClock,
      baseUrl,
      price,
      environment: process.env,
      folder: process.cwd(),
      store: {
        load: () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []),
        save: (batches) => writeWhole(file, JSON.stringify(batches)),
      },
      onBatch: ({ batchId, requests, status }) => {
        const round = rounds.get(batchId) ?? rounds.size + 1;
        rounds.set(batchId, round);
        process.stderr.write(
          `batch ${round} (${printable(batchId)}): ${plural(requests, 'request')}, ${printable(status)}\n`,
        );
      },
    }),
    forget: () => rmSync(file, { force: true }),
  };
}

/** Derives the run id, so that the same command again is the same map. */
function defaultRunId(name: string, settings: { readonly file: string; readonly output: string }): string {
  const files = [settings.file, settings.output].map((file) => resolve(file));
  return `map-${name}-${createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 8)}`;
}

/** @throws {UsageError} if a new map would overwrite results. */
async function requireFresh(runId: string, journalFile: string, files: readonly string[]): Promise<void> {
  const full = files.find((file) => existsSync(file) && statSync(file).size > 0);
  if (full === undefined) return;
  if (existsSync(journalFile)) {
    const journal = openJournal(journalFile, systemClock);
    const found = await journal.find(runId).finally(() => journal.close());
    if (found !== undefined) return;
  }
  throw new UsageError(`${full} already has content: move it away, or choose another file.`, { option: 'output' });
}

/** The file of failures, in the format of the input, so that it can be the input of another map. */
function failuresFile(output: string, format: string): string {
  return output.replace(/(\.\w+)?$/, `.failures.${format}`);
}

/** The columns of a CSV file: the requested fields. */
function columnsOf(schema: unknown): string[] | undefined {
  if (schema === undefined) return undefined;
  const given = schema as { type?: unknown; properties?: object };
  return Object.keys(given.type === 'object' && typeof given.properties === 'object' ? given.properties : given);
}

function describeMap(
  result: MapResult,
  files: { readonly output: string; readonly failures: string; readonly again: string },
  journalFile: string,
): string {
  const { done, undecided, invalid } = result.items ?? { done: 0, undecided: 0, invalid: 0 };
  const all = done + undecided + invalid;
  const failed = [
    ...(undecided > 0 ? [`${showCount(undecided)} undecided`] : []),
    ...(invalid > 0 ? [`${showCount(invalid)} invalid`] : []),
  ];
  const perItem = result.steps > 0 ? ` (${showNumber(result.votes / result.steps, 3)} votes a step)` : '';
  const pace = result.wallMs > 0 && all > 0 ? `, ${showPace((1_000 * all) / result.wallMs, 'item')}` : '';
  const wrong = result.wrongSteps === null ? '' : `, ${showCount(result.wrongSteps)} wrong against the reference`;
  const leastCertain = result.leastCertain
    .slice(0, DOUBTFUL_STEPS_NAMED)
    .map(
      ({ index, certainty, firstStep }) => `item ${index} (step ${firstStep}, wrong with ${showChance(1 - certainty)})`,
    );
  const rows: (readonly [string, string])[] = [
    ['map', printable(`${result.runId} of ${result.process}`)],
    ['items', `${showCount(all)}: ${[`${showCount(done)} done`, ...failed].join(', ')}${wrong}`],
    ...describeVotes(result, perItem, leastCertain),
    ['time', `${showDuration(result.wallMs)}${pace}`],
    ['results', printable(files.output)],
    ...(failed.length > 0
      ? [['failures', `${printable(files.failures)} (can be the --input of another map${files.again})`] as const]
      : []),
  ];
  const lines = summaryLines(result.status, rows);
  if (result.contestedSteps > 0 || undecided > 0) {
    lines.push(`look closer: mdap inspect ${shellWord(result.runId)}${journalFlag(journalFile)}`);
  }
  return `${lines.join('\n')}\n`;
}
