import { readFileSync } from 'node:fs';

/** The package's folder is two levels up from src/cli/ and from dist/cli/. */
export function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
