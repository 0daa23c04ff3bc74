import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../core/errors.ts';
import { openJournal, openJournalReader, systemClock } from '../defaults.ts';
import { isLoopback } from '../server/guard.ts';
import { createServer } from '../server/server.ts';
import { commandsOf } from './next-commands.ts';
import { loadProcess } from './process-source.ts';
import { pausable } from './run.ts';
import { printable, printableLines } from './terminal.ts';
import { readVersion } from './version.ts';

interface UiFlags {
  readonly journal: string;
  readonly port?: number;
  readonly host?: string;
  readonly token?: string;
}

/** Serves the dashboard until it is interrupted. */
export async function uiCommand(flags: UiFlags): Promise<number> {
  const { journal, host = '127.0.0.1', port = 4400 } = flags;
  const token = flags.token ?? (isLoopback(host) ? undefined : randomBytes(16).toString('base64url'));
  const reader = openJournalReader(journal);
  await pausable(async (signal) => {
    const server = await createServer({
      reader,
      openJournal: () => openJournal(journal, systemClock, { mustExist: true }),
      calibrations: dirname(resolve(journal)),
      clock: systemClock,
      host,
      port,
      token,
      version: readVersion(),
      pages: fileURLToPath(new URL('../../dist/web', import.meta.url)),
      loadProcess: async (source) => (await loadProcess(source)).process,
      commandsOf: (live) => commandsOf(live, journal),
      onError: (thrown) => {
        const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
        process.stderr.write(`mdap: unexpected error, please report it: ${printableLines(stack)}\n`);
      },
    });
    try {
      if (port !== 0 && server.port !== port) {
        process.stderr.write(`port ${port} is in use: listening on ${server.port}\n`);
      }
      if (!existsSync(journal)) {
        process.stderr.write(
          `there is no journal at ${printable(journal)} yet: its runs appear as soon as it exists\n`,
        );
      }
      const query = token === undefined ? '' : `?token=${encodeURIComponent(token)}`;
      process.stdout.write(`${server.url}${query}\n`);
      process.stderr.write('Ctrl-C ends it; runs continue without it\n');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    } finally {
      await server.close();
      await reader.close();
    }
  });
  return 0;
}
