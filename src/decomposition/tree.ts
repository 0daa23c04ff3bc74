import { candidateKey } from '../core/candidate.ts';
import { messageOf } from '../core/errors.ts';
import {
  NONE,
  type Refused,
  type SolveAction,
  type SolveLimits,
  type SolveNode,
  type SolveState,
  type Task,
  type TaskKind,
} from './solve-state.ts';
import { type AnswerKind, bind, composeByCode, type Split } from './split.ts';
import { visibleContext } from './visible-context.ts';

/** Maximum number of rounds of proposals of a decomposition. */
const MAX_ROUNDS = 3;
/** Maximum length of what the tree keeps of a server's words, in characters. */
const MAX_REASON_CHARS = 300;

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
  else tree.decompose(0, plan, { isGiven: true });
  return tree.state;
}

/** Returns the state after a decision. */
export function decideTask(state: SolveState, action: SolveAction): SolveState {
  if (state.isGuess) throw new Error('a guessed state has no successor');
  const tree = new Tree(state);
  if (!tree.decide(action)) throw new Error('the problem cannot be solved without this task');
  return tree.state;
}

/** Whether the problem may still be solved if this is what becomes of its next task. */
export function isSolvableWith(state: SolveState, refused: Refused): boolean {
  return new Tree(state).decide(refused);
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

  /** @returns whether the problem may still be solved */
  decide(action: SolveAction): boolean {
    const task = this.#tasks.shift()!;
    const { node, kind, phase, place } = task;
    const label = phase === 'propose' ? `${kind} ${place + 1}` : phase === 'judge' ? `judge ${kind}` : kind;
    const { steps, proposals } = this.#nodes[node]!;
    this.#change(node, { steps: [...steps, { label, stepIndex: this.#from.step }] });
    if (action.type === 'refused') return this.#refuse(task, action);
    if (phase === 'vote') this.#settle(node, kind, action);
    else if (action.type === 'choice') {
      if (action.place === NONE) this.#rejectAll(node);
      else this.#settle(node, kind, task.proposals[action.place]!);
    } else {
      this.#change(node, { proposals: [...proposals, action] });
      this.#judge(task);
    }
    return true;
  }

  /** Does without a task that the server refuses. @returns whether the problem may still be solved */
  #refuse(task: Task, { reason }: Refused): boolean {
    const { node, kind, phase, statement } = task;
    const words = reason.slice(0, MAX_REASON_CHARS).toWellFormed();
    if (phase === 'propose') return this.#judge(task, words);
    if (phase === 'judge' && kind === 'split') {
      const isLast = this.#nodes[node]!.rounds + 1 >= MAX_ROUNDS;
      if (isLast && this.#from.isPlanOnly) return false;
      this.#rejectAll(node, `not-answered: judge: ${words}`);
      return true;
    }
    const about = JSON.stringify(statement.slice(0, MAX_REASON_CHARS).toWellFormed());
    return this.#doWithout(node, `not-answered: ${kind} of ${about}: ${words}`);
  }

  /**
   * The problem gets no answer, so the nearest problem of which it is a part is decomposed in another way, or else answered in one
   * piece. @returns whether there is one
   */
  #doWithout(node: number, failure: string): boolean {
    for (let at: number | null = node; at !== null; at = this.#nodes[at]!.parent) {
      const { isAtomic, isGiven, rounds, failures, split, deadEnds = [] } = this.#nodes[at]!;
      if (isGiven) return false;
      if (isAtomic || split === undefined) continue;
      this.#abandonParts(at);
      this.#change(at, {
        failures: [...failures, failure],
        deadEnds: [...deadEnds, candidateKey({ type: 'split', split })],
      });
      if (rounds + 1 < MAX_ROUNDS) {
        this.#change(at, { rounds: rounds + 1 });
        this.#propose(at, 'split');
      } else this.#answer(at);
      return true;
    }
    return false;
  }

  /** Undoes a decomposition: what waits to be decided below it is not asked. */
  #abandonParts(node: number): void {
    const below = new Set<number>();
    const dropped = new Set<string>();
    const walk = (at: number): void => {
      const { split, children } = this.#nodes[at]!;
      for (const decision of split?.decisions ?? []) dropped.add(decision);
      for (const child of children) {
        below.add(child);
        walk(child);
      }
    };
    walk(node);
    const kept = this.#tasks.filter((task) => !below.has(task.node));
    this.#tasks.splice(0, this.#tasks.length, ...kept);
    this.#decisions = this.#decisions.filter((decision) => !dropped.has(decision));
    const { split: _, ...rest } = this.#nodes[node]!;
    this.#nodes[node] = { ...rest, children: [] };
  }

  /**
   * Called when all proposals are complete: equal ones are merged, and a single one needs no judge.
   * @param refusal the words with which the server refused this one
   * @returns whether the problem may still be solved
   */
  #judge({ node, kind, place, instruction }: Task, refusal?: string): boolean {
    const { proposals, rounds, deadEnds = [], failures, depth } = this.#nodes[node]!;
    if (place + 1 < this.#from.limits.proposals * (kind === 'split' ? rounds + 1 : 1)) return true;
    this.#change(node, { proposals: [] });
    const distinct = [...new Map(proposals.map((one) => [candidateKey(one), one]))]
      .filter(([key]) => !deadEnds.includes(key))
      .map(([, one]) => one);
    if (distinct.length === 1) this.#settle(node, kind, distinct[0]!);
    else if (distinct.length > 1) this.#push(node, { kind, phase: 'judge', proposals: distinct, instruction });
    else if (proposals.length > 0) this.#rejectAll(node);
    else {
      const failure = `not-answered: ${kind}: ${refusal}`;
      if (kind !== 'split') return this.#doWithout(node, failure);
      // Nothing can be said of a decomposition of which there is no proposal.
      if (this.#from.isPlanOnly && depth === 0) return false;
      this.#change(node, { failures: [...failures, failure] });
      this.#answer(node);
    }
    return true;
  }

  #rejectAll(node: number, failure?: string): void {
    if (failure !== undefined) this.#change(node, { failures: [...this.#nodes[node]!.failures, failure] });
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

  decompose(node: number, split: Split, { isGiven = false } = {}): void {
    const { depth } = this.#nodes[node]!;
    const first = this.#nodes.length;
    const placeOf = new Map(split.subproblems.map(({ id }, i) => [id, first + i]));
    for (const { id, statement, answer, needs } of split.subproblems) {
      const waitsFor = needs.map((need) => placeOf.get(need)!);
      this.add({ statement, answer, parent: node, depth: depth + 1, name: id, needs: waitsFor });
    }
    this.#change(node, { isOpen: true, split, children: [...placeOf.values()], ...(isGiven && { isGiven }) });
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
