/** The fields of a problem in the tree that the context rule reads. */
export interface ContextNode {
  readonly parent: number | null;
  readonly depth: number;
  readonly name: string;
  readonly statement: string;
  readonly children: readonly number[];
  /** Its answer, once it has one. */
  readonly result?: string;
}

/** Maximum length of a quoted statement, answer and decision, in characters. */
export const MAX_QUOTED_CHARS = 600;
const MAX_QUOTED_ANSWER_CHARS = 200;
/** Maximum number of finished problems named at one level, and of decisions: the latest ones. */
const MAX_NAMED = 12;

/**
 * Returns what the prompt of a problem shows in addition to its own statement: the statements of its ancestors, the answers
 * of finished siblings of it and of its ancestors, and the decisions for all parts; never anything below those. (TIM prunes
 * its working memory by this rule, arXiv 2507.16784; here it is applied to prompts.)
 *
 * Its length is bounded by the depth, not by the size of the tree. The texts of two problems begin alike, up to where their
 * paths part, so that a provider's prompt cache can use them.
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
