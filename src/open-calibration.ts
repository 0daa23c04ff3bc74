import { readFileSync } from 'node:fs';
import { messageOf, UsageError } from './core/errors.ts';
import type { Model } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import type { RunOptions } from './options/verbs.ts';
import { type Calibration, readCalibration, relabel, requireSameProcess } from './planning/calibration.ts';

/** A calibration of another model, where that is accepted, is taken for one of this. */
export function openCalibrationFor(process: AnyProcess, model: Model, options: RunOptions): Calibration | undefined {
  const calibration = openCalibration(process, options);
  return calibration !== undefined && options.acceptCalibration ? relabel(calibration, model.id) : calibration;
}

/** @throws {UsageError} for what is no calibration, and for one of another process. */
export function openCalibration(
  process: AnyProcess,
  { calibration, acceptCalibration = false }: Pick<RunOptions, 'calibration' | 'acceptCalibration'>,
): Calibration | undefined {
  if (calibration === undefined) return undefined;
  const found = typeof calibration === 'string' ? readCalibrationFile(calibration) : readCalibration(calibration);
  requireSameProcess(found, process, { isAccepted: acceptCalibration });
  return found;
}

/** @throws {UsageError} for a file that cannot be read or is no calibration. */
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
