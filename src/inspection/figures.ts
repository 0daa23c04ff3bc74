import type { Clock } from '../core/clock.ts';
import type { JournalReader, LiveRun } from '../core/journal-reader.ts';
import type { Bucket, RunCharts, Stretch } from './api.ts';

const MAX_BUCKETS = 200;
/** Number of steps that are read at once, which takes a millisecond or two. Other requests are answered in between. */
const STEPS_AT_ONCE = 2_500;
/** Time that an answer waits for figures over all steps. */
const PATIENCE_MS = 100;
const MAX_RUNS_KEPT = 20;

type Sums = { -readonly [K in Exclude<keyof Bucket, 'costUsd'>]: Bucket[K] } & {
  costUsd: number;
  priced: number;
};

/** Sums over a run for its charts. Each decision is read once: a run of a million steps takes seconds the first time. */
class RunFigures {
  readonly #reader: JournalReader;
  readonly #runId: string;
  #covered = 0;
  /** How many steps are to be read. */
  #steps = 0;
  /** Steps in a bucket: a power of two, so that two of them make one of the next width. */
  #width = 1;
  #buckets: Sums[] = [];
  readonly #votes = new Map<number, number>();
  readonly #samples = new Map<number, number>();
  readonly #flags = new Map<string, number>();
  #reading: Promise<void> | undefined;

  constructor(reader: JournalReader, runId: string) {
    this.#reader = reader;
    this.#runId = runId;
  }

  /** Reads up to so many steps. Calls made meanwhile share the work. */
  catchUp(steps: number): Promise<void> {
    this.#steps = Math.max(this.#steps, steps);
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  view(): RunCharts {
    const most = Math.max(0, ...this.#votes.keys());
    const undecidedAfter = [this.#covered - (this.#votes.get(0) ?? 0)];
    for (let votes = 1; votes <= most; votes++) {
      undecidedAfter.push(undecidedAfter[votes - 1]! - (this.#votes.get(votes) ?? 0));
    }
    const buckets = this.#buckets.map(({ priced, costUsd, ...sums }) => ({
      ...sums,
      costUsd: priced < sums.steps ? null : costUsd,
    }));
    return {
      coveredSteps: this.#covered,
      steps: this.#steps,
      votesPerStep: sorted(this.#votes).map(([votes, steps]) => ({ votes, steps })),
      samplesPerStep: sorted(this.#samples).map(([samples, steps]) => ({ samples, steps })),
      undecidedAfter,
      flags: [...this.#flags].map(([code, samples]) => ({ code, samples })).sort((a, b) => b.samples - a.samples),
      buckets,
      stretches: stretchesOf(buckets, this.#covered),
    };
  }

  async #readAll(): Promise<void> {
    while (this.#covered < this.#steps) {
      await this.#readOn(Math.min(this.#steps, this.#covered + STEPS_AT_ONCE));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #readOn(toStep: number): Promise<void> {
    while (toStep > MAX_BUCKETS * this.#width) this.#widen();
    const range = { fromStep: this.#covered, toStep, width: this.#width };
    for (const sums of await this.#reader.sums(this.#runId, range)) {
      const { steps, votes, samples } = sums;
      const bucket = this.#bucketAt(sums.start);
      bucket.steps += steps;
      bucket.toStep = bucket.fromStep + bucket.steps;
      bucket.samples += steps * samples;
      bucket.votes += steps * votes;
      bucket.contested += sums.contested;
      bucket.wrong += sums.wrong;
      bucket.inputTokens += sums.inputTokens;
      bucket.outputTokens += sums.outputTokens;
      bucket.costUsd += sums.costUsd;
      bucket.priced += sums.priced;
      add(this.#votes, votes, steps);
      add(this.#samples, samples, steps);
      for (const [code, count] of Object.entries(sums.flags)) {
        add(this.#flags, code, steps * count);
        bucket.flagged += steps * count;
      }
    }
    this.#covered = toStep;
  }

  #bucketAt(start: number): Sums {
    const index = start / this.#width;
    this.#buckets[index] ??= { ...EMPTY, fromStep: start, toStep: start };
    return this.#buckets[index];
  }

  #widen(): void {
    this.#width *= 2;
    const narrow = this.#buckets;
    this.#buckets = [];
    for (let index = 0; index < narrow.length; index += 2) {
      const [left, right] = [narrow[index]!, narrow[index + 1]];
      if (right !== undefined) {
        for (const field of SUMMED) left[field] += right[field];
        left.toStep = right.toStep;
      }
      this.#buckets.push(left);
    }
  }
}

const EMPTY: Sums = {
  fromStep: 0,
  toStep: 0,
  steps: 0,
  samples: 0,
  votes: 0,
  contested: 0,
  flagged: 0,
  wrong: 0,
  inputTokens: 0,
  outputTokens: 0,
  costUsd: 0,
  priced: 0,
};
const SUMMED = (Object.keys(EMPTY) as (keyof Sums)[]).filter((field) => field !== 'fromStep' && field !== 'toStep');

const MIN_STRETCHES = 5;
const STEPS_IN_STRETCH = 50;

function stretchesOf(buckets: readonly Bucket[], steps: number): Stretch[] {
  const wanted = Math.max(MIN_STRETCHES, Math.floor(steps / STEPS_IN_STRETCH));
  const size = Math.ceil(buckets.length / wanted);
  return Array.from({ length: size === 0 ? 0 : Math.ceil(buckets.length / size) }, (_, i) => {
    const together = buckets.slice(i * size, (i + 1) * size);
    const sum = (field: 'steps' | 'samples' | 'contested' | 'flagged') =>
      together.reduce((total, bucket) => total + bucket[field], 0);
    return {
      atStep: (together[0]!.fromStep + together.at(-1)!.toStep - 1) / 2,
      contested: sum('contested') / sum('steps'),
      flagged: sum('samples') === 0 ? 0 : sum('flagged') / sum('samples'),
    };
  });
}

function add<Key>(counts: Map<Key, number>, key: Key, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

function sorted(counts: ReadonlyMap<number, number>): [number, number][] {
  return [...counts].sort(([a], [b]) => a - b);
}

/** Keeps the figures of the runs that were looked at last. */
export class FiguresCache {
  readonly #reader: JournalReader;
  readonly #clock: Clock;
  readonly #kept = new Map<string, RunFigures>();

  constructor(reader: JournalReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /** Covers the steps that can be read in a moment, and continues to read the others in the background. */
  async chartsOf({ key, runId, totals }: LiveRun): Promise<RunCharts> {
    const figures = this.#kept.get(key) ?? new RunFigures(this.#reader, runId);
    this.#kept.delete(key);
    this.#kept.set(key, figures);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_RUNS_KEPT) this.#kept.delete(oldest!);
    await waitBriefly(figures.catchUp(totals.steps), this.#clock);
    return figures.view();
  }
}

/** Waits for work, but not long: it continues in the background. Its failure is thrown to those who still wait. */
export async function waitBriefly(work: Promise<void>, clock: Clock): Promise<void> {
  const enough = new AbortController();
  // If it fails when nobody waits for it any more, the failure is not unhandled.
  work.catch(() => {});
  try {
    await Promise.race([work, clock.sleep(PATIENCE_MS, enough.signal).catch(() => {})]);
  } finally {
    enough.abort();
  }
}
