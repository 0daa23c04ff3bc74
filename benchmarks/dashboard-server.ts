import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const MDAP = fileURLToPath(new URL('../bin/mdap.js', import.meta.url));
const MODEL = 'simulated:p=0.999,v=0.99';

/** The command line of a run that the dashboard is to show. */
export function runOf(disks: number, runId: string): string[] {
  const what = [
    'run',
    'hanoi',
    '--input',
    JSON.stringify({ disks }),
    '--model',
    MODEL,
    '--k',
    '3',
    '--price',
    '0.1,0.4',
  ];
  return [...what, '--run-id', runId, '--json'];
}

/** The server in a process of its own, while something is done with it. */
export async function withServer<T>(
  journal: string,
  work: (url: string, server: ChildProcess) => Promise<T>,
): Promise<T> {
  const server = spawn(process.execPath, [MDAP, 'ui', '--port', '0', '--journal', journal], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = (await once(server.stdout.setEncoding('utf8'), 'data')) as [string];
    return await work(line.trim(), server);
  } finally {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
}
