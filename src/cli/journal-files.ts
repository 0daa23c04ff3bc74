import { dirname, join } from 'node:path';

/** The file that `mdap calibrate` writes and that `mdap run` and `mdap plan` read. */
export function calibrationFile(journalFile: string, processName: string): string {
  return fileBeside(journalFile, `calibration-${processName}`);
}

/** A JSON file in the folder of the journal. */
export function fileBeside(journalFile: string, name: string): string {
  return join(dirname(journalFile), `${name.replace(/[^\w.-]/g, '_')}.json`);
}
