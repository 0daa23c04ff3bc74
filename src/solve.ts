import { UsageError } from './core/errors.ts';
import type { AnyProcess, OutlineRow } from './core/process.ts';
import { addFlag, isOwnCode } from './core/red-flags.ts';
import type { SolveOracle } from './decomposition/process.ts';
import type { SolveState } from './decomposition/solve-state.ts';
import type { Split } from './decomposition/split.ts';
import type { RunResult } from './engine/run-result.ts';
import { nameOfModel } from './models/given-model.ts';
import { isSimulated } from './models/resolve.ts';
import { checkOptions } from './options/check.ts';
import type { DecomposeOptions, SolveOptions } from './options/verbs.ts';
import { run } from './run.ts';

export interface SolveResult extends RunResult<SolveState> {
  /** The answer to the problem; undefined while the run is not done. */
  readonly solution: string | undefined;
  /** Whether the problem was answered in one piece, because the model or the limits chose so. */
  readonly isAtomic: boolean;
  /** The tree of the decomposition, as lines. */
  readonly outline: readonly OutlineRow[];
  /** Number of decompositions that were refused in this execution, by the code of what was wrong with them. */
  readonly refused: Readonly<Record<string, number>>;
}

/**
 * Solves a problem by decomposing it, by votes, into parts that are answered and put together. The same call with the same
 * `runId` resumes it. How it works is described in `decomposition/process.ts`.
 * @throws the errors of `run`.
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
 * Makes a plan for a problem, by a vote, without carrying it out. The plan is data, to be read, edited and run (see
 * `stepPlanProcess`).
 * @returns the result of the run with its `plan`, which is undefined where the problem is to be answered in one piece, or the
 * run is not done
 * @throws the errors of `run`.
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
  // These are loaded only here, with the library that checks their inputs, since other verbs need none of it.
  const [{ solve: solveProcess }, { PRODUCTS }] = await Promise.all([
    import('./decomposition/process.ts'),
    import('./decomposition/products.ts'),
  ]);
  // A simulated model must know the right answers; it knows those of products.
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
        const code = event.type === 'sample-landed' ? event.sample.flag?.code : undefined;
        if (code !== undefined && isOwnCode(code)) addFlag(refused, code);
        // What it returns is for `run` to judge.
        return onEvent?.(event);
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
