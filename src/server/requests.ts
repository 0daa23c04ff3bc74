import { sValidator } from '@hono/standard-validator';
import { z } from 'zod';
import { UsageError } from '../core/errors.ts';
import type { DecideRequest } from '../inspection/api.ts';

// This file has the schemas of requests. Their messages complete the sentence "expected ...".

/** Makes the schema of a text that passes a test. */
const text = (expected: string, isValid: (given: string) => boolean) =>
  z.string({ error: expected }).refine(isValid, { error: expected });

const number = (expected: string, isValid: (given: number) => boolean) =>
  text(expected, (given) => given.trim() !== '' && isValid(Number(given))).transform(Number);

const oneOf = <const Names extends readonly string[]>(names: Names) =>
  z.enum(names, { error: `one of ${names.join(', ')}` });

const isCount = (given: number) => Number.isSafeInteger(given) && given >= 1;
const NUMBER = number('a number', Number.isFinite);
const COUNT = number('a whole number of at least 1', isCount);
const INDEX = text('a whole number of at least 0', (given) => /^\d{1,15}$/.test(given)).transform(Number);

/** Makes the schema of a query that has these names and no others, each at most once. */
function query<Shape extends z.ZodRawShape>(shape: Shape) {
  return checked('query', z.strictObject(shape, { error: `some of ${Object.keys(shape).join(', ')}, each once` }));
}

const STEPS_A_PAGE = { standard: 100, max: 500 };

export const STEP_PATH = checked('param', z.object({ run: z.string(), step: INDEX }));
export const SAMPLE_PATH = checked('param', z.object({ run: z.string(), step: INDEX, draw: INDEX }));

export const PAGE_QUERY = query({
  filter: oneOf(['all', 'contested', 'flagged', 'slow', 'costly', 'wrong']).default('all'),
  cursor: z.string({ error: 'the cursor of the page before' }).optional(),
  limit: COUNT.optional().transform((limit = STEPS_A_PAGE.standard) => Math.min(limit, STEPS_A_PAGE.max)),
});

export const PICTURE_QUERY = query({ theme: oneOf(['light', 'dark', 'system']).default('system') });

export const PLAN_QUERY = query({
  steps: number('the length of the run, a whole number of at least 1', isCount),
  p: number('the success rate of a vote, a number', Number.isFinite),
  v: NUMBER.optional(),
  rho: NUMBER.optional(),
  target: NUMBER.optional(),
  k: COUNT.optional(),
  m: COUNT.optional(),
  sampleCostUsd: NUMBER.optional(),
});

export const FORECAST_QUERY = query({
  steps: COUNT.optional(),
  target: NUMBER.optional(),
  k: COUNT.optional(),
  maxVotes: COUNT.optional(),
});

export const DECIDE_BODY = checked(
  'json',
  z.custom<DecideRequest>(isDecideRequest, {
    error: 'either {"action": JSON} or {"draw": N} (whose answer it is to be)',
  }),
);

function isDecideRequest(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  const [name, ...others] = Object.keys(given);
  if (others.length > 0) return false;
  return name === 'action' || (name === 'draw' && Number.isSafeInteger((given as { readonly draw: unknown }).draw));
}

/**
 * Checks a part of a request.
 * @throws {UsageError} which says what was expected, and what came.
 */
function checked<Target extends 'param' | 'query' | 'json', Schema extends z.ZodType>(target: Target, schema: Schema) {
  return sValidator(target, schema, (result) => {
    if (result.success) return;
    const [{ message, path = [] }] = result.error as [(typeof result.error)[number]];
    const [name = target === 'json' ? 'body' : target] = path;
    const given = path.length === 0 ? result.data : (result.data as Record<PropertyKey, unknown>)[name as PropertyKey];
    throw new UsageError(`expected ${message}, got ${given === undefined ? 'none' : said(given)}.`, {
      option: String(name),
    });
  });
}

const MAX_GIVEN_CHARS = 200;

function said(given: unknown): string {
  const json = JSON.stringify(given);
  return json.length <= MAX_GIVEN_CHARS ? json : `${json.slice(0, MAX_GIVEN_CHARS).toWellFormed()}...`;
}
