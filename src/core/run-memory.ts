// The state that statistics of a run keep between its checkpoints.

/** The whole state of a drift test: plain numbers, which are stored with a checkpoint. */
export interface DriftState {
  readonly steps: number;
  readonly events: number;
  /** The completed stretches of the run, and the counts of the present one. */
  readonly stretch: number;
  readonly stretchSteps: number;
  readonly stretchEvents: number;
  readonly alarm: DriftAlarm | null;
}

/** An alarm: `events` in the `steps` before `atStep` are too many. */
export interface DriftAlarm {
  readonly atStep: number;
  readonly events: number;
  readonly steps: number;
}

/** The state of a `VoterRecords`, by voter class. */
export interface PanelState {
  readonly votes: readonly number[];
  readonly agreed: readonly number[];
}

/** Which models have answered under the names that were asked. */
export interface AnsweringState {
  /** The one that answered first, by the name; an empty text stands for that name itself. */
  readonly first: Readonly<Record<string, string>>;
  /** Voter and model of each further class, as texts, in the order of the classes. */
  readonly others: readonly string[];
}

/** Where a run stood: the time in which it was executing, in milliseconds, and the steps decided by then. */
export type TimelinePoint = readonly [activeMs: number, steps: number];
