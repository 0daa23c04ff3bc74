import { isMap, type StepEntry } from '../core/journal.ts';
import type { JournalReader, LiveRun } from '../core/journal-reader.ts';
import type { OutlineRow } from '../core/process.ts';
import { parseInput } from '../core/schema.ts';
import { loadProcess } from './process-source.ts';
import { plural, printable, showCount, truncate } from './terminal.ts';

const WIDEST = 100;
/** Deeper rows are indented no further. */
const MAX_INDENT = 20;

/** Renders a tree as indented lines, each with its result, and with the votes of its steps if they are known. */
export function showOutline(
  rows: readonly OutlineRow[],
  options: { readonly decisions?: ReadonlyMap<number, StepEntry>; readonly mostRows?: number } = {},
): string[] {
  const { decisions, mostRows = rows.length } = options;
  const lines = rows.slice(0, mostRows).flatMap(({ depth, text, detail, steps }) => {
    const indent = '  '.repeat(Math.min(depth, MAX_INDENT));
    const plain = printable(text.replace(/\s+/g, ' '));
    const whole = `${indent}${plain}${detail === '' ? '' : `  ${printable(detail)}`}`;
    const shown = [
      ...(whole.length <= WIDEST
        ? [whole]
        : [
            `${indent}${truncate(plain, WIDEST - indent.length)}`,
            ...(detail === '' ? [] : [`${indent}  ${truncate(printable(detail), WIDEST - indent.length - 2)}`]),
          ]),
    ];
    const votes = decisions === undefined ? '' : describeSteps(steps, decisions);
    return votes === '' ? shown : [...shown, `${indent}  ${votes}`];
  });
  if (rows.length > mostRows) lines.push(`... and ${showCount(rows.length - mostRows)} more`);
  return lines;
}

/** The name of a wrong decision, by the label of its step. */
const FAILURES: Readonly<Record<string, string>> = {
  answer: 'atomic-miscalc',
  compose: 'composed-miscalc',
  'judge split': 'wrong-decomposition',
};

/** Steps with their votes, such as `answer 7 : 4 (step 120)`. Steps that no vote decided are only counted. */
function describeSteps(steps: OutlineRow['steps'], decisions: ReadonlyMap<number, StepEntry>): string {
  const isVoted = ({ stepIndex }: OutlineRow['steps'][number]) => decisions.get(stepIndex)?.settledBy !== 'verify';
  const proposals = steps.filter((step) => !isVoted(step));
  return [
    ...(proposals.length > 0 ? [`${plural(proposals.length, 'proposal')} from step ${proposals[0]!.stepIndex}`] : []),
    ...steps.filter(isVoted).map(({ label, stepIndex }) => {
      const decision = decisions.get(stepIndex);
      const votes = decision?.tally?.map(([, count]) => count).join(' : ') ?? String(decision?.votes ?? '');
      const wrong = decision?.wrong ? ` ${FAILURES[label] ?? 'WRONG'}` : '';
      return `${label} ${votes}${wrong} (step ${stepIndex})`;
    }),
  ].join(', ');
}

/** The tree that a run's decisions make; undefined if its process has no tree, or can no longer be loaded. */
export async function outlineOfRun(reader: JournalReader, live: LiveRun) {
  const { runId, processSource, input, totals } = live;
  if (processSource === null || isMap(live)) return undefined;
  try {
    const { process } = await loadProcess(processSource);
    if (process.view?.outline === undefined) return undefined;
    const { steps: toStep } = totals;
    let state: unknown = process.start(await parseInput(process, input));
    for (const { action, observation } of await reader.actions(runId, { fromStep: 0, toStep })) {
      state = process.apply(state, action, observation);
    }
    const decisions = await reader.decisions(runId, { toStep, maxActionChars: 0 });
    return { rows: process.view?.outline(state), decisions: new Map(decisions.map((one) => [one.stepIndex, one])) };
  } catch {
    // The module is gone or has changed. The rest of the run can still be shown.
    return undefined;
  }
}
