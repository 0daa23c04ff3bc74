import { dirname, join } from 'node:path';

/** Where `mdap calibrate` writes, and `mdap run` and `mdap plan` look. */
export function calibrationFile(journalFile: string, processName: string): string {
  return fileBeside(journalFile, `calibration-${processName}`);
}

/** A JSON file in the folder of the journal. */
export function fileBeside(journalFile: string, name: string): string {
  return join(dirname(journalFile), `${name.replace(/[^\w.-]/g, '_')}.json`);
}
