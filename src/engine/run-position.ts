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

/** Where a run stands, for the parts that read and move it. */
export class RunPosition<State, Action> {
  readonly process: Process<never, State, Action>;
  readonly options: RunDependencies;
  readonly writer: RunWriter;
  /** Before step `stepIndex`. */
  state: State;
  /** The step that is to be decided next. */
  stepIndex: number;
  /** Of all steps before it. */
  readonly totals: RunTotals;
  /** Samples of the step being decided: paid for, but in no decision yet. */
  open: SampleEntry[] = [];
  /** Decided but not yet applied: what a checkpoint taken now must leave to the replay. */
  pending: StepEntry | undefined;

  /** At the last checkpoint. */
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

  get isDone(): boolean {
    return this.call('isDone', () => this.process.isDone(this.state));
  }

  /** Calls a part of the process: what it throws is told with the part, the step and where. */
  call<T>(part: string, work: () => T): T {
    return callPart(this.process, part, this.stepIndex, work);
  }

  note<Code extends NoteCode>(code: Code, detail: NoteDetails[Code]): void {
    this.writer.append(noteOf(this.options.clock.now(), code, detail));
  }
}
