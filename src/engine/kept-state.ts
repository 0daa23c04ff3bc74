import { ProcessError } from '../core/errors.ts';

/**
 * The state of a checkpoint, and what it was then. A function of the process that changes a state it is given, or a list
 * that this state has in common with later ones, is found out at the next checkpoint, wherever between the two that was.
 */
export class KeptState<State> {
  readonly stepIndex: number;
  readonly #state: State;
  readonly #text: string | undefined;

  constructor(stepIndex: number, state: State) {
    this.stepIndex = stepIndex;
    this.#state = state;
    this.#text = textOf(state);
  }

  /** As it was at the checkpoint. */
  get state(): State {
    return this.isUnchanged ? this.#state : JSON.parse(this.#text!);
  }

  get isUnchanged(): boolean {
    return textOf(this.#state) === this.#text;
  }

  /** @throws {ProcessError} `impure` */
  requireUnchanged(process: string, stepIndex: number): void {
    if (this.isUnchanged) return;
    throw new ProcessError(
      `process ${JSON.stringify(process)}: expected the state before step ${this.stepIndex} to stay what it was, but it ` +
        `was changed before step ${stepIndex}: a function of the process changes what it is given, \`apply\` most likely. ` +
        'Return a new state, as in { ...state, … }, with new lists in it. Resumed then, the run goes on from its last checkpoint.',
      { code: 'impure' },
    );
  }
}

/** Undefined for what JSON does not carry: that is refused elsewhere. */
function textOf(state: unknown): string | undefined {
  try {
    return JSON.stringify(state);
  } catch {
    return undefined;
  }
}
