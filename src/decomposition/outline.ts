import type { OutlineRow } from '../core/process.ts';
import type { SolveState } from './solve-state.ts';
import type { Split } from './split.ts';

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
