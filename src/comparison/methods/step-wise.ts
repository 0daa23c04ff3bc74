import { candidateKey } from '../../core/candidate.ts';
import { defineProcess, inSubtasks } from '../../core/process.ts';
import { aheadByK, type StopRule } from '../../statistics/stop-rules.ts';
import { type Arrangement, type Method, stepByStep } from '../method.ts';
import { actionsIn, UNVOTED, wholeJob } from './sized.ts';

/** One call for all steps. */
export function oneCall(name: string): Method {
  return {
    name,
    arrange: (process, input) => {
      const { process: whole, steps, actionsOf } = wholeJob(process, input);
      return inTurns({ process: whole, rule: UNVOTED, stepsPerReply: steps }, actionsOf);
    },
  };
}

/** Several steps a call, each call with its own small prompt; with a margin they are voted on. */
export function bySubtasks(name: string, options: { readonly m: number; readonly k?: number }): Method {
  const { m, k } = options;
  const rule = k === undefined ? UNVOTED : aheadByK({ margin: k });
  return {
    name,
    arrange: (process) => inTurns({ process: inSubtasks(process, m), rule, stepsPerReply: m }, actionsIn(m)),
  };
}

/** One step a call without memory of earlier steps, decided by a rule. */
export function byRule(name: string, rule: StopRule): Method {
  return { name, arrange: (process) => ({ process, rule, stepsPerReply: 1, outcome: stepByStep }) };
}

/** One step a call, unvoted. */
export function unvoted(name: string): Method {
  return byRule(name, UNVOTED);
}

/**
 * Votes without the process's own red flags: an action that its `check` would refuse is a vote like any other. Unreadable
 * replies are still no votes, and no reply is too long. Actions are one candidate only if they are fully equal, since a key
 * may rely on what the check has ensured.
 */
export function withoutChecks(name: string, rule: StopRule): Method {
  return {
    name,
    arrange: (process) => {
      const unchecked = defineProcess({
        ...process,
        name: `${process.name}-unchecked`,
        check: undefined,
        key: candidateKey,
        variants: undefined,
      });
      return { process: unchecked, rule, stepsPerReply: 1, mayBreak: true, outcome: stepByStep };
    },
  };
}

function inTurns(
  arranged: Omit<Arrangement, 'outcome'>,
  actionsOf: (action: unknown) => readonly unknown[],
): Arrangement {
  return { ...arranged, outcome: (actions) => ({ turns: actions.map(actionsOf) }) };
}
