import type { Clock } from '../core/clock.ts';
import type { ModelRequest, Sample } from '../core/model.ts';
import type { Sampler } from '../core/sampler.ts';

export interface HedgeOptions {
  readonly sampler: Sampler;
  readonly clock: Clock;
  /** A call that takes longer than this percentage of calls is made a second time: 95 for the slowest twentieth. */
  readonly percentile: number;
  /** Called when a call was made twice and the slower of the two was aborted. */
  readonly onHedge?: () => void;
}

/** Number of latencies that the percentile is computed from, and the minimum number of them. */
const REMEMBERED = 256;
const MIN_REMEMBERED = 32;
/** The percentile is computed again after this many calls. */
const STALE_AFTER = 16;
/** Distinguishes the second call of a draw from the first, for models whose answer depends on the number of the draw. */
const SECOND_DRAW = 1_000_000;

/**
 * A sampler whose stragglers are asked for twice; the first answer of the two is the sample. It is drawn again only if the
 * first call is slow. If wrong answers are faster than right ones, a vote is therefore wrong more often, by no more than the
 * share of calls that are hedged: e (1 + share), with e the error of a vote. Errors are not hedged: the sampler retries them.
 */
export function hedged({ sampler, clock, percentile, onHedge }: HedgeOptions): Sampler {
  const times: number[] = [];
  let count = 0;
  let thresholdMs: number | undefined;

  function remember(ms: number): void {
    times[count++ % REMEMBERED] = ms;
    if (times.length < MIN_REMEMBERED || count % STALE_AFTER !== 0) return;
    const sorted = times.toSorted((a, b) => a - b);
    thresholdMs = sorted[Math.min(sorted.length - 1, Math.ceil((percentile / 100) * sorted.length) - 1)];
  }

  /** Makes a call that can be aborted by itself. */
  function start(asked: ModelRequest, draw: number) {
    const { prompt, stepIndex, subject, temperature, maxOutputTokens, reasoning, schema, seed, signal } = asked;
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const settings = { temperature, maxOutputTokens, reasoning, schema, seed };
    const request = { prompt, stepIndex, subject, ...settings, draw, signal: controller.signal };
    return {
      reply: sampler.sample(request),
      end: () => {
        signal.removeEventListener('abort', onAbort);
        controller.abort(new Error('the other call was faster'));
      },
    };
  }

  async function sample(request: ModelRequest): Promise<Sample> {
    const startMs = clock.monotonicMs();
    const first = start(request, request.draw);
    const timer = new AbortController();
    let second: ReturnType<typeof start> | undefined;
    try {
      if (thresholdMs === undefined || !(await isLate(first.reply, clock.sleep(thresholdMs, timer.signal)))) {
        return await first.reply;
      }
      onHedge?.();
      second = start(request, request.draw + SECOND_DRAW);
      return await Promise.any([first.reply, second.reply]).catch((thrown: AggregateError) => {
        throw thrown.errors[0];
      });
    } finally {
      remember(clock.monotonicMs() - startMs);
      timer.abort();
      first.end();
      second?.end();
    }
  }

  return { ...sampler, sample };
}

/** Whether the time ran out before there was a reply. A call that fails in time is not late. */
function isLate(reply: Promise<Sample>, timeIsOver: Promise<void>): Promise<boolean> {
  return Promise.race([
    reply.then(
      () => false,
      () => false,
    ),
    timeIsOver.then(
      () => true,
      () => false,
    ),
  ]);
}
