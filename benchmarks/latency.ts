import { memoryJournal, type RunOptions, run, simulatedModel } from 'mdap';
import { hanoi } from 'mdap/processes';
import { virtualClock } from '../src/testing/virtual-clock.ts';
import { measureMapOrder } from './map-order.ts';
import { printTable } from './table.ts';

const STEPS = 2_000;
const SEEDS = [1, 2, 3, 4, 5];

interface Chain {
  /** Against an unvoted chain of the same latencies: its steps times the mean latency. */
  readonly ratio: number;
  /** Share of all calls. */
  readonly wasted: number;
  readonly callsPerStep: number;
}

/** A chain of steps whose model answers after a lognormal time, in virtual time: medians over seeds. */
async function chain(model: { p: number; sigma: number }, options: Partial<RunOptions>): Promise<Chain> {
  const chains: Chain[] = [];
  for (const seed of SEEDS) {
    const clock = virtualClock();
    const { status, wallMs, samples, steps, wasted } = await run(
      hanoi(),
      { disks: 14 },
      {
        model: simulatedModel({ p: model.p, latencyMs: 1_000, latencySigma: model.sigma, seed, clock }),
        clock,
        journal: memoryJournal(),
        maxSteps: STEPS,
        maxConcurrency: 64,
        ...options,
      },
    );
    if (steps !== STEPS) throw new Error(`${status} after ${steps} steps`);
    const waste = (wasted?.samples ?? 0) + (wasted?.cancelled ?? 0);
    const meanMs = 1_000 * Math.exp(model.sigma ** 2 / 2);
    chains.push({
      ratio: wallMs / STEPS / meanMs,
      wasted: waste / (samples + waste),
      callsPerStep: (samples + waste) / STEPS,
    });
  }
  const median = (of: (one: Chain) => number) => chains.map(of).sort((a, b) => a - b)[Math.floor(SEEDS.length / 2)]!;
  return {
    ratio: median((c) => c.ratio),
    wasted: median((c) => c.wasted),
    callsPerStep: median((c) => c.callsPerStep),
  };
}

const WAYS: readonly (readonly [name: string, options: Partial<RunOptions>])[] = [
  ['one vote after the other', { k: 3, maxConcurrency: 1 }],
  ['parallel rounds', { k: 3 }],
  ['speculation, depth 1', { k: 3, speculate: 1 }],
  ['speculation, depth 4', { k: 3, speculate: 4 }],
  ['speculation, depth 8', { k: 3, speculate: 8 }],
  ['speculation, depth 16, 16 calls (default)', { k: 3, speculate: 16, maxConcurrency: 16 }],
  ['speculation, depth 16', { k: 3, speculate: 16 }],
  ['speculation, depth 24', { k: 3, speculate: 24, maxConcurrency: 96 }],
  ['depth 24, first round of 4', { k: 3, speculate: 24, maxConcurrency: 128, firstDraws: 4 }],
  ['depth 24, first round of 5', { k: 3, speculate: 24, maxConcurrency: 128, firstDraws: 5 }],
];

export async function measureLatency(say: (line: string) => void): Promise<unknown> {
  say(
    `\nlatency: wall-clock of ${STEPS} steps against the unvoted chain, in virtual time, median of ${SEEDS.length} seeds; ` +
      'Hanoi, ahead-by-3, at most 64 calls at once unless it says so',
  );
  const found = [];
  for (const sigma of [0.5, 1]) {
    for (const p of [0.9978, 0.96]) {
      say(`\n  lognormal latency, sigma ${sigma}; p = ${p}`);
      const rows = [];
      for (const [name, options] of WAYS) {
        const measured = await chain({ p, sigma }, options);
        found.push({ sigma, p, name, ...measured });
        rows.push([
          name,
          measured.ratio.toFixed(3),
          `${(100 * measured.wasted).toFixed(2)} %`,
          measured.callsPerStep.toFixed(2),
        ]);
      }
      printTable(['', 'ratio', 'wasted calls', 'calls a step'], rows, say);
    }
  }
  return { chains: found, maps: await measureMapOrder(say) };
}
