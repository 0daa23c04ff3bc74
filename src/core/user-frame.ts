import { messageOf } from './errors.ts';

/** The files of this package, as stacks name them. */
const OWN = new URL('..', import.meta.url).href;
/** Built-in processes count as user code: an error in one of them is reported at its own line. */
const PROCESSES = ['processes/', 'decomposition/'].map((folder) => OWN + folder);
/** Functions in which the package calls a function of a process; frames below them belong to the package and its caller. */
const BOUNDARIES = ['core/call-part.', 'core/purity-check.', 'core/red-flags.'].map((file) => OWN + file);

/** A line of a stack: `at name (file:line:column)`, or without a name. */
const FRAME = /^\s+at (?:.* \()?(\S[^()]*?):(\d+):(\d+)\)?$/;

/**
 * Returns where in the user's code an error was thrown, as `file:line:column`. Frames of this package and of Node are skipped,
 * those of libraries as well if one of the user's own is below them.
 * @returns undefined if it is not an error, or has no frame in the user's code.
 */
export function userFrameOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || typeof thrown.stack !== 'string') return undefined;
  let ofLibrary: string | undefined;
  for (const line of thrown.stack.split('\n')) {
    const [, file, lineNumber, column] = FRAME.exec(line) ?? [];
    if (file === undefined || file.startsWith('node:') || file.startsWith('<')) continue;
    if (BOUNDARIES.some((boundary) => file.startsWith(boundary))) break;
    if (file.startsWith(OWN) && !PROCESSES.some((folder) => file.startsWith(folder))) continue;
    const place = `${pathOf(file)}:${lineNumber}:${column}`;
    if (!/[/\\]node_modules[/\\]/.test(file)) return place;
    ofLibrary ??= place;
  }
  return ofLibrary;
}

/** The message of an error that a user's function threw, with its place in the user's code. */
export function describeThrown(thrown: unknown): string {
  const place = userFrameOf(thrown);
  return place === undefined ? messageOf(thrown) : `${messageOf(thrown)} (at ${place})`;
}

function pathOf(file: string): string {
  if (!file.startsWith('file:')) return file;
  const path = decodeURIComponent(new URL(file).pathname);
  // On Windows /C:/folder/file.
  return path.replace(/^\/(?=[A-Za-z]:)/, '');
}
