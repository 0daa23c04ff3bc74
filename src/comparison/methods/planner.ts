import { type AnyProcess, defineProcess } from '../../core/process.ts';
import { textOf, withFilesOf } from '../../core/prompt-parts.ts';
import type { Method } from '../method.ts';
import { stepsOf, UNVOTED } from './sized.ts';

interface PlannedState {
  readonly state: unknown;
  /** The plan; null before the first call, which writes it. */
  readonly plan: string | null;
}

/** The first call gives the plan, all others an action. */
type PlannedAction = { readonly plan: string } | { readonly action: unknown };

/**
 * A plan in one call, then a call for each step that sees it, unvoted: Plan-and-Solve (arXiv 2305.04091), with separate
 * steps. The process defines the steps, so the plan can only say how to approach them. `solve` has plans that write the
 * steps themselves. A simulated model's plan changes nothing.
 */
export function planner(name: string): Method {
  return {
    name,
    arrange: (process, input) => {
      const steps = stepsOf(process, input);
      return {
        process: planned(process, steps),
        rule: UNVOTED,
        // The plan covers all of them.
        stepsPerReply: steps,
        outcome: (actions) => ({
          turns: (actions as readonly PlannedAction[]).map((one) => ('action' in one ? [one.action] : [])),
        }),
      };
    },
  };
}

function planned(process: AnyProcess, steps: number): AnyProcess {
  const { reference, reply, simulation, key, check } = process;
  return defineProcess<unknown, PlannedState, PlannedAction>({
    name: `${process.name}-planned`,
    version: process.version,
    input: process.input,
    start: (input) => ({ state: process.start(input), plan: null }),
    steps: (input) => process.steps!(input) + 1,
    isDone: ({ state, plan }) => plan !== null && process.isDone(state),
    prompt: ({ state, plan }) => {
      const { system, user } = process.prompt(state);
      if (plan === null) return { user: withFilesOf(user, planPrompt(system, textOf(user), steps)) };
      return { system: `${system === undefined ? '' : `${system}\n\n`}The plan for all of it:\n${plan}`, user };
    },
    parse: (text, { state, plan }) => (plan === null ? { plan: text } : { action: process.parse(text, state) }),
    check: check && ((one, { state }) => ('action' in one ? check(one.action, state) : undefined)),
    key: (one) => ('action' in one ? key(one.action) : one.plan),
    apply: ({ state, plan }, one) =>
      'action' in one ? { state: process.apply(state, one.action), plan } : { state, plan: one.plan },
    reference: ({ state, plan }) => (plan === null ? { plan: SIMULATED_PLANS[0] } : { action: reference!(state) }),
    reply: reply && ((one, { state }) => ('action' in one ? reply(one.action, state) : one.plan)),
    simulation: {
      mistakes: ({ state, plan }) =>
        plan === null
          ? [{ plan: SIMULATED_PLANS[1] }]
          : (simulation?.mistakes?.(state) ?? []).map((action) => ({ action })),
    },
  });
}

const SIMULATED_PLANS = ['Do every step as it is asked for, and check it.', 'Do the steps.'] as const;

function planPrompt(system: string | undefined, user: string, steps: number): string {
  return `A job has ${steps} steps, which are done one after the other, each by somebody who sees that step alone. This is how the first of
them is asked for:

<step>
${system === undefined ? '' : `${system}\n\n`}${user}
</step>

First understand the job, then devise a plan for it: in at most ten lines, how each step is to be done and what to watch for.
Those who do the steps will read it. Do not do any of the steps yourself.`;
}
