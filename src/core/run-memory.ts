// What a run remembers between its checkpoints.

/** All that a test remembers; plain numbers, to be kept with a checkpoint. */
export interface DriftState {
  readonly steps: number;
  readonly events: number;
  /** Stretches of the run that are over, and what the present one has seen. */
  readonly stretch: number;
  readonly stretchSteps: number;
  readonly stretchEvents: number;
  readonly alarm: DriftAlarm | null;
}

/** `events` in the `steps` before `atStep` are too many. */
export interface DriftAlarm {
  readonly atStep: number;
  readonly events: number;
  readonly steps: number;
}

/** What a `VoterRecords` remembers, by voter class. */
export interface PanelState {
  readonly votes: readonly number[];
  readonly agreed: readonly number[];
}

/** Where a run stood: the time in which it was executing, in milliseconds, and the steps decided by then. */
export type TimelinePoint = readonly [activeMs: number, steps: number];
