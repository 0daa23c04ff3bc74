import { readFileSync } from 'node:fs';
import { messageOf, UsageError } from './core/errors.ts';
import type { Model, Structured } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import type { RunOptions } from './options/verbs.ts';
import { DEFAULT_STRUCTURED } from './options.ts';
import { type Calibration, readCalibration, relabel, requireSameProcess } from './planning/calibration.ts';
import { asksForSchema } from './structured.ts';

/** Opens the calibration of the options. With `acceptCalibration`, one of another model is taken for one of this model. */
export function openCalibrationFor(process: AnyProcess, model: Model, options: RunOptions): Calibration | undefined {
  const calibration = openCalibration(process, options);
  if (calibration !== undefined && !options.acceptCalibration && asksForSchema(process)) {
    requireSameStructure(calibration, options.structured ?? DEFAULT_STRUCTURED);
  }
  return calibration !== undefined && options.acceptCalibration ? relabel(calibration, model.id) : calibration;
}

/**
 * Opens the calibration of the options, from its file or as it is given; undefined where there is none.
 * @throws {UsageError} for something that is no calibration, and for the calibration of another process.
 */
export function openCalibration(
  process: AnyProcess,
  { calibration, acceptCalibration = false }: Pick<RunOptions, 'calibration' | 'acceptCalibration'>,
): Calibration | undefined {
  if (calibration === undefined) return undefined;
  const found = typeof calibration === 'string' ? readCalibrationFile(calibration) : readCalibration(calibration);
  requireSameProcess(found, process, { isAccepted: acceptCalibration });
  return found;
}

/** @throws {UsageError} if its samples were held to the schema of the reply and those of the run are not, or the other way round. */
function requireSameStructure({ settings }: Calibration, asked: Structured): void {
  const { structured: measured } = (settings ?? {}) as { readonly structured?: Structured };
  // Early versions say nothing of it.
  if (measured === undefined || (measured === 'off') === (asked === 'off')) return;
  throw new UsageError(
    `it was made with options.structured ${measured}, this run asks with ${asked}: calibrate again with options.structured ${asked}, ` +
      'or use it anyway with options.acceptCalibration.',
    { option: 'calibration' },
  );
}

/**
 * Reads a calibration from its file.
 * @throws {UsageError} for a file that cannot be read or is no calibration.
 */
export function readCalibrationFile(file: string): Calibration {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (thrown) {
    throw new UsageError(`expected a file that \`mdap calibrate\` wrote at ${file}: ${messageOf(thrown)}.`, {
      option: 'calibration',
    });
  }
  return readCalibration(value, file);
}
