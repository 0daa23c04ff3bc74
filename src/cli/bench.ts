import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchReport, bench, inputsOf, sizesFor, templateOf } from '../bench.ts';
import { methodByName, USUAL_METHODS } from '../comparison/methods/index.ts';
import type { Task } from '../comparison/suite.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Json } from '../core/journal.ts';
import { parseInput } from '../core/schema.ts';
import { urlWithoutSecrets, withoutSecrets } from '../core/secrets.ts';
import { systemClock } from '../defaults.ts';
import type { BenchOptions } from '../options.ts';
import { BUILT_IN_PROCESSES } from '../processes/index.ts';
import { benchPage } from './bench-page.ts';
import { describeBench } from './bench-tables.ts';
import { TrialFile } from './bench-trials.ts';
import { verbOptions } from './options.ts';
import { loadProcess } from './process-source.ts';
import { pausable, requireModel } from './run.ts';
import { exitCodeWith } from './run-summary.ts';
import { plural, printable, printableJson, showCount, showDuration, truncate } from './terminal.ts';
import { readInput } from './text-input.ts';
import { readVersion } from './version.ts';

interface BenchFlags extends Partial<Omit<BenchOptions, 'journal'>> {
  readonly sizes?: readonly number[];
  readonly steps?: readonly number[];
  readonly input?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Numbers of steps of the tasks if no size is given. */
const DEFAULT_STEPS = [10, 30, 100];
/** Ablations, which differ from others only in the parser and are compared by name. */
const ABLATIONS = new Set(['hanoi-flag', 'hanoi-repair']);

/** Exit code 3 if it was interrupted or a budget is reached: the same command resumes it. */
export async function benchCommand(suite: string, flags: BenchFlags): Promise<number> {
  const { methods: names = USUAL_METHODS, sizes, steps, input, out = defaultFolder(suite), json } = flags;
  requireModel(flags);
  if (sizes !== undefined && steps !== undefined) {
    throw new UsageError('expected --sizes or --steps, got both: sizes are chosen by the steps, or given.', {
      option: 'steps',
    });
  }
  // Checked before anything is written or loaded.
  const methods = names.map((name) => (typeof name === 'string' ? methodByName(name) : name));
  const chosen = await tasksOf(suite, { input, sizes, steps });
  const files = new Map(chosen.map(({ task, template }) => [task.name, openTrials(out, task, template, flags)]));
  const report = await pausable((signal) =>
    bench({
      ...verbOptions('bench', flags),
      model: flags.model!,
      methods,
      tasks: chosen.map(({ task }) => task),
      journal: join(out, 'journal.db'),
      known: [...files.values()].flatMap(({ known }) => known),
      signal,
      onTrial: chain((trial) => files.get(trial.task)!.add(trial), showAttempts()),
    }),
  );
  writeFiles(out, report, readVersion());
  process.stdout.write(json ? `${printableJson(report)}\n` : describeBench(report));
  if (!json)
    process.stdout.write(
      `all figures: ${printable(join(out, 'bench.json'))}, as a page: ${printable(join(out, 'bench.html'))}\n`,
    );
  return exitCodeWith(report, 'The same command resumes it.');
}

/** The default folder, which the same command finds again. */
function defaultFolder(suite: string): string {
  return join('.mdap', `bench-${suite.replace(/[^\w.-]/g, '_')}`);
}

interface ChosenTask {
  readonly task: Task;
  readonly template: Json;
}

/** @throws {UsageError} if it is not a suite, or a process does not have the sizes. */
async function tasksOf(suite: string, flags: Pick<BenchFlags, 'input' | 'sizes' | 'steps'>): Promise<ChosenTask[]> {
  const found: ChosenTask[] = [];
  const names =
    suite === 'all' ? Object.keys(BUILT_IN_PROCESSES).filter((name) => !ABLATIONS.has(name)) : suite.split(',');
  if (flags.input !== undefined && names.length > 1) {
    throw new UsageError('expected one process for it, got several: omit it, or compare them one by one.', {
      option: 'input',
    });
  }
  for (const name of names) {
    const { process: definition, exampleInput } = await loadProcess(name);
    const template = flags.input === undefined ? await templateOf(definition, exampleInput) : readInput(flags.input);
    if (template === undefined) {
      if (suite === 'all') continue;
      throw new UsageError(
        `process ${JSON.stringify(name)} needs an input that says where its size goes, as in --input '{"digits":"SIZE","seed":"SEED"}'` +
          '; and it needs a `reference` and `steps`.',
        { option: 'input' },
      );
    }
    const inputOf = inputsOf(template);
    const sizes = flags.sizes ?? (await sizesFor(definition, inputOf, flags.steps ?? DEFAULT_STEPS));
    for (const size of sizes) await parseInput(definition, inputOf(size, 1));
    found.push({ task: { name, process: definition, sizes, inputOf }, template });
  }
  return found;
}

function openTrials(
  out: string,
  { name, process: { name: processName, version } }: Task,
  template: Json,
  flags: BenchFlags,
): TrialFile {
  const { model, baseUrl, seed = 1, maxOutputTokens, firstTemperature, temperature } = flags;
  const { reasoning, topP, serviceTier, headers, body } = flags;
  const identity = {
    process: processName,
    version,
    input: template,
    model,
    baseUrl: baseUrl === undefined ? undefined : urlWithoutSecrets(baseUrl),
    seed,
    maxOutputTokens,
    firstTemperature,
    temperature,
    reasoning,
    topP,
    serviceTier,
    ...withoutSecrets({ headers, body }),
  };
  return new TrialFile(join(out, `trials-${name.replace(/[^\w.-]/g, '_')}.jsonl`), identity);
}

function writeFiles(out: string, report: BenchReport, version: string): void {
  const page = benchPage(report, { atMs: systemClock.now(), version });
  try {
    mkdirSync(out, { recursive: true });
    for (const [name, text] of [
      ['bench.json', `${JSON.stringify(report, null, 2)}\n`],
      ['bench.html', page],
    ] as const) {
      // The file is replaced as a whole, because it may be read while it is written.
      writeFileSync(join(out, `${name}.new`), text);
      renameSync(join(out, `${name}.new`), join(out, name));
    }
  } catch (thrown) {
    throw new UsageError(`expected a folder that can be written, got ${out}: ${messageOf(thrown)}.`, { option: 'out' });
  }
}

type OnTrial = NonNullable<BenchOptions['onTrial']>;

function chain(...handlers: (OnTrial | undefined)[]): OnTrial {
  return (trial, progress) => {
    for (const handler of handlers) handler?.(trial, progress);
  };
}

const REDRAW_MS = 100;

/** Shows the progress on a terminal, as one line that is redrawn. */
function showAttempts(): OnTrial | undefined {
  const { stderr } = process;
  if (!stderr.isTTY) return undefined;
  const startMs = systemClock.monotonicMs();
  let shownMs = Number.NEGATIVE_INFINITY;
  let count = 0;
  return ({ task, size, method }, { done, planned }) => {
    const nowMs = systemClock.monotonicMs();
    count++;
    if (done === planned) stderr.write('\r\x1b[K');
    else if (nowMs - shownMs >= REDRAW_MS) {
      shownMs = nowMs;
      const left = showDuration(((nowMs - startMs) / count) * (planned - done));
      const text = `${showCount(done)} of ${plural(planned, 'attempt')}, ${left} left; ${task} ${size}, ${method}`;
      stderr.write(`\r\x1b[K${truncate(printable(text), (stderr.columns ?? 80) - 1)}`);
    }
  };
}
