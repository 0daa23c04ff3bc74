import { candidateKey } from '../core/candidate.ts';
import { messageOf } from '../core/errors.ts';
import type { OutlineRow } from '../core/process.ts';
import { type AnswerKind, bind, composeByCode, type Split } from './split.ts';
import { type ContextNode, visibleContext } from './visible-context.ts';

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
  | { readonly type: 'answer'; readonly answer: string; readonly kind: AnswerKind };

/** All are wrong, so others must be proposed. */
export const NONE = -1;
/** Maximum number of rounds of proposals of a decomposition. */
const MAX_ROUNDS = 3;

/** What a step decides about a problem: its decomposition, its answer, or the composition of its parts' answers. */
type TaskKind = 'split' | 'answer' | 'compose';

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
  /** Number of rounds of proposals of which none was right. */
  readonly rounds: number;
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

/** Maximum number of decisions that are kept; the context quotes the latest. */
const MAX_DECISIONS_KEPT = 100;

export function startTree(
  problem: { readonly statement: string; readonly answer: AnswerKind },
  options: { readonly limits: SolveLimits; readonly isPlanOnly: boolean; readonly plan: Split | undefined },
): SolveState {
  const { limits, isPlanOnly, plan } = options;
  const state: SolveState = { limits, isPlanOnly, nodes: [], tasks: [], decisions: [], step: 0 };
  const tree = new Tree(state);
  tree.add({ ...problem, parent: null, depth: 0, name: '', needs: [] });
  if (plan === undefined) tree.open(0);
  else tree.decompose(0, plan);
  return tree.state;
}

/** Returns the state after a decision. */
export function decideTask(state: SolveState, action: SolveAction): SolveState {
  if (state.isGuess) throw new Error('a guessed state has no successor');
  const tree = new Tree(state);
  tree.decide(action);
  return tree.state;
}

/**
 * Returns a state whose next task is the one after this, which does not depend on this decision; undefined if there is none yet.
 */
export function nextTask(state: SolveState): SolveState | undefined {
  return state.tasks.length < 2 ? undefined : { ...state, tasks: state.tasks.slice(1), isGuess: true };
}

export function isSolved({ nodes, isPlanOnly, isGuess }: SolveState): boolean {
  const root = nodes[0]!;
  return !isGuess && (root.result !== undefined || (isPlanOnly && (root.split !== undefined || root.isAtomic)));
}

/** Changes a copy of a state's tree; the state stays as it was. */
class Tree {
  readonly #nodes: SolveNode[];
  readonly #tasks: Task[];
  readonly #from: SolveState;
  #decisions: readonly string[];

  constructor(state: SolveState) {
    this.#from = state;
    this.#nodes = [...state.nodes];
    this.#tasks = [...state.tasks];
    this.#decisions = state.decisions;
  }

  get state(): SolveState {
    const { limits, isPlanOnly, step, nodes } = this.#from;
    // There are none before a tree has begun.
    const isBegun = nodes.length > 0;
    return {
      limits,
      isPlanOnly,
      nodes: this.#nodes,
      tasks: this.#tasks,
      decisions: this.#decisions,
      step: isBegun ? step + 1 : 0,
    };
  }

  add(node: Pick<SolveNode, 'statement' | 'answer' | 'parent' | 'depth' | 'name' | 'needs'>): number {
    this.#nodes.push({
      ...node,
      children: [],
      isOpen: false,
      isAtomic: false,
      failures: [],
      proposals: [],
      rounds: 0,
      steps: [],
    });
    return this.#nodes.length - 1;
  }

  decide(action: SolveAction): void {
    const task = this.#tasks.shift()!;
    const { node, kind, phase, place } = task;
    const label = phase === 'propose' ? `${kind} ${place + 1}` : phase === 'judge' ? `judge ${kind}` : kind;
    const { steps, proposals } = this.#nodes[node]!;
    this.#change(node, { steps: [...steps, { label, stepIndex: this.#from.step }] });
    if (phase === 'vote') this.#settle(node, kind, action);
    else if (action.type === 'choice') {
      if (action.place === NONE) this.#rejectAll(node);
      else this.#settle(node, kind, task.proposals[action.place]!);
    } else {
      this.#change(node, { proposals: [...proposals, action] });
      this.#judge(task);
    }
  }

  /** Called when all proposals are complete: equal ones are merged, and a single one needs no judge. */
  #judge({ node, kind, place, instruction }: Task): void {
    const { proposals, rounds } = this.#nodes[node]!;
    if (place + 1 < this.#from.limits.proposals * (kind === 'split' ? rounds + 1 : 1)) return;
    this.#change(node, { proposals: [] });
    const distinct = [...new Map(proposals.map((one) => [candidateKey(one), one])).values()];
    if (distinct.length === 1) this.#settle(node, kind, distinct[0]!);
    else this.#push(node, { kind, phase: 'judge', proposals: distinct, instruction });
  }

  #rejectAll(node: number): void {
    const { failures, rounds } = this.#nodes[node]!;
    if (rounds + 1 < MAX_ROUNDS) {
      this.#change(node, { rounds: rounds + 1 });
      this.#propose(node, 'split');
    } else {
      this.#change(node, { failures: [...failures, `no-right-decomposition: none in ${MAX_ROUNDS} rounds`] });
      this.#answer(node);
    }
  }

  #settle(node: number, kind: TaskKind, action: SolveAction): void {
    if (action.type === 'split' && this.#hasRoomFor(action.split)) this.decompose(node, action.split);
    else if (action.type === 'split') {
      const { failures } = this.#nodes[node]!;
      const { maxNodes } = this.#from.limits;
      this.#change(node, { failures: [...failures, `no-room: at most ${maxNodes} problems in the tree`] });
      this.#answer(node);
    } else if (action.type === 'answer') this.#finish(node, action.answer);
    else if (kind === 'split') this.#answer(node);
  }

  #hasRoomFor({ subproblems }: Split): boolean {
    return this.#nodes.length + subproblems.length <= this.#from.limits.maxNodes;
  }

  /** Asks how a problem is decomposed, if it may be. */
  open(node: number): void {
    const { limits } = this.#from;
    this.#change(node, { isOpen: true });
    if (this.#nodes[node]!.depth >= limits.maxDepth || this.#nodes.length >= limits.maxNodes) this.#answer(node);
    else this.#propose(node, 'split');
  }

  #propose(node: number, kind: TaskKind, instruction = ''): void {
    const { proposals } = this.#from.limits;
    const first = kind === 'split' ? this.#nodes[node]!.rounds * proposals : 0;
    for (let i = 0; i < proposals; i++) {
      this.#push(node, { kind, phase: 'propose', place: first + i, instruction });
    }
  }

  #answer(node: number): void {
    this.#change(node, { isAtomic: true });
    if (this.#nodes[node]!.answer === 'free') this.#propose(node, 'answer');
    else this.#push(node, { kind: 'answer', phase: 'vote' });
  }

  decompose(node: number, split: Split): void {
    const { depth } = this.#nodes[node]!;
    const first = this.#nodes.length;
    const placeOf = new Map(split.subproblems.map(({ id }, i) => [id, first + i]));
    for (const { id, statement, answer, needs } of split.subproblems) {
      const waitsFor = needs.map((need) => placeOf.get(need)!);
      this.add({ statement, answer, parent: node, depth: depth + 1, name: id, needs: waitsFor });
    }
    this.#change(node, { isOpen: true, split, children: [...placeOf.values()] });
    this.#decisions = [...this.#decisions, ...split.decisions].slice(-MAX_DECISIONS_KEPT);
    if (this.#from.isPlanOnly) return;
    this.#openReady(node);
  }

  /** Queues the problems that no longer wait for anything. */
  #openReady(parent: number): void {
    for (const child of this.#nodes[parent]!.children) {
      const { isOpen, needs, statement } = this.#nodes[child]!;
      if (isOpen || needs.some((need) => this.#nodes[need]!.result === undefined)) continue;
      const answers = new Map(needs.map((need) => [this.#nodes[need]!.name, this.#nodes[need]!.result!]));
      this.#change(child, { statement: bind(statement, answers) });
      this.open(child);
    }
  }

  #finish(node: number, result: string): void {
    this.#change(node, { result });
    const { parent } = this.#nodes[node]!;
    if (parent === null) return;
    this.#openReady(parent);
    if (this.#nodes[parent]!.children.every((child) => this.#nodes[child]!.result !== undefined)) this.#compose(parent);
  }

  #compose(node: number): void {
    const { split, children, answer, failures } = this.#nodes[node]!;
    const answers = new Map(children.map((child) => [this.#nodes[child]!.name, this.#nodes[child]!.result!]));
    let byCode: string | undefined;
    try {
      byCode = composeByCode(split!, answers);
    } catch (thrown) {
      // The answers of its parts cannot be composed, so it is asked in one piece.
      this.#change(node, { failures: [...failures, `composition-failed: ${messageOf(thrown)}`] });
      this.#answer(node);
      return;
    }
    if (byCode !== undefined) {
      this.#finish(node, byCode);
      return;
    }
    const { instruction } = split!.compose as { instruction: string };
    const bound = bind(instruction, answers);
    if (answer === 'free') this.#propose(node, 'compose', bound);
    else this.#push(node, { kind: 'compose', phase: 'vote', instruction: bound });
  }

  #push(node: number, task: Pick<Task, 'kind' | 'phase'> & Partial<Task>): void {
    const { statement, answer, depth, children } = this.#nodes[node]!;
    const { limits, isPlanOnly } = this.#from;
    const above: string[] = [];
    for (let at: number | null = node; at !== null; at = this.#nodes[at]!.parent)
      above.unshift(this.#nodes[at]!.statement);
    this.#tasks.push({
      node,
      place: 0,
      statement,
      answer,
      isLast: isPlanOnly || depth + 1 >= limits.maxDepth,
      context: visibleContext(this.#nodes, node, this.#decisions),
      above,
      proposals: [],
      instruction: '',
      parts:
        task.kind === 'compose'
          ? children.map((child) => ({ statement: this.#nodes[child]!.statement, answer: this.#nodes[child]!.result! }))
          : [],
      ...task,
    });
  }

  #change(node: number, changes: Partial<SolveNode>): void {
    this.#nodes[node] = { ...this.#nodes[node]!, ...changes };
  }
}

/** The tree as lines, each with the steps that decided about it. */
export function outlineOf({ nodes }: SolveState): OutlineRow[] {
  const rows: OutlineRow[] = [];
  const walk = (index: number): void => {
    const { name, depth, statement, result, split, steps, failures, children } = nodes[index]!;
    rows.push({
      depth,
      text: `${name === '' ? '' : `${name}: `}${statement}`,
      detail: [
        [
          ...(split === undefined ? [] : [describeComposition(split)]),
          ...(result === undefined ? [] : [`= ${result}`]),
        ].join(' '),
        ...failures,
      ]
        .filter((part) => part !== '')
        .join('; '),
      steps,
    });
    for (const child of children) walk(child);
  };
  walk(0);
  return rows;
}

function describeComposition({ compose }: Split): string {
  if ('formula' in compose) return compose.formula;
  return 'join' in compose ? `joined by ${JSON.stringify(compose.join)}` : `composed: ${compose.instruction}`;
}
