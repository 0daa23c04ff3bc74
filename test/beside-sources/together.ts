// The tests beside the sources run in a few processes instead of one a file: starting 150 processes costs more than most of
// the files do. Each file here runs some rooms of the sources, and a failure is reported with the file and line of its test.
import { globSync } from 'node:fs';
import { test } from 'node:test';

/** The rooms of each process, about equally long. `.` is what lies outside the rooms. */
export const GROUPS = {
  cli: ['cli'],
  engine: ['engine', 'voting', 'calls', 'decomposition'],
  models: ['models', 'server', 'journals', 'inspection', 'testing'],
  processes: ['processes', 'core', 'options'],
  statistics: ['statistics', 'planning', 'comparison', '.'],
} as const;

export async function testTogether(group: keyof typeof GROUPS): Promise<void> {
  for (const file of GROUPS[group].flatMap(testsOf)) {
    try {
      await import(`../../${file}`);
    } catch (thrown) {
      test(`${file} can be imported`, () => Promise.reject(thrown));
    }
  }
}

/** The test files of a room, as paths from the root of the project. */
export function testsOf(room: string): string[] {
  return globSync(room === '.' ? 'src/*.test.ts' : `src/${room}/**/*.test.ts`).toSorted();
}
