import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Accounts } from './calls/accounts.ts';
import type { Clock } from './core/clock.ts';
import { UsageError } from './core/errors.ts';
import type { Journal } from './core/journal.ts';
import type { JournalReader } from './core/journal-reader.ts';
import type { Model } from './core/model.ts';
import type { PromptFiles } from './core/prompt-files.ts';
import { firstNotKept } from './core/secrets.ts';
import { sqliteJournal } from './journals/sqlite.ts';
import { sqliteJournalReader } from './journals/sqlite-reader.ts';
import { FileReader } from './models/file-reader.ts';
import { openGivenModel } from './models/resolve.ts';
import { checkOption } from './options/check.ts';
import { JOURNAL } from './options/journal.ts';
import type { RunOptions } from './options/verbs.ts';
import type { ModelOptions } from './options.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    sleep(ms, undefined, { signal }).catch((thrown: unknown) => {
      throw signal?.aborted ? signal.reason : thrown;
    }),
};

export const DEFAULT_JOURNAL_FILE: string = JOURNAL.journal.default;

/**
 * Opens the journal of that path, or returns the one that is given; the caller closes what was opened here.
 * @throws {JournalError | UsageError} when it cannot be opened, and for something that is no journal.
 */
export function openJournal(
  journal: string | Journal = DEFAULT_JOURNAL_FILE,
  clock: Clock = systemClock,
  options: { mustExist?: boolean } = {},
): Journal {
  checkOption(JOURNAL, 'journal', journal);
  return typeof journal === 'string' ? sqliteJournal({ file: journal, now: () => clock.now(), ...options }) : journal;
}

/**
 * Opens a reader of the journal in a file, to look at runs while they are written; the caller closes it. The file need not
 * exist yet: each read reports what is wrong with it.
 */
export function openJournalReader(file: string = DEFAULT_JOURNAL_FILE, clock: Clock = systemClock): JournalReader {
  checkOption(JOURNAL, 'journal', file);
  return sqliteJournalReader({ file, now: () => clock.now() });
}

/** Opens a model by its name, or returns the one that is given; the caller closes one that was opened by name. */
export async function openModel(
  options: ModelOptions & { clock?: Clock; answer?: RunOptions['answer'] },
): Promise<Model> {
  const { model, clock = systemClock, baseUrl, price, timeoutMs, seed } = options;
  const { topP, serviceTier, headers, body, samplesPerRequest, providerOptions } = options;
  // A run in which a person decides needs no call, and so no key.
  if (options.answer === undefined) requireKept(options);
  return openGivenModel(model, {
    clock,
    baseUrl,
    price,
    timeoutMs,
    seed,
    topP,
    serviceTier,
    headers,
    body,
    samplesPerRequest,
    providerOptions,
    environment: process.env,
    folder: process.cwd(),
  });
}

/** Refuses options whose secret values the journal did not keep, so that they must be given again. */
function requireKept({ baseUrl = '', headers, body, providerOptions }: ModelOptions): void {
  const query = Object.fromEntries(URL.parse(baseUrl)?.searchParams ?? []);
  for (const [option, value] of Object.entries({ baseUrl: query, headers, body, providerOptions })) {
    const name = firstNotKept(value);
    if (name === undefined) continue;
    throw new UsageError(
      `the value of ${JSON.stringify(name)} looks like a key, which no journal keeps: give it again.`,
      { option },
    );
  }
}

/**
 * Opens the model, the panel, the models of roles and the verifier for as long as the work takes. It closes those that it
 * opened by name.
 */
export async function withModels<T>(
  options: ModelOptions & Pick<RunOptions, 'panel' | 'verifier' | 'roles' | 'clock' | 'answer'>,
  work: (models: OpenedModels) => Promise<T>,
): Promise<T> {
  const opened: Model[] = [];
  const open = async (wanted: ModelOptions) => {
    const model = await openModel({ clock: options.clock, answer: options.answer, ...wanted });
    if (model !== wanted.model) opened.push(model);
    return model;
  };
  try {
    const model = await open(options);
    const panel: Model[] = [];
    // A price that is given is that of the model, not of the panel.
    for (const member of options.panel ?? []) panel.push(await open({ ...options, model: member, price: undefined }));
    const { verifier } = options;
    const roleModels = new Map<string, Model>();
    for (const [role, asked] of Object.entries(options.roles ?? {})) {
      roleModels.set(
        role,
        asked === options.model ? model : await open({ ...options, model: asked, price: undefined }),
      );
    }
    return await work({
      model,
      panel,
      roleModels,
      verifier: verifier === undefined ? undefined : await open({ ...options, model: verifier, price: undefined }),
    });
  } finally {
    for (const model of opened) await model.close?.();
  }
}

export interface OpenedModels {
  readonly model: Model;
  readonly panel: readonly Model[];
  readonly roleModels: ReadonlyMap<string, Model>;
  readonly verifier: Model | undefined;
}

/** Reads the files of all prompts of the program: the memory that they take is bounded over all runs. */
export const PROMPT_FILES: PromptFiles = new FileReader();

/**
 * Returns the queues of the provider accounts, one per account for the whole program: what one run learns of an account's
 * limits, the next one knows.
 */
export function accountsOf(clock: Clock): Accounts {
  const accounts = ACCOUNTS.get(clock) ?? new Accounts({ clock, random: Math.random });
  ACCOUNTS.set(clock, accounts);
  return accounts;
}
/** Keyed by clock, because times of different clocks cannot be compared. */
const ACCOUNTS = new WeakMap<Clock, Accounts>();
