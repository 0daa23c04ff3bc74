import { readFileSync } from 'node:fs';

/** Two folders up from src/cli/ and from dist/cli/. */
export function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
