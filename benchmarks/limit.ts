import { DatabaseSync } from 'node:sqlite';
import type { RedFlag, Sample } from 'mdap';
import type { HanoiAction, HanoiState } from 'mdap/processes';
import { textOf } from '../src/core/prompt-parts.ts';
import { createRandom, hashText, mix } from '../src/core/random.ts';
import { readReply, type Valid } from '../src/core/red-flags.ts';
import { flagSample } from '../src/core/sample-flags.ts';
import { chain, MARGIN, MAX_OUTPUT_TOKENS, start, VOTER } from './workload.ts';

const STEPS_PER_COMMIT = 1_000;
const CHARS_PER_TOKEN = 4;

/**
 * The least that a program must do that puts the same texts through the same functions and keeps the same rows: one
 * synchronous loop. In each step it builds the prompt; draws until three samples are votes (standard flags, parser, key
 * and check are the engine's, and so is not reading a text again that equals the one before); compares them with the
 * reference; inserts a decision row, and the texts where a sample was flagged or wrong. 1,000 steps are one transaction.
 *
 * It leaves out: promises, cancellation, retries, stop rule and tally (it goes on with the reference's action, which
 * nearly always is what the votes say), clock readings, events, totals, checkpoints, the lock, resuming.
 */
export function runLimit(options: { steps: number; file: string; synchronous: 'full' | 'normal' }): void {
  const db = new DatabaseSync(options.file);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous}; ${SCHEMA}; BEGIN`);
  const insertDecision = db.prepare('INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const insertSample = db.prepare('INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  let state = start;
  for (let step = 0; step < options.steps; step++) {
    const drawn = drawVotes(state);
    const right = chain.reference!(state);
    const { wrong, flagged, inputTokens, outputTokens } = countDrawn(drawn, chain.key(right));
    const isKept = wrong + flagged > 0;
    insertDecision.run(
      1,
      step,
      JSON.stringify(right),
      drawn.length,
      MARGIN,
      wrong > 0 ? JSON.stringify({ wrong }) : null,
      flagged > 0 ? JSON.stringify({ flagged }) : null,
      inputTokens,
      outputTokens,
      0,
      0,
      0,
      Number(isKept),
    );
    if (isKept) {
      for (const [draw, { sample, flag, vote }] of drawn.entries()) {
        const { text, finishReason, inputTokens, outputTokens } = sample;
        const read = [vote?.key ?? null, flag?.code ?? null, flag?.detail ?? null] as const;
        insertSample.run(1, step, draw, 'limit', 0.1, text, finishReason, ...read, inputTokens!, outputTokens!, 0, 0);
      }
    }
    state = chain.apply(state, right);
    if ((step + 1) % STEPS_PER_COMMIT === 0) db.exec('COMMIT; BEGIN');
  }
  db.exec('COMMIT');
  db.close();
}

interface Drawn {
  readonly sample: Sample;
  readonly flag: RedFlag | undefined;
  readonly vote: Valid<HanoiAction> | undefined;
}

function drawVotes(state: HanoiState): Drawn[] {
  const { system = '', ...prompt } = chain.prompt(state);
  const user = textOf(prompt.user);
  const answer = createVoter(state, user, system.length + user.length);
  const reader = {
    parse: (text: string) => chain.parse(text, state),
    check: (action: HanoiAction) => chain.check?.(action, state),
    key: chain.key,
  };
  const drawn: Drawn[] = [];
  let lastText: string | undefined;
  let lastRead: Valid<HanoiAction> | RedFlag | undefined;
  for (let votes = 0; votes < MARGIN; ) {
    const sample = answer(drawn.length);
    let read = flagSample(sample, MAX_OUTPUT_TOKENS) ?? (sample.text === lastText ? lastRead : undefined);
    if (read === undefined) {
      read = readReply(sample.text, reader);
      lastRead = read;
      lastText = sample.text;
    }
    const vote = 'key' in read ? read : undefined;
    if (vote !== undefined) votes++;
    drawn.push({ sample, flag: 'code' in read ? read : undefined, vote });
  }
  return drawn;
}

function countDrawn(drawn: readonly Drawn[], rightKey: string) {
  const counts = { wrong: 0, flagged: 0, inputTokens: 0, outputTokens: 0 };
  for (const { sample, flag, vote } of drawn) {
    if (flag !== undefined) counts.flagged++;
    if (vote !== undefined && vote.key !== rightKey) counts.wrong++;
    counts.inputTokens += sample.inputTokens!;
    counts.outputTokens += sample.outputTokens!;
  }
  return counts;
}

/** The simulated model's logic as plain functions: seeded by prompt and draw; right, wrong or cut in half. */
function createVoter(state: HanoiState, user: string, promptChars: number): (draw: number) => Sample {
  const seed = mix(hashText(user), VOTER.seed);
  const inputTokens = Math.ceil(promptChars / CHARS_PER_TOKEN);
  let right: string | undefined;
  const reply = (action: HanoiAction) => chain.reply!(action, state);
  return (draw) => {
    const random = createRandom(mix(seed, draw));
    const isVote = random() < VOTER.v;
    const isRight = random() < VOTER.p;
    right ??= reply(chain.reference!(state));
    const full = isRight ? right : reply(chain.simulation!.mistakes!(state)[0]!);
    const text = isVote ? full : full.slice(0, full.length / 2);
    const outputTokens = Math.ceil(text.length / CHARS_PER_TOKEN);
    return { text, finishReason: 'stop', inputTokens, outputTokens, latencyMs: 0 };
  };
}

/** The columns and keys of the journal's two big tables, nothing else. */
const SCHEMA = `
  CREATE TABLE decisions (
    run INTEGER, step INTEGER, action TEXT, samples INTEGER, votes INTEGER, tally TEXT, flags TEXT,
    input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL, latency_ms REAL, wrong INTEGER, kept_samples INTEGER,
    PRIMARY KEY (run, step)
  ) WITHOUT ROWID;
  CREATE TABLE samples (
    run INTEGER, step INTEGER, draw INTEGER, model TEXT, temperature REAL, text TEXT, finish_reason TEXT, candidate TEXT,
    flag_code TEXT, flag_detail TEXT, input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL, latency_ms REAL,
    PRIMARY KEY (run, step, draw)
  ) WITHOUT ROWID`;
