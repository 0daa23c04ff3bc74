import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { type RunRow, SCHEMA_VERSION } from './sqlite-rows.ts';

/** A writer on another host that has not committed for this long is considered dead. */
const FOREIGN_WRITER_TIMEOUT_MS = 300_000;

/**
 * Tokens of this program's closed writers whose rows may still name them, because on a full disk no run can be
 * unlocked. They belong to the program, like the lock, so that a journal that is opened again knows them too.
 */
export const STALE_TOKENS = new Set<string>();

interface Writer {
  readonly host: string;
  readonly pid: number;
  /** Start of the process, so that a reused process id is not mistaken for the writer. Known only for our own process. */
  readonly startedAtMs: number;
  /** The start as the system reports it for any process, in clock ticks since boot; only on systems such as Linux. */
  readonly startTicks?: number;
  /** Schema version of what this writer writes. Missing before version 3. */
  readonly schema?: number;
}

export function thisWriter(): Writer {
  const { pid } = process;
  return {
    host: hostname(),
    pid,
    startedAtMs: performance.timeOrigin,
    startTicks: readProcess(pid)?.startTicks,
    schema: SCHEMA_VERSION,
  };
}

export function isHeld(row: RunRow, nowMs: number): boolean {
  return !STALE_TOKENS.has(row.writer_token ?? '') && isAlive(row, nowMs);
}

function isAlive(row: RunRow, nowMs: number): boolean {
  if (row.writer === null) return false;
  const writer = JSON.parse(row.writer) as Writer;
  if (writer.host !== hostname()) return nowMs - row.updated_at_ms < FOREIGN_WRITER_TIMEOUT_MS;
  const found = readProcess(writer.pid);
  if (found?.isDead) return false;
  if (found !== undefined && writer.startTicks !== undefined) return writer.startTicks === found.startTicks;
  if (writer.pid === process.pid) return writer.startedAtMs === performance.timeOrigin;
  try {
    process.kill(writer.pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Reads /proc/PID/stat: proc_pid_stat(5). Undefined if there is none, or if other users' processes are hidden. */
function readProcess(pid: number): { readonly isDead: boolean; readonly startTicks: number } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses, which may itself contain blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = Number(fields[22 - 3]);
  // A zombie has ended, although its parent has not collected it and may never do so.
  return Number.isSafeInteger(startTicks) ? { isDead: /^[ZX]/.test(fields[0]!), startTicks } : undefined;
}

export function describeWriter(row: RunRow): string {
  const writer = JSON.parse(row.writer ?? '{}') as Writer;
  return `process ${writer.pid} on ${writer.host}`;
}
