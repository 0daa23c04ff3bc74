import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Clock } from '../core/clock.ts';
import { JournalError } from '../core/errors.ts';
import { type JournalReader, type LiveRun, requireRun } from '../core/journal-reader.ts';
import type { RunProgress } from '../inspection/api.ts';
import { refusedAnswer } from '../inspection/refusal.ts';
import { MAX_CHARS, noteView, openStepOf, stepRow } from '../inspection/views.ts';
import { noteWithFlags } from './flag-sentences.ts';
import type { Runs } from './runs.ts';

/** Milliseconds between two reads of the journal. */
const POLL_MS = 1_000;
/** Number of reads without news after which a comment is sent, which fails if nobody listens any more. */
const LOOKS_BETWEEN_COMMENTS = 15;
const MAX_STEPS_SENT = 50;
const MAX_NOTES_SENT = 1_000;

export interface Feed {
  readonly reader: JournalReader;
  readonly runs: Runs;
  readonly clock: Clock;
  /** Ends all streams. */
  readonly signal: AbortSignal;
}

interface Message {
  readonly event: string;
  readonly data: unknown;
  readonly id?: string;
  /** A message is sent only if this differs from the last one sent. */
  readonly news: string;
}

/** Sends the list of runs at the start, and whenever it has changed. */
export function streamRuns(c: Context, feed: Feed): Response {
  return streamOf(c, feed, async () => {
    const data = await feed.runs.list();
    return { event: 'runs', data, news: JSON.stringify(data) };
  });
}

/**
 * Sends what happens in a run. An event's id is a place in the journal up to which its reader knows the run, so it stays valid
 * when the connection breaks and when this server is restarted.
 */
export async function streamRun(c: Context, feed: Feed, runId: string): Promise<Response> {
  const { reader, runs, clock } = feed;
  await refuseUnknown(reader, runId);
  let at = parseId(c.req.header('last-event-id'));
  let before: { readonly steps: number; readonly atMs: number } | undefined;
  return streamOf(c, feed, async () => {
    const live = await requireRun(reader, runId);
    const { steps } = live.totals;
    const atMs = clock.monotonicMs();
    const stepsPerSecond = before === undefined ? null : (1_000 * (steps - before.steps)) / (atMs - before.atMs);
    before = { steps, atMs };
    const from = at ?? (await endOf(live, reader));
    const notes = await reader.notes(runId, { afterId: from.note, limit: MAX_NOTES_SENT });
    // The journal may have been replaced by one with fewer entries.
    const fromStep = Math.min(from.step, steps);
    const range = { fromStep: Math.max(fromStep, steps - MAX_STEPS_SENT), toStep: steps };
    const decisions = await reader.decisions(runId, { ...range, maxActionChars: MAX_CHARS });
    at = { step: steps, note: notes.at(-1)?.id ?? from.note };
    const data: RunProgress = {
      run: runs.summaryOf(live),
      fromStep,
      toStep: steps,
      steps: decisions.map(stepRow),
      notes: notes.map((note) => noteWithFlags(noteView(note))),
      openStep: await openStepOf(reader, live),
      stepsPerSecond,
    };
    const id = `${at.step}.${at.note}`;
    return { event: 'progress', data, id, news: JSON.stringify([id, data.run, data.openStep]) };
  });
}

/**
 * Refuses a run that does not exist. A journal that cannot be read now is no reason: a browser does not reconnect after a
 * refusal.
 */
async function refuseUnknown(reader: JournalReader, runId: string): Promise<void> {
  try {
    await requireRun(reader, runId);
  } catch (thrown) {
    if (thrown instanceof JournalError && thrown.code === 'unknown-run') throw thrown;
  }
}

/** Sends a message at the start and whenever there is news, or `trouble` while the journal cannot be read. */
function streamOf(c: Context, { clock, signal }: Feed, look: () => Promise<Message>): Response {
  return streamSSE(c, async (stream) => {
    const ended = new AbortController();
    const either = AbortSignal.any([ended.signal, signal]);
    stream.onAbort(() => ended.abort());
    let sent = '';
    let looksSince = 0;
    while (!either.aborted) {
      const { event, data, id, news } = await attempt(look);
      if (news !== sent) {
        await stream.writeSSE({ event, data: JSON.stringify(data), id });
        sent = news;
        looksSince = 0;
      } else if (++looksSince % LOOKS_BETWEEN_COMMENTS === 0) await stream.write(': still here\n\n');
      await clock.sleep(POLL_MS, either).catch(() => {});
    }
  });
}

async function attempt(look: () => Promise<Message>): Promise<Message> {
  try {
    return await look();
  } catch (thrown) {
    const { body } = refusedAnswer(thrown);
    return { event: 'trouble', data: body, news: JSON.stringify(body) };
  }
}

interface Position {
  readonly step: number;
  readonly note: number;
}

/** Reads the id of an event; undefined if there is none, or one that this server cannot have sent. */
function parseId(id: string | undefined): Position | undefined {
  const [, step, note] = /^(\d{1,15})\.(\d{1,15})$/.exec(id ?? '') ?? [];
  return step === undefined ? undefined : { step: Number(step), note: Number(note) };
}

async function endOf({ runId, totals }: LiveRun, reader: JournalReader): Promise<Position> {
  const [last] = await reader.notes(runId, { limit: 1 });
  return { step: totals.steps, note: last?.id ?? 0 };
}
