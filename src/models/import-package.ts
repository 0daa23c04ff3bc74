import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, UsageError } from '../core/errors.ts';

/**
 * Loads an optional package from the user's `folder`, otherwise from beside mdap.
 * @throws {UsageError} `missing` if neither has it, and if the package is broken.
 */
export async function importPackage(
  packageName: string,
  options: { folder: string | undefined; missing: string },
): Promise<Record<string, unknown>> {
  const file = findPackage(packageName, options.folder);
  if (file === undefined) throw new UsageError(options.missing);
  try {
    return await import(pathToFileURL(file).href);
  } catch (thrown) {
    throw new UsageError(`${packageName} cannot be loaded: ${messageOf(thrown)}. Install it again.`, { cause: thrown });
  }
}

/** The file of an optional package, from the user's `folder` or from beside mdap; undefined if neither has it. */
export function findPackage(packageName: string, folder: string | undefined): string | undefined {
  const importers = [...(folder === undefined ? [] : [join(folder, 'importer.js')]), import.meta.filename];
  for (const importer of importers) {
    const file = resolvePackage(packageName, importer);
    if (file !== undefined) return file;
  }
  return undefined;
}

function resolvePackage(packageName: string, importer: string): string | undefined {
  try {
    return createRequire(importer).resolve(packageName);
  } catch {
    return undefined;
  }
}
