import { callPart } from '../core/call-part.ts';
import {
  type NoteCode,
  type NoteDetails,
  noteOf,
  type RunTotals,
  type RunWriter,
  type SampleEntry,
  type StepEntry,
} from '../core/journal.ts';
import type { Process } from '../core/process.ts';
import type { RunDependencies } from './run-dependencies.ts';

/** The position of a run, for the parts that read and move it. */
export class RunPosition<State, Action> {
  readonly process: Process<never, State, Action>;
  readonly options: RunDependencies;
  readonly writer: RunWriter;
  /** The state before step `stepIndex`. */
  state: State;
  /** The step that is decided next. */
  stepIndex: number;
  /** The totals of all steps before it. */
  readonly totals: RunTotals;
  /** Samples of the step being decided: they are paid for, but belong to no decision yet. */
  open: SampleEntry[] = [];
  /** The step that is decided but not yet applied: a checkpoint taken now must leave it to the replay. */
  pending: StepEntry | undefined;

  /** The values at the last checkpoint. */
  constructor(process: Process<never, State, Action>, options: RunDependencies, writer: RunWriter) {
    const { checkpoint } = writer.resumePoint;
    this.process = process;
    this.options = options;
    this.writer = writer;
    this.state = checkpoint.state;
    this.stepIndex = checkpoint.stepIndex;
    this.totals = checkpoint.totals;
    if (options.shared !== undefined) this.totals.shared = options.shared;
  }

  /** Samples of the present step that an earlier execution paid for and no vote has read again yet. */
  get unread(): SampleEntry[] {
    if (this.pending !== undefined) return [];
    const { samples } = this.writer.resumePoint;
    return samples.filter((sample) => sample.stepIndex === this.stepIndex && !this.open.includes(sample));
  }

  get isDone(): boolean {
    return this.call('isDone', () => this.process.isDone(this.state));
  }

  /** Calls a part of the process; an exception is reported with the part, the step and the line. */
  call<T>(part: string, work: () => T): T {
    return callPart(this.process, part, this.stepIndex, work);
  }

  note<Code extends NoteCode>(code: Code, detail: NoteDetails[Code]): void {
    this.writer.append(noteOf(this.options.clock.now(), code, detail));
  }
}
