import { addToTimeline } from '../statistics/timeline.ts';
import type { VoterRecords } from '../statistics/voter-record.ts';
import type { AnsweringModels } from '../voting/answering-models.ts';
import type { DriftWatch } from './drift-watch.ts';
import { KeptState } from './kept-state.ts';
import { requireJson } from './open-run.ts';
import type { RunPosition } from './run-position.ts';

const CHECKPOINT_STEPS = 1_000;
const CHECKPOINT_MS = 5_000;

/** What a resumed run must remember in addition to state and totals. */
interface Memory {
  readonly drift: DriftWatch | undefined;
  readonly panel: VoterRecords | undefined;
  readonly answering: AnsweringModels | undefined;
}

/** Decides when checkpoints are due and what they contain (J4, J5). */
export class CheckpointClock<State> {
  readonly #at: RunPosition<State, unknown>;
  readonly #memory: Memory;
  /** The moment up to which the run's time has been counted. */
  #sinceMs: number;
  #atMs: number;
  #kept: KeptState<State>;

  constructor(at: RunPosition<State, unknown>, memory: Memory) {
    this.#at = at;
    this.#memory = memory;
    this.#sinceMs = at.options.clock.monotonicMs();
    this.#atMs = this.#sinceMs;
    this.#kept = new KeptState(at.stepIndex, at.state);
  }

  /** The state of the last checkpoint. */
  get kept(): KeptState<State> {
    return this.#kept;
  }

  isDue(nowMs: number): boolean {
    return this.#at.stepIndex - this.#kept.stepIndex >= CHECKPOINT_STEPS || nowMs - this.#atMs >= CHECKPOINT_MS;
  }

  /** @throws {ProcessError} `not-json` */
  take(nowMs: number): void {
    const { totals, state, stepIndex, process, options, writer } = this.#at;
    totals.course ??= [[totals.activeMs, this.#kept.stepIndex]];
    totals.activeMs += nowMs - this.#sinceMs;
    totals.course = addToTimeline(totals.course, [totals.activeMs, totals.steps]);
    this.#sinceMs = nowMs;
    requireJson(`the state before step ${stepIndex}`, state, process.name);
    this.#kept.requireUnchanged(process.name, stepIndex);
    this.#atMs = nowMs;
    this.#kept = new KeptState(stepIndex, state);
    const { drift, panel, answering } = this.#memory;
    if (drift !== undefined) totals.drift = drift.state;
    if (panel !== undefined) totals.panel = panel.state;
    if (answering?.hasAnswered) totals.answering = answering.state;
    const { items, onEvent } = options;
    if (items !== undefined) {
      items.flush();
      totals.items = items.record;
    }
    writer.append({ type: 'checkpoint', stepIndex, state, totals: structuredClone(totals) });
    onEvent?.({ type: 'checkpoint-taken', stepIndex });
  }
}
