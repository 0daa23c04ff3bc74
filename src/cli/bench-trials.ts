import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Trial } from '../comparison/figures.ts';
import { candidateKey } from '../core/candidate.ts';
import { JournalError, messageOf, UsageError } from '../core/errors.ts';
import type { Json } from '../core/journal.ts';
import { endOfRecords } from './record-file.ts';

/** The settings that must be equal for attempts to be comparable. */
export type BenchIdentity = Readonly<Record<string, Json>>;

/** A file of attempts at one task, one a line, after a line that identifies the comparison. */
export class TrialFile {
  readonly #file: string;
  readonly #identity: BenchIdentity;
  readonly known: readonly Trial[];

  /** @throws {UsageError} if the file is not one of attempts, or belongs to another comparison. */
  constructor(file: string, identity: BenchIdentity) {
    this.#file = file;
    this.#identity = identity;
    if (!existsSync(file)) {
      this.known = [];
      return;
    }
    // A kill during a write leaves an incomplete line; its attempt is in the journal.
    this.#write(() => truncateSync(file, endOfRecords(file, 'jsonl').bytes));
    const [head, ...trials] = this.#lines();
    // Not even the first line is complete.
    if (head !== undefined) requireSame(file, head, identity);
    this.known = trials as Trial[];
  }

  add(trial: Trial): void {
    this.#write(() => {
      if (!existsSync(this.#file) || statSync(this.#file).size === 0) {
        mkdirSync(dirname(this.#file), { recursive: true });
        appendFileSync(this.#file, `${JSON.stringify({ bench: 1, ...this.#identity })}\n`);
      }
      appendFileSync(this.#file, `${JSON.stringify(trial)}\n`);
    });
  }

  #lines(): Json[] {
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line, i) => {
      try {
        return JSON.parse(line);
      } catch (thrown) {
        throw new UsageError(
          `line ${i + 1} of ${this.#file} is not JSON (${messageOf(thrown)}): remove it, or give another --out.`,
          { option: 'out' },
        );
      }
    });
  }

  /** @throws {JournalError} to pause: everything that was paid for is in the journal. */
  #write(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      throw new JournalError(`${this.#file} cannot be written: ${messageOf(thrown)}. Make it writable, then resume.`, {
        code: (thrown as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'not-writable',
        cause: thrown,
      });
    }
  }
}

function requireSame(file: string, head: Json, identity: BenchIdentity): void {
  if (head?.bench !== 1) {
    throw new UsageError(`expected ${file} to be a file of \`mdap bench\`, it is something else: give another --out.`, {
      option: 'out',
    });
  }
  for (const [name, is] of Object.entries(identity)) {
    if (candidateKey(head[name] ?? null) === candidateKey(is ?? null)) continue;
    throw new UsageError(
      `${file} is of another ${name} (${JSON.stringify(head[name] ?? null)}, now ${JSON.stringify(is ?? null)}): ` +
        'give another --out, or the same options to resume.',
      { option: 'out' },
    );
  }
}
