import type { Process } from 'mdap';
import type { AddCountState, AddInput } from 'mdap/processes';
import { RedFlag, readReply } from '../src/core/red-flags.ts';
import { flagSample } from '../src/core/sample-flags.ts';
import { keyOf, type ReplyPool } from './reply-pool.ts';

export type Counting = Process<AddInput, AddCountState, number>;
type CountingForm = Counting['forms'][number];

/** A form's rates on steps that are alike to it. */
export interface Rates {
  readonly count: number;
  /** The share of all steps that have these rates. */
  share: number;
  /** `p` is the share of the votes that are right, `rival` the share for the most common wrong answer. */
  readonly p: number;
  readonly rival: number;
  /** Share of the replies that are votes. */
  readonly v: number;
}

/** All steps of all columns, each as often as in random sums: every second column has a carry. */
export function* allSteps(): Generator<AddCountState> {
  for (let i = 0; i < 200; i++) {
    const [upper, lower, carry] = [i % 10, Math.floor(i / 10) % 10, i < 100 ? 0 : 1];
    let left = Math.min(upper, lower) + carry;
    for (let count = Math.max(upper, lower); left > 0; count++) {
      yield { a: '', b: '', column: 0, carry: 0, sum: '', count, left: left-- };
    }
  }
}

/** By the number and by how many are left to count, which the check looks at; in the same order for every form. */
export function poolRates(process: Counting, form: CountingForm, pool: ReplyPool): Rates[] {
  const found = new Map<string, Rates>();
  const states = [...allSteps()];
  for (const state of states) {
    const key = `${state.count} ${state.left}`;
    const rates = found.get(key) ?? { ...ratesAt(process, form, state, pool), share: 0 };
    rates.share += 1 / states.length;
    found.set(key, rates);
  }
  return [...found.values()];
}

function ratesAt(process: Counting, form: CountingForm, state: AddCountState, pool: ReplyPool): Omit<Rates, 'share'> {
  const { key, check, reference } = process;
  const prompt = keyOf(form.prompt(state));
  const { replies } = pool.prompts.find((pooled) => keyOf(pooled.prompt) === prompt)!;
  const reader = {
    parse: (text: string) => form.parse(text, state),
    check: (action: number) => check!(action, state),
    key,
  };
  const votes = new Map<string, number>();
  let total = 0;
  for (const { times, ...reply } of replies) {
    const read = flagSample({ ...reply, latencyMs: 0 }, pool.maxOutputTokens) ?? readReply(reply.text, reader);
    if (read instanceof RedFlag) continue;
    votes.set(read.key, (votes.get(read.key) ?? 0) + times);
    total += times;
  }
  const right = key(reference!(state));
  const p = (votes.get(right) ?? 0) / total;
  votes.delete(right);
  return { count: state.count, p, rival: Math.max(0, ...votes.values()) / total, v: total / pool.draws };
}

export function meanOver(rates: readonly Rates[], of: (at: Rates, index: number) => number): number {
  return rates.reduce((sum, at, i) => sum + at.share * of(at, i), 0) / rates.reduce((sum, at) => sum + at.share, 0);
}

/** Chance that a vote of each is wrong on the same step. */
export function collisionRate(first: readonly Rates[], second: readonly Rates[]): number {
  return meanOver(first, ({ p }, i) => (1 - p) * (1 - second[i]!.p));
}

/** @returns the covariance of the chances of an error, over the steps */
function covariance(first: readonly Rates[], second: readonly Rates[]): number {
  const errorOf = (rates: readonly Rates[]) => meanOver(rates, ({ p }) => 1 - p);
  return collisionRate(first, second) - errorOf(first) * errorOf(second);
}

/** Intra-step correlation of errors. */
export function errorCorrelation(rates: readonly Rates[]): number {
  const p = meanOver(rates, (at) => at.p);
  return covariance(rates, rates) / (p * (1 - p));
}

/** How far what one form finds hard is hard for the other: the correlation of their rates. */
export function sharedDifficulty(first: readonly Rates[], second: readonly Rates[]): number {
  return covariance(first, second) / Math.sqrt(covariance(first, first) * covariance(second, second));
}
