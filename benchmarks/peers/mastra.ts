import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Mastra } from '@mastra/core';
import { createStep, createWorkflow } from '@mastra/core/workflows';
import { LibSQLStore } from '@mastra/libsql';
import { z } from 'zod';
import { installedVersion } from './installed.ts';
import type { Peer, PeerResult, PeerRun } from './peer.ts';

process.env.MASTRA_TELEMETRY_DISABLED = '1';

/** Mastra: one step in a dountil loop, a snapshot of the run at the start of every iteration. */
export const mastra: Peer = {
  name: 'Mastra',
  version: installedVersion('@mastra/core'),
  settings:
    `dountil, LibSQLStore ${installedVersion('@mastra/libsql')} at its defaults ` +
    `(libsql ${installedVersion('libsql')}, local file, WAL, synchronous=NORMAL), snapshots at their default (every one)`,
  run: runInMastra,
};

async function runInMastra<S>({ steps, folder, step, start }: PeerRun<S>): Promise<PeerResult<S>> {
  const chain = z.object({ stepIndex: z.number(), state: z.any() as z.ZodType<S> });
  const storage = new LibSQLStore({ id: 'chain', url: pathToFileURL(join(folder, 'mastra.db')).href });
  const workflow = createWorkflow({ id: 'chain', inputSchema: chain, outputSchema: chain })
    .dountil(
      createStep({
        id: 'step',
        inputSchema: chain,
        outputSchema: chain,
        execute: async ({ inputData }) => ({
          stepIndex: inputData.stepIndex + 1,
          state: await step(inputData.stepIndex, inputData.state),
        }),
      }),
      async ({ inputData }) => inputData.stepIndex >= steps,
    )
    .commit();
  const app = new Mastra({ workflows: { chain: workflow }, storage, logger: false });

  try {
    await storage.init();
    const run = await app.getWorkflow('chain').createRun();
    const began = performance.now();
    const outcome = await run.start({ inputData: { stepIndex: 0, state: start } });
    const seconds = (performance.now() - began) / 1000;
    if (outcome.status !== 'success') throw new Error(`the Mastra run ended ${outcome.status}`, { cause: outcome });
    return { seconds, finalState: outcome.result.state };
  } finally {
    await app.shutdown();
    await storage.close();
  }
}
