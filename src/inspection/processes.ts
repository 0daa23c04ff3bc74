import { messageOf, UsageError } from '../core/errors.ts';
import { isMap, type RunRecord } from '../core/journal.ts';
import type { AnyProcess } from '../core/process.ts';
import { parseInput } from '../core/schema.ts';
import { Refusal } from './refusal.ts';

/** Loads a process by its built-in name or the path of its module. Its error says what was expected. */
export type LoadProcess = (source: string) => Promise<AnyProcess>;

/** The processes of the journal's runs, each loaded once. */
export class Processes {
  readonly #load: LoadProcess;
  readonly #loaded = new Map<string, Promise<AnyProcess>>();
  /** The lengths of runs. `steps` is null if it is not known, or not yet. */
  readonly #totals = new Map<string, { steps: number | null; found: Promise<number | null> }>();

  constructor(load: LoadProcess) {
    this.#load = load;
  }

  /**
   * Loads the process of a run.
   * @throws {Refusal} `no-process`, for a run that was started from code, and for a process that cannot be loaded.
   */
  async of({ runId, processSource }: Pick<RunRecord, 'runId' | 'processSource'>): Promise<AnyProcess> {
    if (processSource === null) {
      throw new Refusal(
        409,
        'no-process',
        `run ${JSON.stringify(runId)} was started from code, which alone knows its process.`,
      );
    }
    let loaded = this.#loaded.get(processSource);
    if (loaded === undefined) {
      loaded = this.#load(processSource);
      this.#loaded.set(processSource, loaded);
      // The module may be repaired while this program runs.
      loaded.catch(() => this.#loaded.delete(processSource));
    }
    try {
      return await loaded;
    } catch (thrown) {
      throw new Refusal(409, 'no-process', thrown instanceof UsageError ? thrown.problem : messageOf(thrown));
    }
  }

  /** Returns the number of steps of the whole run; null if it is not known, or not yet. The first call starts to find it out. */
  knownSteps(record: RunRecord): number | null {
    return this.#total(record).steps;
  }

  /** Resolves with the number of steps of the whole run, once it has been found out; null if it is not known. */
  steps(record: RunRecord): Promise<number | null> {
    return this.#total(record).found;
  }

  #total(record: RunRecord) {
    const key = `${record.runId}\n${record.createdAtMs}`;
    const known = this.#totals.get(key);
    if (known !== undefined) return known;
    const found = this.#findSteps(record).catch(() => null);
    const total = { steps: null as number | null, found };
    found.then((steps) => {
      total.steps = steps;
    });
    this.#totals.set(key, total);
    return total;
  }

  async #findSteps(record: RunRecord): Promise<number | null> {
    const given = record.settings?.steps;
    if (typeof given === 'number') return given;
    const process = await this.of(record);
    if (process.steps === undefined || isMap(record)) return null;
    return process.steps(await parseInput(process, record.input)) ?? null;
  }
}
