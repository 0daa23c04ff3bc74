import type { Journal } from './core/journal.ts';
import type { Structured } from './core/model.ts';
import type { AnyProcess } from './core/process.ts';
import type { RunOptions } from './options/verbs.ts';
import { DEFAULT_STRUCTURED } from './options.ts';

/** How a run asks for replies that fit a schema. */
export interface StructuredRun {
  readonly asked: Structured;
  /** What the journal keeps of it; undefined for nothing, as in the journals of early versions. */
  readonly kept: Structured | undefined;
  /** What its user should know before it starts. */
  readonly doubt?: string;
}

/** Whether there is a schema of the replies, so that it matters how models are held to it. */
export function asksForSchema(process: AnyProcess): boolean {
  return process.forms.some(({ replySchema }) => replySchema !== undefined);
}

/**
 * How models are held to the schema of their replies: as it is asked for, else as this run was asked before, else as by default.
 * Early versions asked without a schema, and their journals say nothing of it.
 */
export async function structuredOf(
  process: AnyProcess,
  journal: Journal,
  { structured: given, runId }: Pick<RunOptions, 'structured' | 'runId'>,
): Promise<StructuredRun> {
  if (!asksForSchema(process)) {
    const doubt =
      `process ${JSON.stringify(process.name)} has no JSON schema of its replies, so that options.structured does nothing ` +
      'for it: give it `schema`, of a library that writes its schemas as JSON Schema (zod from 4.2), or `replySchema`.';
    return { asked: 'off', kept: given, ...(given === 'on' && { doubt }) };
  }
  if (given !== undefined) return { asked: given, kept: given };
  const found = runId === undefined ? undefined : await journal.find(runId);
  if (found === undefined) return { asked: DEFAULT_STRUCTURED, kept: DEFAULT_STRUCTURED };
  const { structured } = (found.settings ?? {}) as { readonly structured?: Structured };
  return { asked: structured ?? 'off', kept: structured };
}
