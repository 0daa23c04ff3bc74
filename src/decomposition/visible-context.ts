/** What the context rule reads of a problem in a tree of problems. */
export interface ContextNode {
  readonly parent: number | null;
  readonly depth: number;
  readonly name: string;
  readonly statement: string;
  readonly children: readonly number[];
  /** Its answer, once it has one. */
  readonly result?: string;
}

/** Longest quotation of a statement, of an answer, and of a decision, in characters. */
export const MAX_QUOTED_CHARS = 600;
const MAX_QUOTED_ANSWER_CHARS = 200;
/** Finished problems that are named at one level, and decisions that are: the latest. */
const MAX_NAMED = 12;

/**
 * What whoever answers a problem sees of the others, beside its own statement: the statements of those that it is a part of,
 * the answers of finished problems beside it and beside those, and what was decided for all parts; never what lies below
 * them. (The rule by which TIM prunes its working memory, arXiv 2507.16784, applied to prompts.)
 *
 * Its length is bounded by the depth, not by the size of the tree. Two problems share the text down to where their paths
 * part, in front, so that a provider's prompt cache serves it.
 */
export function visibleContext(nodes: readonly ContextNode[], index: number, decisions: readonly string[]): string {
  const path: ContextNode[] = [];
  for (let at = nodes[index]!.parent; at !== null; at = nodes[at]!.parent) path.unshift(nodes[at]!);
  const lines = path.map(({ statement }, depth) =>
    depth === 0 ? `The whole problem: ${quote(statement)}` : `Of which this is a part: ${quote(statement)}`,
  );
  for (const [level, above] of path.entries()) {
    const node = path[level + 1] ?? nodes[index]!;
    const finished = above.children
      .map((child) => nodes[child]!)
      .filter((sibling) => sibling !== node && sibling.result !== undefined);
    for (const { statement, result } of finished.slice(-MAX_NAMED)) {
      lines.push(`Known: ${quote(statement)} Answer: ${quote(result!, MAX_QUOTED_ANSWER_CHARS)}`);
    }
  }
  for (const decision of decisions.slice(-MAX_NAMED)) lines.push(`Decided for all parts: ${quote(decision)}`);
  return lines.join('\n');
}

function quote(text: string, most = MAX_QUOTED_CHARS): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
