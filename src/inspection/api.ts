/**
 * What the dashboard's server answers, as JSON. Types alone: the pages import this file and nothing else of the sources.
 * Absent values are null. Texts of models are texts: show them as such, never as markup.
 *
 * GET  /api/server                                   ServerInfo
 * GET  /api/runs                                     RunList
 * GET  /api/runs/:run                                RunDetail
 * GET  /api/runs/:run/charts                         RunCharts
 * GET  /api/runs/:run/steps?filter&cursor&limit      StepPage
 * GET  /api/runs/:run/steps/:step                    StepDetail
 * GET  /api/runs/:run/steps/:step/context            StepContext
 * GET  /api/runs/:run/steps/:step/picture?theme      image/svg+xml: the state before it, as its process draws it;
 *                                                    202 with an ApiError `pending` while it is being worked out: ask again
 * GET  /api/runs/:run/steps/:step/outline            Outline: the tree that its process makes of the state before it
 * GET  /api/runs/:run/steps/:step/samples/:draw      SampleView, its text whole
 * POST /api/runs/:run/steps/:step/decide             DecideRequest -> DecideAnswer
 * GET  /api/plan?steps&p&v&rho&target&k&m&sampleCostUsd            PlanAnswer
 * GET  /api/calibrations                             CalibrationList
 * GET  /api/calibrations/:file/forecast?steps&target&k&maxVotes    CalibrationForecast
 * GET  /events                                       SSE: `runs` with RunList
 * GET  /events/:run                                  SSE: `progress` with RunProgress; both: `trouble` with ApiError
 *
 * Every refusal is an ApiError with a status of 400 or above. Each POST needs `content-type: application/json` and the header
 * `x-mdap-request: 1`. Run ids go through `encodeURIComponent`.
 */
export interface ApiError {
  readonly error: {
    /**
     * `unknown-run`, `unknown-step`, `usage`, `forbidden`, `unauthorized`, `not-found`, `run-locked`, `no-journal`,
     * `newer-schema`, `damaged`, `not-readable`, `changed`, `no-picture`, `pending` and the like: stable.
     */
    readonly code: string;
    /** What was expected, what came, what to do. */
    readonly message: string;
  };
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of a user's process
export type AnyJson = any;

export interface ServerInfo {
  readonly version: string;
  readonly journalFile: string;
  /** Why the journal cannot be read now; null where it can. */
  readonly trouble: ApiError['error'] | null;
  /** Wall-clock time of the server, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Red-flag codes, in the order in which they are to be shown. */
  readonly flagCodes: readonly string[];
}

/** `interrupted`: it says that it is running, and nobody writes it. */
export type ShownStatus = 'running' | 'interrupted' | 'paused' | 'stopped' | 'done';

export interface RunList {
  /** Newest first. */
  readonly runs: readonly RunSummary[];
}

/** Of all decided steps, those after the last checkpoint included, unless said otherwise. */
export interface RunSummary {
  readonly runId: string;
  readonly process: string;
  readonly status: ShownStatus;
  /** Why, where it is paused or stopped. */
  readonly reason: string | null;
  readonly model: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly steps: number;
  /** Of the whole run; null where the process does not say, or cannot be loaded. */
  readonly totalSteps: number | null;
  readonly samples: number;
  readonly votes: number;
  /** Null before the first step. */
  readonly votesPerStep: number | null;
  readonly flagged: number;
  readonly contestedSteps: number;
  readonly wrongSteps: number | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** All that was paid, wasted samples included; null where a price is not known. */
  readonly costUsd: number | null;
  /** Time in which it was executing, in milliseconds, as of the last checkpoint. */
  readonly activeMs: number;
  /** Mean over that time; null at first. */
  readonly stepsPerSecond: number | null;
  /** At the mean pace; null unless it is running and the number of steps is known. */
  readonly remainingMs: number | null;
  /** Null while it goes on, where no step has more than one vote, and until it has been worked out. */
  readonly certificate: Pick<CertificateView, 'chanceOfNone' | 'chanceOfNoneLow'> | null;
}

export interface IntervalView {
  readonly low: number;
  readonly high: number;
}

export interface UncertainStepView {
  readonly stepIndex: number;
  /** By candidate, winner first. */
  readonly votes: readonly number[];
  /** Chance that the winner is wrong. */
  readonly wrong: number;
}

/** How sure the decisions are, by the run's own votes. */
export interface CertificateView {
  readonly steps: number;
  readonly expectedWrong: number | null;
  readonly expectedWrongHigh: number;
  readonly chanceOfNone: number | null;
  readonly chanceOfNoneLow: number;
  readonly p: IntervalView & { readonly estimate: number };
  readonly rho: IntervalView & { readonly estimate: number | null };
  /** The likeliest to be wrong first; ten at most. */
  readonly leastCertain: readonly UncertainStepView[];
  readonly statement: string;
}

/** `events` in the `steps` before `atStep` are more than the calibration allows for. */
export interface DriftAlarmView {
  readonly what: 'dissent' | 'flags';
  readonly atStep: number;
  readonly events: number;
  readonly steps: number;
}

export interface NoteView {
  /** Grows within the journal. */
  readonly id: number;
  readonly atMs: number;
  readonly code: string;
  readonly detail: AnyJson;
}

export interface WasteView {
  readonly samples: number;
  readonly cancelled: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
}

/** What was to be expected of the run before it began. */
export interface RunPlanView {
  /** `rates`: p and v as given or as the simulated model knows them. */
  readonly source: 'rates' | 'calibration';
  readonly rule: 'ahead-by-k' | 'evidence';
  readonly margin: number | null;
  readonly target: number;
  readonly p: number;
  readonly v: number;
  readonly rho: number;
  readonly steps: number;
  readonly success: number;
  readonly votesPerStep: number;
  readonly samples: number;
  readonly costUsd: number | null;
  /**
   * Share of the steps that is undecided after n votes, from n = 0; empty for a rule that it is not computed for. The share
   * that takes n votes is `undecidedAfter[n - 1] - undecidedAfter[n]`.
   */
  readonly undecidedAfter: readonly number[];
}

export interface RunDetail {
  readonly run: RunSummary;
  /** A built-in name or the path of a module; null for a process given in code. */
  readonly processSource: string | null;
  readonly processVersion: string;
  readonly input: AnyJson;
  readonly settings: AnyJson;
  readonly flags: Readonly<Record<string, number>>;
  /** Decisions by what settled them, where that was not the votes that a step has at first. */
  readonly settledBy: Readonly<Record<string, number>>;
  readonly firstWrongStep: number | null;
  readonly wasted: WasteView | null;
  /** Of a run over many inputs. */
  readonly items: ItemsView | null;
  /** Null where no step has more than one vote. */
  readonly certificate: CertificateView | null;
  readonly drift: readonly DriftAlarmView[];
  /** Its course up to its last checkpoint; none in journals of early versions. */
  readonly course: readonly (readonly [activeMs: number, steps: number])[];
  /** The newest 200, oldest first. */
  readonly notes: readonly NoteView[];
  readonly plan: RunPlanView | null;
  /** Why there is none; null where there is. */
  readonly planMissing: string | null;
  /** It is being worked out: ask again. */
  readonly isPlanPending: boolean;
  /** Whether its process draws its states. */
  readonly hasPicture: boolean;
  /** Whether its process makes a tree of them. */
  readonly hasOutline: boolean;
  /** The step that is voted on, or that it is paused at; null where the run is done. */
  readonly openStep: OpenStep | null;
  readonly commands: RunCommands;
}

/** What became of the items of a map, by its last checkpoint. */
export interface ItemsView {
  readonly done: number;
  readonly undecided: number;
  readonly invalid: number;
  /** Results that are least certain by their votes, as they were written, the least first. */
  readonly leastCertain: readonly { readonly index: number; readonly certainty: number; readonly firstStep: number }[];
}

/** To copy into a shell; null where they would not work. */
export interface RunCommands {
  readonly inspect: string;
  /** The same once more, as a run of its own. */
  readonly again: string | null;
  readonly replay: string | null;
  readonly resume: string | null;
}

export interface OpenStep {
  readonly stepIndex: number;
  /** Durable so far; at a limit, those that were counted. */
  readonly samples: number;
  /** Whether a person may decide it now. */
  readonly isDecidable: boolean;
}

/** Sums over the steps from `fromStep` up to, not including, `toStep`. */
export interface Bucket {
  readonly fromStep: number;
  readonly toStep: number;
  readonly steps: number;
  readonly samples: number;
  readonly votes: number;
  readonly contested: number;
  readonly flagged: number;
  readonly wrong: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null where a price is not known. */
  readonly costUsd: number | null;
}

export interface RunCharts {
  /** How many steps these figures are over: fewer than `steps` while a long run is being read. Ask again then. */
  readonly coveredSteps: number;
  readonly steps: number;
  /** Steps by number of votes, fewest first; those that took none, or were settled without one, are 0. */
  readonly votesPerStep: readonly { readonly votes: number; readonly steps: number }[];
  /** The same by number of samples, flagged ones included. */
  readonly samplesPerStep: readonly { readonly samples: number; readonly steps: number }[];
  /**
   * Steps still undecided after n votes, from n = 0, down to 0: the paper's undecided steps against rounds of voting. Of
   * decided steps.
   */
  readonly undecidedAfter: readonly number[];
  /** Flagged samples by code. */
  readonly flags: readonly { readonly code: string; readonly samples: number }[];
  /** In order, without gaps, 200 at most, all of the same width but the last. */
  readonly buckets: readonly Bucket[];
  /** Shares along the run, over so many steps each that they say something. */
  readonly stretches: readonly Stretch[];
}

export interface Stretch {
  /** In the middle of it. */
  readonly atStep: number;
  /** Share of steps with a dissenting vote. */
  readonly contested: number;
  /** Share of samples with a flag. */
  readonly flagged: number;
}

/**
 * `contested`: with a dissenting vote. `flagged`: with a flagged sample. `slow`, `costly`: above the 99th percentile of a
 * sample of the run's steps, by latency and by cost (by tokens, where no cost is known). `wrong`: against the reference.
 */
export type StepFilter = 'all' | 'contested' | 'flagged' | 'slow' | 'costly' | 'wrong';

/**
 * In the order of the steps. A page may have fewer steps than asked for, even none, before the end: go on while there is a
 * cursor. Pages over one cursor chain are disjoint and complete, also while the run goes on.
 */
export interface StepPage {
  readonly steps: readonly StepRow[];
  /** Where the next page starts; null at the last decided step. Of the filter `all` any number of a step is one, too. */
  readonly cursor: string | null;
  /** Steps searched up to here, not including. */
  readonly searchedTo: number;
  /** What slow or costly means here. */
  readonly threshold: { readonly measure: 'latencyMs' | 'usd' | 'tokens'; readonly above: number } | null;
}

export interface StepRow {
  readonly stepIndex: number;
  /** What was decided; in lists, JSON above 2,000 characters is cut to a text with its beginning. */
  readonly action: AnyJson;
  readonly isActionCut: boolean;
  readonly samples: number;
  readonly votes: number;
  /** By candidate, winner first, at most 10; null where the step was unanimous. */
  readonly tally: readonly CandidateVotes[] | null;
  readonly settledBy: string | null;
  readonly flags: Readonly<Record<string, number>>;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  readonly latencyMs: number;
  /** Null without a reference. */
  readonly isWrong: boolean | null;
  /** Whether the journal kept its samples. */
  readonly hasSamples: boolean;
}

export interface CandidateVotes {
  /** The key, cut at 2,000 characters. */
  readonly candidate: string;
  readonly votes: number;
}

export interface StepDetail {
  readonly runId: string;
  readonly stepIndex: number;
  /** Null where it is not decided. */
  readonly decision: StepRow | null;
  /** In the order in which they were asked for; empty where the journal did not keep them. */
  readonly samples: readonly SampleView[];
  /** Samples that the journal has beyond those here (the first 1,000). */
  readonly moreSamples: number;
  /** Candidate key of the winner, or of the leader of an undecided step; null without a vote. */
  readonly leader: string | null;
  readonly isOpen: boolean;
  readonly isDecidable: boolean;
  /** Why a person cannot decide it now; null where one can. */
  readonly whyNotDecidable: string | null;
}

export interface SampleView {
  readonly draw: number;
  readonly model: string;
  readonly variant: string;
  readonly temperature: number;
  /** Its first 100,000 bytes in the detail of a step; whole at `.../samples/:draw`. */
  readonly text: string;
  /** Length of the whole text in UTF-8. */
  readonly textBytes: number;
  readonly isTextCut: boolean;
  readonly finishReason: string;
  /** Key of the candidate that it votes for, cut at 2,000 characters; null where it was flagged. */
  readonly candidate: string | null;
  readonly flag: { readonly code: string; readonly detail: string } | null;
  /** A verifier's opinion on a candidate, not a vote for one. */
  readonly isJudgement: boolean;
  /** It landed when the step had come to its limit: it is not counted. */
  readonly isLate: boolean;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly latencyMs: number;
  /** The race after this sample: votes of the leader and of the runner-up; null for what is no vote. */
  readonly race: { readonly leader: string; readonly leaderVotes: number; readonly runnerUpVotes: number } | null;
}

/** What a step saw. */
export interface StepContext {
  readonly stepIndex: number;
  /** Before the step; null where `missing` says why. */
  readonly state: AnyJson;
  /** In the order of the process's forms, `main` first. */
  readonly prompts: readonly {
    readonly variant: string;
    readonly system: string | null;
    readonly user: string;
  }[];
  /** The right action, where the process knows it; else null. */
  readonly reference: { readonly action: AnyJson } | null;
  /** Whether the process draws the state. */
  readonly hasPicture: boolean;
  /** Why there is no state (no process, a changed one); null where there is. */
  readonly missing: string | null;
  /** It is being worked out, from the decisions before: ask again. */
  readonly isPending: boolean;
}

/** A state as a tree: a line for each part of the job, indented under what it is a part of. */
export interface Outline {
  readonly rows: readonly {
    readonly depth: number;
    readonly text: string;
    /** What came out of it; may be empty. */
    readonly detail: string;
    readonly steps: readonly OutlineStep[];
  }[];
  /** Why there is none; null where there is. */
  readonly missing: string | null;
  /** It is being worked out: ask again. */
  readonly isPending: boolean;
}

/** A step that decided about a part. */
export interface OutlineStep {
  readonly stepIndex: number;
  /** What it decided. */
  readonly label: string;
  /** The strongest candidate's first. */
  readonly votes: readonly number[];
  readonly settledBy: string | null;
  readonly isWrong: boolean | null;
}

/** One of the two. */
export type DecideRequest = { readonly action: AnyJson } | { readonly draw: number };

export interface DecideAnswer {
  readonly runId: string;
  readonly stepIndex: number;
  readonly status: ShownStatus;
  readonly steps: number;
  /** The command that goes on; null where the run is done. */
  readonly resume: string | null;
}

/** `id` of the event; a client that reconnects with it as Last-Event-ID misses nothing and gets nothing twice. */
export interface RunProgress {
  readonly run: RunSummary;
  /** Steps decided since the last event: from here up to, not including, `toStep`. */
  readonly fromStep: number;
  readonly toStep: number;
  /** The newest 50 of them. */
  readonly steps: readonly StepRow[];
  /** Notes since the last event. */
  readonly notes: readonly NoteView[];
  readonly openStep: OpenStep | null;
  /** Since the last event of this connection; null at first. */
  readonly stepsPerSecond: number | null;
}

export interface PlanQuery {
  readonly steps: number;
  readonly p: number;
  /** 1 by default. */
  readonly v?: number;
  /** 0 by default: errors are independent. */
  readonly rho?: number;
  /** 0.95 by default. */
  readonly target?: number;
  /** By default the least that reaches the target. */
  readonly k?: number;
  /** Steps per subtask, 1 by default; with `rho` 0 alone. */
  readonly m?: number;
  /** Price of the sample of one step. */
  readonly sampleCostUsd?: number;
}

/** A margin with what comes of it. */
export interface PlanPoint {
  readonly k: number;
  readonly success: number;
  readonly votesPerStep: number;
  readonly samples: number;
  readonly costUsd: number | null;
}

/** Exact figures of ahead-by-k, wrong votes agreeing with each other. */
export interface PlanAnswer {
  readonly steps: number;
  readonly p: number;
  readonly v: number;
  readonly rho: number;
  readonly target: number;
  readonly m: number;
  /** Null where no margin reaches the target. */
  readonly margin: number | null;
  /** Why not, and what to do; null where one does. */
  readonly cannot: string | null;
  /** At the margin asked for, or at the least; null where there is none. */
  readonly plan: PlanPoint | null;
  /** Share of steps on which a vote is wrong more often than right: votes cannot mend it. */
  readonly floor: number;
  /** The best success that any margin may reach. */
  readonly ceiling: number;
  /** Success, votes and cost by margin, from 1 on. */
  readonly byMargin: readonly PlanPoint[];
  /** At each p the margin that the target needs and what it costs; margins are null where none is enough. */
  readonly byP: readonly PlanCurvePoint<'p'>[];
  /** The same by length of the run, from 1 step to beyond `steps`, in powers of ten. */
  readonly bySteps: readonly PlanCurvePoint<'steps'>[];
  /** The same by steps per subtask; empty where rho is above 0. */
  readonly byM: readonly PlanCurvePoint<'m'>[];
  /** Share of steps that is undecided after n votes at the margin of `plan`, from n = 0. */
  readonly undecidedAfter: readonly number[];
}

export type PlanCurvePoint<Axis extends string> = { readonly [axis in Axis]: number } & {
  readonly margin: number | null;
  readonly success: number | null;
  readonly votesPerStep: number | null;
  readonly samples: number | null;
  readonly costUsd: number | null;
  /** Success at the margin of `plan`; null without one. */
  readonly successAtPlan: number | null;
};

export interface CalibrationList {
  readonly calibrations: readonly CalibrationView[];
  /** Files that are there and cannot be read, each with why. */
  readonly unreadable: readonly { readonly file: string; readonly message: string }[];
}

/** A calibration beside the journal, as `mdap calibrate` and `mdap compare` write it. */
export interface CalibrationView {
  /** Its name, for the forecast. */
  readonly file: string;
  readonly process: string;
  readonly processVersion: string;
  readonly model: string;
  readonly createdAtMs: number;
  readonly sampledSteps: number;
  /** Of the run that the steps were sampled from; null where it is not known. */
  readonly runSteps: number | null;
  readonly truth: 'reference' | 'agreement';
  readonly classes: readonly ClassView[];
}

export interface ClassView {
  readonly model: string;
  readonly variant: string;
  readonly p: IntervalView & { readonly estimate: number };
  readonly v: IntervalView & { readonly estimate: number };
  readonly rho: IntervalView & { readonly estimate: number | null };
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Of one sample; null where the price is not known. */
  readonly sampleCostUsd: number | null;
  readonly medianLatencyMs: number;
}

/** A run predicted from a calibration: one point of the comparison of models. */
export interface CalibrationForecast {
  readonly file: string;
  readonly model: string;
  readonly steps: number;
  readonly target: number;
  readonly floor: number;
  readonly ceiling: number;
  readonly rules: readonly RuleForecastView[];
  readonly doubts: readonly string[];
}

export interface RuleForecastView {
  readonly rule: 'ahead-by-k' | 'evidence';
  readonly voters: readonly string[];
  readonly margin: number | null;
  readonly cannot: string | null;
  readonly success: number | null;
  readonly votesPerStep: number | null;
  readonly undecidedPerStep: number | null;
  readonly samples: number | null;
  readonly costUsd: number | null;
  readonly wallMs: number | null;
  /** At the ends of the calibration's intervals. */
  readonly successRange: IntervalView | null;
  readonly costUsdRange: IntervalView | null;
}
