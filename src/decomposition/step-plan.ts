import { z } from 'zod';
import { UsageError } from '../core/errors.ts';
import { defineProcess, type Process } from '../core/process.ts';
import { describeIssues } from '../core/schema.ts';
import { type SolveInput, solve } from './process.ts';
import { PRODUCTS } from './products.ts';
import type { SolveAction, SolveState } from './solve-state.ts';
import { ANSWER_KINDS, type AnswerKind, bind, checkSplit, SPLIT_SHAPE, type Split, splitOf } from './split.ts';

/** A plan as a file, which `mdap decompose` writes, and a person reads, edits and runs. */
export interface StepPlan extends Split {
  /** Version of this format. */
  readonly stepPlan: 1;
  /** Version of the process that runs it. */
  readonly name: string;
  readonly problem: string;
  readonly answer: AnswerKind;
  /** Placeholders that the input of a run binds, `{name}` in problem, statements and instruction. */
  readonly parameters: readonly string[];
  /** The options whose wording and, for simulations, reference it uses. */
  readonly process: 'solve' | 'solve-products';
}

const PLAN_SCHEMA = SPLIT_SHAPE.extend({
  stepPlan: z.literal(1, 'expected 1, as in a file that `mdap decompose` wrote'),
  name: z.string().min(1).default('plan'),
  problem: z.string().min(1),
  answer: z.enum(ANSWER_KINDS).default('text'),
  parameters: z.array(z.string().regex(/^[A-Za-z]\w{0,19}$/)).default([]),
  process: z.enum(['solve', 'solve-products']).default('solve'),
}).transform((plan): StepPlan => ({ ...plan, ...splitOf(plan) }));

/** The input of a run of a plan: a value for each of its parameters. */
export type StepPlanInput = Readonly<Record<string, string | number>>;

/**
 * Makes the process that carries out a plan: each subproblem is a step; those that do not need each other are voted on at
 * once.
 * @throws {UsageError} naming the field if it is not a plan, and if its steps cannot be carried out.
 */
export function stepPlanProcess(value: unknown): Process<SolveInput, SolveState, SolveAction> {
  const plan = readPlan(value);
  const { name, parameters, problem, answer } = plan;
  const split = splitOf(plan);
  const wanted = Object.fromEntries(parameters.map((parameter) => [parameter, z.union([z.string(), z.number()])]));
  const process = solve({ oracle: plan.process === 'solve-products' ? PRODUCTS : undefined });
  return defineProcess<SolveInput, SolveState, SolveAction, unknown, SolveInput, unknown>({
    ...process,
    name,
    input: z.strictObject(wanted).transform((input: StepPlanInput): SolveInput => {
      const values = new Map(Object.entries(input).map(([parameter, value]) => [parameter, String(value)]));
      const { compose, subproblems } = split;
      return {
        problem: bind(problem, values),
        answer,
        maxDepth: 1,
        maxNodes: subproblems.length + 1,
        proposals: 1,
        isPlanOnly: false,
        plan: {
          ...split,
          compose: 'instruction' in compose ? { instruction: bind(compose.instruction, values) } : compose,
          subproblems: subproblems.map((one) => ({ ...one, statement: bind(one.statement, values) })),
        },
      };
    }),
  });
}

/** @throws {UsageError} */
function readPlan(value: unknown): StepPlan {
  const read = PLAN_SCHEMA.safeParse(value);
  if (!read.success) {
    throw new UsageError(`${describeIssues(read.error.issues.slice(0, 3))}.`, { option: 'plan' });
  }
  const flag = checkSplit(splitOf(read.data), [read.data.problem]);
  if (flag !== undefined) throw new UsageError(`${flag.code}: ${flag.detail}.`, { option: 'plan' });
  return read.data;
}
