import type { AnswerKind, Split } from './split.ts';
import type { ContextNode } from './visible-context.ts';

export interface SolveLimits {
  /** Maximum number of levels of decomposition below the whole problem. */
  readonly maxDepth: number;
  /** Maximum number of problems in the tree; beyond it, they are answered in one piece. */
  readonly maxNodes: number;
  /** Number of decompositions that a judge chooses from, and of answers if they are free text. */
  readonly proposals: number;
}

/** The decision of a step. */
export type SolveAction =
  /** No decomposition: the problem is answered in one piece. */
  | { readonly type: 'atomic' }
  | { readonly type: 'split'; readonly split: Split }
  /** A judge's choice among the proposals, by position; `NONE` if no decomposition is right. */
  | { readonly type: 'choice'; readonly place: number }
  | { readonly type: 'answer'; readonly answer: string; readonly kind: AnswerKind }
  | Refused;

/** Takes the place of a decision where the server refuses the prompt of a task. */
export interface Refused {
  readonly type: 'refused';
  /** What the server said. */
  readonly reason: string;
}

/** All are wrong, so others must be proposed. */
export const NONE = -1;

/** What a step decides about a problem: its decomposition, its answer, or the composition of its parts' answers. */
export type TaskKind = 'split' | 'answer' | 'compose';

/**
 * A future step, with everything that its prompt depends on. It is fixed when the task is made, so that queued tasks do not
 * depend on each other.
 */
export interface Task {
  readonly node: number;
  readonly kind: TaskKind;
  /**
   * `propose`: the first valid reply is one of several proposals. `judge`: a vote on which of them. `vote`: a vote on replies.
   */
  readonly phase: 'propose' | 'judge' | 'vote';
  /** Number of a proposal, from 0; later rounds continue the count. */
  readonly place: number;
  readonly statement: string;
  readonly answer: AnswerKind;
  /** Whether its parts, if it is decomposed, are answered in one piece. */
  readonly isLast: boolean;
  /** The context by the context rule. */
  readonly context: string;
  /** The statements above it, and its own. */
  readonly above: readonly string[];
  /** The proposals to choose from. */
  readonly proposals: readonly SolveAction[];
  /** The answers to compose. */
  readonly parts: readonly { readonly statement: string; readonly answer: string }[];
  readonly instruction: string;
}

/** A problem in the tree. */
export interface SolveNode extends ContextNode {
  readonly answer: AnswerKind;
  /** The siblings whose answers it waits for, by position in the tree. */
  readonly needs: readonly number[];
  readonly split?: Split;
  /** Whether it has been asked about: its placeholders are then bound. */
  readonly isOpen: boolean;
  /** Whether it is answered in one piece, by decision or because of the limits. */
  readonly isAtomic: boolean;
  /** The failures, by name. */
  readonly failures: readonly string[];
  /** The proposals for the present decision. */
  readonly proposals: readonly SolveAction[];
  /** Number of rounds of proposals of which none was right, or led to an answer. */
  readonly rounds: number;
  /** Keys of the decompositions that led to no answer, since the server refused a task of theirs. */
  readonly deadEnds?: readonly string[];
  /** Whether its decomposition was given, so that no other one takes its place. */
  readonly isGiven?: true;
  /** The steps of the run that decided about it. */
  readonly steps: readonly { readonly label: string; readonly stepIndex: number }[];
}

export interface SolveState {
  readonly limits: SolveLimits;
  /** Whether it ends with the decomposition of the whole problem. */
  readonly isPlanOnly: boolean;
  /** The nodes, the whole problem first. */
  readonly nodes: readonly SolveNode[];
  /** A first-in, first-out queue: a decision adds tasks only at its end. */
  readonly tasks: readonly Task[];
  /** Decisions for all parts, anywhere in the tree. */
  readonly decisions: readonly string[];
  /** Number of steps so far. */
  readonly step: number;
  /** Whether the state is a guess, because earlier tasks are undecided: only its next prompt is valid. */
  readonly isGuess?: true;
}
