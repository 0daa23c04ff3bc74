import type { Random } from '../core/random.ts';

/** The most likely next tokens with their logits, the most likely first. */
export type NextTokens = readonly (readonly [token: number, logit: number])[];

/** The next tokens after some text, with a child for each token that was drawn there. */
export interface ReplyNode {
  next?: NextTokens;
  readonly children: Map<number, ReplyNode>;
}

/** The replies to one prompt, as far as the model was asked. */
export interface ReplyTree {
  readonly prompt: readonly number[];
  readonly root: ReplyNode;
}

/**
 * Trees of replies by prompt. Most draws of a step are the same, and the part that a draw shares with an earlier one is not
 * computed again. The least recently used prompts are forgotten first.
 */
export class ReplyTrees {
  readonly #trees = new Map<string, ReplyTree & { nodes: number }>();
  readonly #mostNodes: number;
  #nodes = 0;

  constructor(options: { mostNodes: number }) {
    this.#mostNodes = options.mostNodes;
  }

  /** `tokenize` is called if the prompt is new. */
  open(key: string, tokenize: () => readonly number[]): ReplyTree {
    const tree = this.#trees.get(key) ?? { prompt: tokenize(), root: { children: new Map() }, nodes: 0 };
    this.#trees.delete(key);
    this.#trees.set(key, tree);
    return tree;
  }

  /** Returns the node after a token, and counts it if it is new. */
  descend(key: string, node: ReplyNode, token: number): ReplyNode {
    let child = node.children.get(token);
    if (child === undefined) {
      child = { children: new Map() };
      node.children.set(token, child);
      const tree = this.#trees.get(key);
      if (tree !== undefined) {
        tree.nodes++;
        this.#nodes++;
        this.#forget();
      }
    }
    return child;
  }

  /** Forgets all but the latest prompt, whose draw is in progress. */
  #forget(): void {
    for (const [key, { nodes }] of this.#trees) {
      if (this.#nodes <= this.#mostNodes || this.#trees.size === 1) return;
      this.#trees.delete(key);
      this.#nodes -= nodes;
    }
  }
}

/** Draws a token at a temperature; at 0, the most likely one. */
export function pickToken(next: NextTokens, temperature: number, random: Random): number {
  const [first] = next;
  if (first === undefined) throw new RangeError('expected at least one token to pick from, got none');
  if (temperature === 0) return first[0];
  const weights = next.map(([, logit]) => Math.exp((logit - first[1]) / temperature));
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return next[i]![0];
  }
  return next.at(-1)![0];
}
