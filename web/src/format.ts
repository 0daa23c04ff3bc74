// These functions write numbers and times as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const NONE = '–';

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : whole.format(value);
}

/** Shortens a number, as in 12.3K or 4.5M. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : compact.format(value);
}

/** Rounds to a number of significant digits, without zeros at the end. */
export function digits(value: number | null | undefined, significant = 3): string {
  if (value === null || value === undefined) return NONE;
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(significant - 1);
  if (Math.abs(value) >= 10 ** significant) return whole.format(value);
  return String(Number(value.toPrecision(significant)));
}

/** Writes a share in per cent, with as many nines as it takes to differ from 100 %. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NONE;
  if (share === 0 || share === 1) return `${share * 100} %`;
  if (share > 0 && share < 1e-6) return '< 0.0001 %';
  const missing = 1 - share;
  if (share > 0.9 && missing < 0.1) {
    if (missing < 1e-9) return '> 99.9999999 %';
    const places = Math.max(1, Math.ceil(-Math.log10(missing)) - 1);
    return `${(Math.floor(share * 10 ** (places + 2)) / 10 ** places).toFixed(places)} %`;
  }
  return `${digits(share * 100)} %`;
}

export function usd(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return '$0';
  if (value >= 1_000) return `$${whole.format(value)}`;
  return value >= 0.01 ? `$${value.toFixed(2)}` : `$${value.toPrecision(2)}`;
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1_000) return `${digits(ms, ms < 1 ? 2 : 3)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${digits(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60)
    return seconds < 600 ? `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s` : `${minutes} min`;
  if (minutes < 60 * 48) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 60 / 24)} days`;
}

export function bytes(value: number): string {
  if (value < 1_000) return `${value} bytes`;
  return value < 1e6 ? `${digits(value / 1e3)} kB` : `${digits(value / 1e6)} MB`;
}

export function when(ms: number): string {
  return new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** Writes a value as JSON in one line; a text is left as it is. */
export function inline(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
