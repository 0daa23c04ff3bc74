import { ProcessError } from '../core/errors.ts';

/**
 * The state of a checkpoint, with its JSON at that moment. If a function of the process changes a state that it is given, or
 * a list that this state shares with later ones, the change is found at the next checkpoint, wherever between the two it was.
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

  /** The JSON of the state at the checkpoint. */
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
        'Return a new state, as in { ...state, … }, with new lists in it. Resuming then continues the run from its last checkpoint.',
      { code: 'impure' },
    );
  }
}

/** Undefined for a value that JSON cannot represent, which is refused elsewhere. */
function textOf(state: unknown): string | undefined {
  try {
    return JSON.stringify(state);
  } catch {
    return undefined;
  }
}
