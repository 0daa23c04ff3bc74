import { readFileSync } from 'node:fs';

/** The version of a package installed by setup.sh. */
export function installedVersion(packageName: string): string {
  const file = new URL(`./node_modules/${packageName}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}
