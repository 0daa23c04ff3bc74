import { UsageError } from './core/errors.ts';
import type { AnyProcess, OutlineRow } from './core/process.ts';
import { addFlag, isOwnCode } from './core/red-flags.ts';
import type { SolveOracle } from './decomposition/process.ts';
import type { Split } from './decomposition/split.ts';
import type { SolveState } from './decomposition/tree.ts';
import type { RunResult } from './engine/run-result.ts';
import { nameOfModel } from './models/given-model.ts';
import { isSimulated } from './models/resolve.ts';
import { checkOptions } from './options/check.ts';
import type { DecomposeOptions, SolveOptions } from './options/verbs.ts';
import { run } from './run.ts';

export interface SolveResult extends RunResult<SolveState> {
  /** Undefined while the run is not done. */
  readonly solution: string | undefined;
  /** The model, or the limits, had the whole answered in one piece. */
  readonly isAtomic: boolean;
  /** The tree, line by line. */
  readonly outline: readonly OutlineRow[];
  /** Decompositions that were refused in this execution, by what was wrong with them. */
  readonly refused: Readonly<Record<string, number>>;
}

/**
 * Solves a problem by decomposing it: see `decomposition/process.ts`. Resumes with the same `runId`.
 * @throws as `run` does.
 */
export async function solve(problem: string, options: SolveOptions): Promise<SolveResult> {
  const { result, refused, process } = await runSolve(problem, checkOptions('solve', options), {
    isPlanOnly: false,
  });
  const root = result.state.nodes[0]!;
  const outline = process.view!.outline!(result.state);
  return { ...result, solution: root.result, isAtomic: root.isAtomic && root.split === undefined, outline, refused };
}

/**
 * A plan for a problem, voted on as a whole and not carried out: data, to be read, edited and run (`stepPlanProcess`).
 * @returns a result without a plan where the model would have it answered in one piece, or the run is not done
 * @throws as `run` does.
 */
export async function decompose(
  problem: string,
  options: DecomposeOptions,
): Promise<RunResult<SolveState> & { readonly plan: Split | undefined }> {
  const { result } = await runSolve(problem, checkOptions('decompose', options), { isPlanOnly: true });
  return { ...result, plan: result.state.nodes[0]!.split };
}

async function runSolve(problem: string, options: SolveOptions, { isPlanOnly }: { readonly isPlanOnly: boolean }) {
  const { answerKind, maxDepth, maxNodes, proposals, decomposer, judge, model, onEvent, ...rest } = options;
  // Loaded by itself: who does not solve needs neither it nor the library that checks its inputs.
  const [{ solve: solveProcess }, { PRODUCTS }] = await Promise.all([
    import('./decomposition/process.ts'),
    import('./decomposition/products.ts'),
  ]);
  // A simulated model must know what is right: it knows products.
  const isKnowing = isSimulated(nameOfModel(model), rest.baseUrl);
  const process: AnyProcess = solveProcess({ oracle: isKnowing ? PRODUCTS : undefined });
  if (isKnowing) requireProduct(problem, PRODUCTS);
  const roles = {
    ...(decomposer === undefined ? {} : { decompose: decomposer }),
    ...(judge === undefined ? {} : { judge }),
  };
  const refused: Record<string, number> = {};
  const result: RunResult<SolveState> = await run(
    process,
    { problem, answer: answerKind, maxDepth, maxNodes, proposals, isPlanOnly },
    {
      variants: 'all',
      ...rest,
      model,
      roles,
      processSource: process.name,
      onEvent: (event) => {
        onEvent?.(event);
        const code = event.type === 'sample-landed' ? event.sample.flag?.code : undefined;
        if (code !== undefined && isOwnCode(code)) addFlag(refused, code);
      },
    },
  );
  return { process, result, refused };
}

function requireProduct(problem: string, { answer }: Pick<SolveOracle, 'answer'>): void {
  try {
    answer(problem);
  } catch {
    throw new UsageError(
      'a simulated model can solve products alone, as in "Multiply 12345 by 67890.": ask a real one.',
      { option: 'problem' },
    );
  }
}
