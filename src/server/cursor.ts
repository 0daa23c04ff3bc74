import { UsageError } from '../core/errors.ts';
import type { StepFilter, StepPage } from '../inspection/api.ts';

/** Where a page of steps begins, and what is slow or costly there. */
export interface At {
  readonly from: number;
  readonly threshold: StepPage['threshold'];
}

export function writeCursor(from: number, threshold: At['threshold']): string {
  return threshold === null ? String(from) : `${from}~${threshold.measure}~${threshold.above}`;
}

/**
 * Reads a cursor.
 * @throws {UsageError} for a text that is not a cursor of this filter.
 */
export function parseCursor(cursor: string, filter: StepFilter): At {
  const isMeasured = filter === 'slow' || filter === 'costly';
  const [from = '', measure, above = ''] = cursor.split('~');
  const isStep = /^\d{1,15}$/.test(from);
  const isMeasure = measure === 'latencyMs' || measure === 'usd' || measure === 'tokens';
  if (isStep && !isMeasured && measure === undefined) return { from: Number(from), threshold: null };
  if (isStep && isMeasured && isMeasure && above !== '' && Number.isFinite(Number(above))) {
    return { from: Number(from), threshold: { measure, above: Number(above) } };
  }
  throw new UsageError(`expected that of the page before, of the same filter, got ${JSON.stringify(cursor)}.`, {
    option: 'cursor',
  });
}
