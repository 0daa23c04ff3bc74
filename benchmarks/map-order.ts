import { defineProcess, type Model, memoryJournal, simulatedModel } from 'mdap';
import { textOf } from '../src/core/prompt-parts.ts';
import { createRandom, mix } from '../src/core/random.ts';
import type { ItemSink } from '../src/engine/item.ts';
import { map } from '../src/map.ts';
import { virtualClock } from '../src/testing/virtual-clock.ts';
import { printTable } from './table.ts';

const ITEMS = 6_000;
const AT_ONCE = 64;
const SEEDS = [1, 2, 3];
const LATENCY = { latencyMs: 300, latencySigma: 1 };
/** Share of the answers that hang, and how many times as long these take, evenly between the two. */
const HANGS = { share: 0.01, least: 20, most: 50 };
/** Items for each call that may be in flight; the last holds all there are. */
const WINDOWS = [1, 4, 8, 16, 32, Number.POSITIVE_INFINITY];
const DEFAULT_WINDOW = 16;

/** Items of one step, which each take three calls or more. */
const PARITY = defineProcess<number, { item: number; isOdd?: boolean }, boolean>({
  name: 'parity',
  version: '1',
  start: (item) => ({ item }),
  steps: () => 1,
  isDone: ({ isOdd }) => isOdd !== undefined,
  prompt: ({ item }) => ({ user: `Is ${item} odd?` }),
  parse: (text) => JSON.parse(text),
  apply: ({ item }, isOdd) => ({ item, isOdd }),
  reference: ({ item }) => item % 2 === 1,
  reply: String,
  simulation: { mistakes: ({ item }) => [item % 2 === 0] },
});

interface Setting {
  readonly hasHangs: boolean;
  readonly window: number;
  readonly hedge: number | undefined;
}

interface Pace {
  readonly itemsPerSecond: number;
  readonly callsPerItem: number;
}

async function mapInOrder({ hasHangs, window, hedge }: Setting, seed: number): Promise<Pace> {
  const clock = virtualClock();
  const inner = simulatedModel({ p: 0.97, v: 0.98, ...LATENCY, seed, clock });
  let calls = 0;
  const model: Model = {
    ...inner,
    async generate(request) {
      calls++;
      const sample = await inner.generate(request);
      const random = createRandom(mix(seed, Number(/\d+/.exec(textOf(request.prompt.user))![0]), request.draw));
      if (!hasHangs || random() >= HANGS.share) return sample;
      const times = HANGS.least + random() * (HANGS.most - HANGS.least);
      await clock.sleep((times - 1) * sample.latencyMs, request.signal);
      return { ...sample, latencyMs: times * sample.latencyMs };
    },
  };
  async function* items() {
    for (let item = 0; item < ITEMS; item++) yield { input: item };
  }
  const sink: ItemSink = { restore: () => {}, write: () => {}, flush: () => {} };
  const options = { k: 3, maxConcurrency: AT_ONCE, window: Math.min(window * AT_ONCE, ITEMS), hedge };
  const { status, wallMs } = await map(PARITY, items(), { model, clock, journal: memoryJournal(), sink, ...options });
  if (status !== 'done') throw new Error(`the map ended ${status}`);
  return { itemsPerSecond: (1_000 * ITEMS) / wallMs, callsPerItem: calls / ITEMS };
}

/** What it costs that results come in the order of the items: a straggler lets no more begin than the window holds. */
export async function measureMapOrder(say: (line: string) => void): Promise<unknown> {
  say(
    `\nmap: ${ITEMS} items in order, ${AT_ONCE} calls at once, lognormal latency of 300 ms, sigma 1, ahead-by-3; in virtual ` +
      `time, medians of ${SEEDS.length} seeds`,
  );
  const found = [];
  for (const hasHangs of [false, true]) {
    for (const hedge of [undefined, 95]) {
      const rows = [];
      for (const window of WINDOWS)
        rows.push({ hasHangs, hedge, window, ...(await medians({ hasHangs, hedge, window })) });
      const { itemsPerSecond: most } = rows.at(-1)!;
      found.push(...rows.map((row) => ({ ...row, ofMost: row.itemsPerSecond / most })));
      const { share, least, most: longest } = HANGS;
      const hangs = hasHangs
        ? `${100 * share} % of the answers ${least} to ${longest} times slower`
        : 'no answer hangs';
      say(`\n  ${hangs}${hedge === undefined ? '' : `, --hedge p${hedge}`}`);
      printTable(
        ['window / calls at once', 'items/s', 'of the last', 'calls an item'],
        rows.map(({ window, itemsPerSecond, callsPerItem }) => [
          Number.isFinite(window) ? `${window}${window === DEFAULT_WINDOW ? ' (default)' : ''}` : 'all items',
          itemsPerSecond.toFixed(1),
          (itemsPerSecond / most).toFixed(2),
          callsPerItem.toFixed(2),
        ]),
        say,
      );
    }
  }
  return found;
}

async function medians(setting: Setting): Promise<Pace> {
  const paces: Pace[] = [];
  for (const seed of SEEDS) paces.push(await mapInOrder(setting, seed));
  const median = (of: (pace: Pace) => number) => paces.map(of).sort((a, b) => a - b)[Math.floor(SEEDS.length / 2)]!;
  return {
    itemsPerSecond: median(({ itemsPerSecond }) => itemsPerSecond),
    callsPerItem: median(({ callsPerItem }) => callsPerItem),
  };
}
