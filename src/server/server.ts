import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Clock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import type { Journal } from '../core/journal.ts';
import type { JournalReader } from '../core/journal-reader.ts';
import { Forecaster } from '../inspection/forecaster.ts';
import { type LoadProcess, Processes } from '../inspection/processes.ts';
import { createApp } from './app.ts';
import { Calibrations } from './calibrations.ts';
import { bracketed, isLoopback } from './guard.ts';
import { type CommandsOf, Runs } from './runs.ts';
import { Steps } from './steps.ts';

export interface ServerOptions {
  /** Reads the journal, which need not exist yet. The caller closes it, after the server. */
  readonly reader: JournalReader;
  /** Opens the same journal to write a person's decision. The server closes it. */
  readonly openJournal: () => Journal;
  /** The folder with the calibration files. */
  readonly calibrations: string;
  readonly clock: Clock;
  /** An address of this machine to listen on. @default 127.0.0.1 */
  readonly host?: string;
  /** The port to listen on. If it is in use, the next free one is taken; 0 takes any free port. */
  readonly port: number;
  /** The token that every client must present. It is required if other machines can reach the server. */
  readonly token?: string;
  readonly version: string;
  /** The folder with the built pages. */
  readonly pages: string;
  readonly loadProcess: LoadProcess;
  readonly commandsOf: CommandsOf;
  /** Is called with an unexpected exception, after the request was answered with status 500. */
  readonly onError: (thrown: unknown) => void;
}

export interface RunningServer {
  /** The address to open in a browser, without the token. */
  readonly url: string;
  readonly port: number;
  /** Ends open event streams and frees the port. */
  close(): Promise<void>;
}

const MIN_TOKEN_CHARS = 16;
const PORTS_TRIED = 20;

/**
 * Starts the dashboard's server over one journal. It writes nothing but a person's decision.
 * @throws {UsageError} for an address or port at which it cannot listen, and for a public address without a token.
 */
export async function createServer(options: ServerOptions): Promise<RunningServer> {
  const { reader, openJournal, clock, host = '127.0.0.1', token, commandsOf } = options;
  if (!isLoopback(host) && token === undefined) {
    throw new UsageError(
      `expected one, since other machines can reach ${host}: give a long random text, or listen on 127.0.0.1.`,
      { option: 'token' },
    );
  }
  if (token !== undefined && token.length < MIN_TOKEN_CHARS) {
    throw new UsageError(
      `expected at least ${MIN_TOKEN_CHARS} characters, so that it cannot be guessed, got ${token.length}.`,
      { option: 'token' },
    );
  }
  const forecaster = new Forecaster();
  const processes = new Processes(options.loadProcess);
  const ended = new AbortController();
  const app = createApp({
    reader,
    runs: new Runs({ reader, clock, forecaster, processes, commandsOf }),
    steps: new Steps({ reader, openJournal, clock, processes, commandsOf }),
    calibrations: new Calibrations(options.calibrations, forecaster),
    clock,
    signal: ended.signal,
    guard: { host, port: () => port, token },
    version: options.version,
    pages: options.pages,
    onError: options.onError,
  });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const port = await listen(server, host, options.port);
  return {
    url: `http://${bracketed(host)}:${port}/`,
    port,
    close: async () => {
      ended.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await forecaster.close();
    },
  };
}

async function listen(server: Server, host: string, wanted: number): Promise<number> {
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535) {
    throw new UsageError(`expected a whole number from 0 to 65535, got ${wanted}.`, { option: 'port' });
  }
  const last = wanted === 0 ? 0 : Math.min(wanted + PORTS_TRIED, 65_535);
  for (let port = wanted; ; port++) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch (thrown) {
      const { code, message } = thrown as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && port < last) continue;
      if (code === 'EADDRINUSE') {
        const problem = `all of ${wanted} to ${last} are in use: choose another, or 0 for any.`;
        throw new UsageError(problem, { option: 'port' });
      }
      const problem = `expected an address of this machine where this user may listen: ${message}.`;
      throw new UsageError(problem, { option: 'host' });
    }
  }
}
