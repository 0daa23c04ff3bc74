import { addSample, emptyTotals, type Json, type SampleEntry } from '../core/journal.ts';
import type { FinishReason } from '../core/model.ts';
import { isOwnCode, RedFlag, type RedFlagCode, type Valid } from '../core/red-flags.ts';
import { asItIs, type Undressed, undress } from '../core/reply-dress.ts';
import { flagSample } from '../core/sample-flags.ts';
import type { Race, StopRule } from '../statistics/stop-rules.ts';
import { MAX_FLAGGED_CHARS } from '../voting/draws.ts';
import { readUndressed } from '../voting/form-reader.ts';
import type { Question, VoteContext, VoteRecord } from '../voting/question.ts';
import { vote } from '../voting/vote.ts';

/** The counts of a step. */
export type Votes = Pick<
  VoteRecord,
  'tally' | 'classVotes' | 'settledBy' | 'samples' | 'votes' | 'flags' | 'inputTokens' | 'outputTokens' | 'costUsd'
>;

/** The result of the recorded samples of a step under another rule. */
export interface Recount {
  /** Undefined if they do not decide it. */
  readonly winner: Valid<Json> | undefined;
  /** The samples up to the decision, or all. */
  readonly votes: Votes;
  /** Minimum number of further samples for a decision; 0 if it is decided, or undecided at a limit. */
  readonly missing: number;
}

/** Is thrown in place of a draw that was not recorded. */
const OUT_OF_SAMPLES = Symbol('out of samples');

/** The sampler and the model of a voter that must not be asked. */
export const outOfSamples = async (): Promise<never> => {
  throw OUT_OF_SAMPLES;
};

/** Decides recorded samples again, step by step. Only the red flags given count. The samplers must be `outOfSamples`. */
export class Recounter {
  readonly #context: VoteContext;
  readonly #redFlags: ReadonlySet<RedFlagCode>;

  constructor(context: VoteContext, redFlags: ReadonlySet<RedFlagCode>) {
    this.#context = context;
    this.#redFlags = redFlags;
  }

  /** Uses `vote` itself, so that it counts, escalates and stops as a run does. The samples have been judged before. */
  async recount(question: Question<Json>, recorded: readonly SampleEntry[]): Promise<Recount> {
    // A verifier is not asked again.
    const samples = recorded.filter(({ kind }) => kind === 'vote');
    const verdicts = this.#judge(question, samples);
    const entries = samples.map((sample, i): SampleEntry => {
      const verdict = verdicts[i]!;
      const flag = verdict instanceof RedFlag ? { code: verdict.code, detail: verdict.detail } : undefined;
      return { ...sample, text: String(i), flag };
    });
    const { settings } = this.#context;
    const watched = watchedRule(settings.rule);
    const { verify } = question;
    const judged: Question<Valid<Json>> = {
      stepIndex: question.stepIndex,
      ask: () => ({ prompt: { user: 'recorded' }, parse: (text) => verdicts[Number(text)] as Valid<Json> }),
      formNamed: () => 0,
      key: (valid) => valid.key,
      verify: verify && this.#redFlags.has('refuted') ? (valid) => verify(valid.action) : undefined,
    };
    try {
      const outcome = await vote(judged, { ...this.#context, settings: { ...settings, rule: watched.rule } }, entries);
      const winner = outcome.type === 'decided' ? outcome.action : undefined;
      return { winner, votes: votesOf(outcome), missing: 0 };
    } catch (thrown) {
      if (thrown !== OUT_OF_SAMPLES) throw thrown;
      const missing = judged.verify === undefined ? watched.needed : 1;
      return { winner: undefined, votes: votesSoFar(entries, watched.race!), missing };
    }
  }

  /** Judges every sample again, by the red flags that count. */
  #judge(question: Question<Json>, samples: readonly SampleEntry[]): (Valid<Json> | RedFlag)[] {
    // Most samples of a step have the same text.
    const read = new Map<string, Valid<Json> | RedFlag>();
    return samples.map((sample) => {
      const flag = this.#flagOf(sample);
      if (flag !== undefined) return flag;
      const place = `${sample.variant} ${sample.text}`;
      const verdict = read.get(place) ?? this.#read(question, sample);
      read.set(place, verdict);
      return verdict;
    });
  }

  /** Flags that need no parser. */
  #flagOf(sample: SampleEntry): RedFlag | undefined {
    const counts = (code: RedFlagCode) => this.#redFlags.has(code);
    const reason = sample.finishReason as FinishReason;
    const { settings } = this.#context;
    const isAccepted = settings.acceptUnfinished === true && reason === 'unknown';
    const finishReason = counts(reason === 'refused' ? 'refused' : 'truncated') && !isAccepted ? reason : 'stop';
    const most = counts('too-long') ? settings.maxOutputTokens : Number.POSITIVE_INFINITY;
    const flag = flagSample({ ...sample, ...sample.details, finishReason }, most, this.#undress(sample.text));
    if (flag !== undefined) return flag.code === 'empty' && !counts('empty') ? undefined : flag;
    const { flag: was, text } = sample;
    if (was?.code === 'copied' && counts('copied')) return new RedFlag(was.code, was.detail);
    // The journal does not have the original of such a text, so it cannot be parsed again.
    const isCut = was !== undefined && (text.length >= MAX_FLAGGED_CHARS || text.includes(REPLACEMENT));
    return isCut ? new RedFlag(was.code, was.detail) : undefined;
  }

  #read({ ask, check, key, formNamed }: Question<Json>, { text, variant }: SampleEntry): Valid<Json> | RedFlag {
    const form = formNamed(variant);
    if (form === undefined) {
      return new RedFlag('malformed', `the process has no variant ${JSON.stringify(variant)} any more`);
    }
    const { parse } = ask(form);
    const read = (checked: typeof check) =>
      readUndressed(this.#undress(text), text, { parse, check: checked, key }).verdict;
    const verdict = read(check);
    const isOff = verdict instanceof RedFlag && !this.#redFlags.has(kindOf(verdict.code));
    // If the parser raised it, it will raise it again.
    return isOff ? read(undefined) : verdict;
  }

  #undress(text: string): Undressed {
    return this.#context.settings.dress === 'none' ? asItIs(text) : undress(text);
  }
}

/** A process's own codes are treated like `illegal`, because its own rules refuse the reply. */
function kindOf(code: string): RedFlagCode {
  return isOwnCode(code) ? 'illegal' : (code as RedFlagCode);
}

/** The character that `draws.ts` writes for half a surrogate pair. */
const REPLACEMENT = '\uFFFD';

/** A rule that exposes its last race, and how many votes that race last needed. */
function watchedRule(rule: StopRule): { readonly rule: StopRule; race: Race | undefined; needed: number } {
  const watched = {
    race: undefined as Race | undefined,
    needed: 0,
    rule: {
      ...rule,
      start() {
        const race = rule.start();
        watched.race = race;
        return {
          tally: race.tally,
          record: (candidate, voterClass) => race.record(candidate, voterClass),
          decided: () => race.decided(),
          needed(classOf, limit) {
            watched.needed = race.needed(classOf, limit);
            return watched.needed;
          },
        } satisfies Race;
      },
    },
  };
  return watched;
}

function votesOf(record: VoteRecord): Votes {
  const { tally, classVotes, settledBy, samples, votes, flags, inputTokens, outputTokens, costUsd } = record;
  return { tally, classVotes, settledBy, samples, votes, flags, inputTokens, outputTokens, costUsd };
}

/** The counts when the samples ran out: everything up to the first draw that was not recorded. */
function votesSoFar(entries: readonly SampleEntry[], { tally }: Race): Votes {
  const gap = entries.findIndex(({ draw }, i) => draw !== i);
  const sums = emptyTotals({ hasReference: false });
  for (const entry of gap < 0 ? entries : entries.slice(0, gap)) addSample(sums, entry);
  const { samples, inputTokens, outputTokens, costUsd } = sums;
  const refuted = sums.votes - tally.total;
  const flags = refuted > 0 ? { ...sums.flags, refuted } : sums.flags;
  return {
    tally: tally.entries(),
    classVotes: undefined,
    settledBy: undefined,
    samples,
    votes: tally.total,
    flags: samples > tally.total ? flags : undefined,
    inputTokens,
    outputTokens,
    costUsd,
  };
}
