import { ModelError } from './errors.ts';
import type { FinishReason, Model, ModelRequest, Sample } from './model.ts';

const FINISH_REASONS: ReadonlySet<unknown> = new Set<FinishReason>(['stop', 'length', 'refused', 'other', 'unknown']);
const COUNTS = ['inputTokens', 'outputTokens', 'reasoningTokens', 'cachedInputTokens', 'cacheWriteTokens'] as const;

/**
 * Calls a model, which its user may have written.
 * @throws {ModelError} `bad-response` if `generate` returns no promise; anything that it throws by itself.
 */
export function generateOf(model: Model, request: ModelRequest): Promise<Sample> {
  const reply: unknown = model.generate(request);
  if (typeof (reply as Promise<Sample> | null | undefined)?.then === 'function') return reply as Promise<Sample>;
  throw badResponse(model, `to return a promise of a sample, got ${shown(reply)}: write \`async generate(request)\``);
}

/**
 * Returns what a model resolved with if it is a sample: a vote and a bill depend on each of its fields.
 * @throws {ModelError} `bad-response`, naming the field, what was expected and what came.
 */
export function requireSample(model: Model, given: unknown): Sample {
  if (typeof given !== 'object' || given === null) {
    throw badResponse(
      model,
      `to resolve with a sample, { text, finishReason, inputTokens, outputTokens, latencyMs }, got ${shown(given)}`,
    );
  }
  const sample = given as Sample;
  if (typeof sample.text !== 'string') throw badField(model, 'text', 'a text', sample.text);
  if (!FINISH_REASONS.has(sample.finishReason)) {
    throw badField(model, 'finishReason', `one of ${[...FINISH_REASONS].join(', ')}`, sample.finishReason);
  }
  if (!Number.isFinite(sample.latencyMs)) throw badField(model, 'latencyMs', 'a number', sample.latencyMs);
  if (!areCounts(sample)) throw badCount(model, sample);
  const { chargedUsd } = sample;
  if (chargedUsd !== undefined && !(Number.isFinite(chargedUsd) && chargedUsd >= 0)) {
    throw badField(model, 'chargedUsd', 'a number of at least 0, or undefined where it is not known', chargedUsd);
  }
  return sample;
}

/** The same as `COUNTS.every`, with the names written out: this is asked of each reply. */
function areCounts(sample: Sample): boolean {
  return (
    isCount(sample.inputTokens) &&
    isCount(sample.outputTokens) &&
    isCount(sample.reasoningTokens) &&
    isCount(sample.cachedInputTokens) &&
    isCount(sample.cacheWriteTokens)
  );
}

function isCount(count: unknown): boolean {
  return count === undefined || (Number.isSafeInteger(count) && (count as number) >= 0);
}

function badCount(model: Model, sample: Sample): ModelError {
  const field = COUNTS.find((name) => !isCount(sample[name]))!;
  return badField(model, field, 'a whole number of at least 0, or undefined where it is not known', sample[field]);
}

function badField(model: Model, field: keyof Sample, expected: string, got: unknown): ModelError {
  return badResponse(model, `to resolve with a sample whose \`${field}\` is ${expected}, got ${shown(got)}`);
}

function badResponse({ id }: Model, expected: string): ModelError {
  return new ModelError(`model ${id}: expected \`generate\` ${expected}.`, { code: 'bad-response', recovery: 'pause' });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX_SHOWN_CHARS));
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
const MAX_SHOWN_CHARS = 100;
