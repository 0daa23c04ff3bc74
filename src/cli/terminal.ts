import { recordedError } from '../core/run-end.ts';

/** Control and format characters, which reverse or hide text: a model's reply must not control the terminal. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Makes a text printable on one line, with control characters escaped. */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNPRINTABLE, escapeCharacter);
}

/** Makes a text printable on several lines: new lines and tabs stay. */
export function printableLines(text: string): string {
  return text
    .toWellFormed()
    .replace(UNPRINTABLE, (character) => (/[\n\t]/.test(character) ? character : escapeCharacter(character)));
}

/**
 * Makes one JSON document that is safe on a terminal and reads back as the same value. An error is shown as the journal keeps it.
 */
export function printableJson(value: unknown): string {
  const shown = (_: string, part: unknown) => (part instanceof Error ? recordedError(part) : part);
  return printableLines(JSON.stringify(value, shown, 2));
}

// JSON and other texts use the same form: one or two UTF-16 code units.
function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

/** Quotes one argument of a command to copy into a shell. */
export function shellWord(text: string): string {
  const safe = printable(text);
  return /^[\w./:@%+=,-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", "'\\''")}'`;
}

export function truncate(text: string, mostChars: number): string {
  return text.length <= mostChars ? text : `${text.slice(0, mostChars - 1).toWellFormed()}…`;
}

// They are made when needed: the first one takes a twentieth of the program's start time.
let whole: Intl.NumberFormat | undefined;
let compact: Intl.NumberFormat | undefined;

export function showCount(count: number): string {
  whole ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
  return whole.format(count);
}

export function showNumber(value: number, digits = 4): string {
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e15)) return value.toExponential(2);
  return Math.abs(value) >= 1e4 ? showCount(value) : String(Number(value.toPrecision(digits)));
}

/** Shows a share near 1 by its distance from 1: 0.99999988 is clearer as 1 - 1.2e-7. */
export function showShare(share: number): string {
  if (share > 0.9999 && share < 1) return `1 - ${(1 - share).toExponential(1)}`;
  if (share > 0 && share < 0.0001) return share.toExponential(1);
  return share.toFixed(4);
}

/** Shows whole numbers up to 9,999, then three digits: 549K, 1.05M. */
export function showCompact(count: number): string {
  if (Number.isInteger(count) && Math.abs(count) < 10_000) return showCount(count);
  compact ??= new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
  return compact.format(count);
}

export function showUsd(usd: number | null): string {
  if (usd === null) return 'cost unknown';
  if (usd === 0) return '$0';
  return usd < 0.01
    ? `$${usd.toPrecision(2)}`
    : `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

export function showDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  // It is rounded before it is split, or 119.7 s would be 1 min 60 s.
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${showCount(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** Shows fast runs in steps a second, slow ones in time a step. */
export function showPace(perSecond: number, noun = 'step'): string {
  if (perSecond < 1) return `${showDuration(1_000 / perSecond)} ${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
  return `${perSecond < 10 ? perSecond.toFixed(1) : showCount(perSecond)} ${noun}s/s`;
}

export function plural(count: number, noun: string): string {
  return `${showCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Aligns columns; the first row is the head. Texts that start with a digit or sign are aligned to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isNumeric = rows[0]!.map((_, column) => rows.slice(1).every((row) => /^[-+$~]?\d|^$|^-$/.test(row[column]!)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
