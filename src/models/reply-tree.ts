import type { Random } from '../core/random.ts';

/** The likeliest next tokens with their logits, likeliest first. */
export type NextTokens = readonly (readonly [token: number, logit: number])[];

/** What a model would say next after some text, and after each token that was drawn there. */
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
 * Trees of replies by prompt. Draws of one step mostly say the same: what a draw shares with an earlier one is not
 * computed again. The prompts that were asked for the longest time ago are forgotten first.
 */
export class ReplyTrees {
  readonly #trees = new Map<string, ReplyTree & { nodes: number }>();
  readonly #mostNodes: number;
  #nodes = 0;

  constructor(options: { mostNodes: number }) {
    this.#mostNodes = options.mostNodes;
  }

  /** `tokenize` is asked where the prompt is new. */
  open(key: string, tokenize: () => readonly number[]): ReplyTree {
    const tree = this.#trees.get(key) ?? { prompt: tokenize(), root: { children: new Map() }, nodes: 0 };
    this.#trees.delete(key);
    this.#trees.set(key, tree);
    return tree;
  }

  /** The node behind a token, where a new one counts. */
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

  /** All but the latest prompt, whose draw is on its way. */
  #forget(): void {
    for (const [key, { nodes }] of this.#trees) {
      if (this.#nodes <= this.#mostNodes || this.#trees.size === 1) return;
      this.#trees.delete(key);
      this.#nodes -= nodes;
    }
  }
}

/** A draw from the tokens at a temperature; the likeliest at 0. */
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
