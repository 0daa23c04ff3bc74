import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, UsageError } from '../core/errors.ts';
import type { RunRecord } from '../core/journal.ts';
import { type AnyProcess, defineProcess, inSubtasks } from '../core/process.ts';

export interface LoadedProcess {
  readonly process: AnyProcess;
  /** The built-in name or the absolute path of the module, with the steps a sample if not 1, which finds the process again. */
  readonly source: string;
  /** An example for the message that asks for another input. */
  readonly exampleInput?: unknown;
}

/**
 * Loads the process that the command line names: a built-in name, the path of a module whose default export is a process, or
 * the path of a plan; with `@m=2` at its end, with two steps a sample.
 * @throws {UsageError} saying what was expected.
 */
export async function loadProcess(source: string): Promise<LoadedProcess> {
  const sized = /^(.+)@m=(.*)$/.exec(source);
  if (sized === null) return loadSteps(source);
  const stepsPerSubtask = sized[2] === '' ? Number.NaN : Number(sized[2]);
  if (!Number.isSafeInteger(stepsPerSubtask) || stepsPerSubtask < 1) {
    throw new UsageError(
      `expected a whole number of steps a sample after @m=, as in hanoi@m=2, got ${JSON.stringify(source)}.`,
      { option: 'process' },
    );
  }
  const loaded = await loadSteps(sized[1]!);
  const process = inSubtasks(loaded.process, stepsPerSubtask);
  return { ...loaded, process, source: `${loaded.source}@m=${stepsPerSubtask}` };
}

async function loadSteps(source: string): Promise<LoadedProcess> {
  if (!/[\\/]|\.([cm]?[jt]s|json)$/.test(source)) return loadBuiltIn(source);
  const path = resolve(source);
  if (!existsSync(path)) {
    throw new UsageError(`expected an existing module, got ${JSON.stringify(source)}.`, { option: 'process' });
  }
  return { process: await (path.endsWith('.json') ? readPlan(path) : importProcess(path)), source: path };
}

/** The built-in processes are loaded only if one is named, because commands that read runs start faster without them. */
async function loadBuiltIn(source: string): Promise<LoadedProcess> {
  const { BUILT_IN_PROCESSES, builtInProcess } = await import('../processes/index.ts');
  const process = builtInProcess(source);
  if (process !== undefined) return { process, source, exampleInput: BUILT_IN_PROCESSES[source]?.exampleInput };
  throw new UsageError(
    `expected one of ${Object.keys(BUILT_IN_PROCESSES).join(', ')}, or the path of a .ts or .js module or of a plan ` +
      `(.json), got ${JSON.stringify(source)}.`,
    { option: 'process' },
  );
}

async function readPlan(path: string): Promise<AnyProcess> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (thrown) {
    throw new UsageError(`expected a plan, as \`mdap decompose\` writes it, at ${path}: ${messageOf(thrown)}.`, {
      option: 'process',
    });
  }
  const { stepPlanProcess } = await import('../decomposition/step-plan.ts');
  try {
    return stepPlanProcess(value);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    throw new UsageError(`${path} is no plan that can be used: ${thrown.problem}`, { option: 'process' });
  }
}

async function importProcess(path: string): Promise<AnyProcess> {
  shareThisPackage();
  let exported: unknown;
  try {
    exported = (await import(pathToFileURL(path).href)).default;
  } catch (thrown) {
    const advice = thrown instanceof SyntaxError && path.endsWith('.js') ? ' (an ES module? Name it .mjs or .ts)' : '';
    throw new UsageError(`${placeOf(thrown) ?? path} cannot be loaded: ${messageOf(thrown)}${advice}`, {
      option: 'process',
    });
  }
  if (typeof exported !== 'object' || exported === null || !('name' in exported)) {
    const got = exported === undefined ? 'it has no default export' : 'its default export is something else';
    throw new UsageError(`expected ${path} to \`export default defineProcess({ ... })\`, ${got}.`, {
      option: 'process',
    });
  }
  return defineProcess(exported as AnyProcess);
}

/** File and line of a syntax error in TypeScript, which only its stack contains. */
function placeOf(thrown: unknown): string | undefined {
  return thrown instanceof SyntaxError ? /^(\S.*:\d+)\n/.exec(thrown.stack ?? '')?.[1] : undefined;
}

/**
 * Returns the source by which the process of a run is found again.
 * @param instead what to do with a run that was started from code
 * @throws {UsageError} for such a run.
 */
export function sourceOf({ runId, processSource }: RunRecord, instead: string): string {
  if (processSource !== null) return processSource;
  throw new UsageError(
    `run ${JSON.stringify(runId)} was started from code, and only that code has its process: ${instead}.`,
  );
}

let isShared = false;

/**
 * Lets any module `import 'mdap'`, and resolves it to this package: another copy would have another RedFlag class,
 * and its red flags would be treated as errors.
 */
function shareThisPackage(): void {
  if (isShared) return;
  isShared = true;
  const entries = ownEntries();
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const url = entries.get(specifier);
      if (url !== undefined) return { url, shortCircuit: true };
      const found = nextResolve(specifier, context);
      // `npm init` writes "type": "commonjs", under which Node would refuse the first `import` in a .ts file.
      return found.format === 'commonjs-typescript' ? { ...found, format: 'module-typescript' } : found;
    },
  });
}

/** The exports of this package, by their import names: its sources in a checkout, otherwise the build. */
function ownEntries(): ReadonlyMap<string, string> {
  const root = new URL('../../', import.meta.url);
  const { name, exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const condition = import.meta.filename.endsWith('.ts') ? 'mdap-source' : 'default';
  return new Map(
    Object.entries<string | Record<string, string>>(exports).map(([path, target]) => [
      `${name}${path.slice(1)}`,
      new URL(typeof target === 'string' ? target : target[condition]!, root).href,
    ]),
  );
}
