import { unknownRun } from '../core/journal.ts';
import { codesOf, RED_FLAG_CODES } from '../core/red-flags.ts';
import { openJournal, systemClock } from '../defaults.ts';
import type { ReplayCost, ReplayedStep, ReplayResult } from '../engine/replay-loop.ts';
import { replay } from '../replay.ts';
import { type VerbFlags, verbOptions } from './options.ts';
import { loadProcess, sourceOf } from './process-source.ts';
import { journalFlag } from './run-summary.ts';
import {
  plural,
  printable,
  printableJson,
  shellWord,
  showCount,
  showNumber,
  showUsd,
  table,
  truncate,
} from './terminal.ts';

/**
 * Maximum number of steps listed of each kind: a run of a million steps may differ in all of them, and the outcomes are counted
 * anyway.
 */
const MAX_LISTED_IN_JSON = 10_000;

export async function replayCommand(runId: string, flags: VerbFlags<'replay'>): Promise<number> {
  const { json, journal: file } = flags;
  const journal = openJournal(file, systemClock, { mustExist: true });
  try {
    const record = await journal.find(runId);
    if (record === undefined) throw unknownRun(runId);
    const { process: definition } = await loadProcess(sourceOf(record, 'replay it there, with `replay`'));
    const maxListed = json ? MAX_LISTED_IN_JSON : undefined;
    const result = await replay(definition, runId, { ...verbOptions('replay', flags), journal, maxListed });
    process.stdout.write(json ? `${printableJson(result)}\n` : describeReplay(result, file));
    return 0;
  } finally {
    await journal.close();
  }
}

const MAX_RANGES_SHOWN = 5;

function describeReplay(result: ReplayResult, journalFile: string): string {
  const { before, after, outcomes, replayedSteps, redFlags, withoutSamples } = result;
  const off = RED_FLAG_CODES.filter((code) => !redFlags.includes(code));
  const lines = [
    `run ${printable(result.runId)} of ${printable(result.process)}, decided again by ${result.rule}${off.length > 0 ? `, without the flags ${off.join(', ')}` : ''}`,
    `${plural(replayedSteps, 'step')} replayed, from ${plural(result.recordedSamples, 'recorded sample')}`,
  ];
  if (withoutSamples.steps > 0) lines.push(describeUnrecorded(withoutSamples));
  if (result.settingsChanged)
    lines.push('the run was resumed with other options: not all its decisions were made under the same ones');
  if (replayedSteps === 0) return `${lines.join('\n')}\n`;
  lines.push(
    `decisions: ${showCount(outcomes.same)} the same, ${showCount(outcomes.different)} other; ` +
      `not decided: ${showCount(outcomes.short)} because samples are missing, ${showCount(outcomes.undecided)} at a limit`,
    '',
    table([['', 'before', 'after'], ...rowsOf(result).map(([name, ...values]) => [`  ${name}`, ...values])]),
    '',
    describeSaving(result),
  );
  lines.push(...describeSteps('decided otherwise', outcomes.different, result.differentSteps));
  lines.push(...describeSteps('not decided by the recorded samples', outcomes.short, result.shortSteps));
  lines.push(...describeSteps('not decided, at a limit', outcomes.undecided, result.undecidedSteps));
  const [step] = [...result.differentSteps, ...result.shortSteps, ...result.undecidedSteps];
  if (step !== undefined) {
    const run = `${shellWord(result.runId)}${journalFlag(journalFile)}`;
    lines.push('', `one step: mdap inspect ${run} --step ${step.stepIndex}`);
  }
  return `${lines.join('\n')}\n`;

  function rowsOf({ before: was, after: is }: ReplayResult): [string, string, string][] {
    const row = (name: string, of: (sums: typeof before) => string): [string, string, string] => [
      name,
      of(was),
      of(is),
    ];
    const codes = codesOf(before.flags, after.flags);
    return [
      row('decided', ({ decidedSteps }) => showCount(decidedSteps)),
      row('wrong', ({ wrongSteps }) => (wrongSteps === null ? '-' : showCount(wrongSteps))),
      row('expected wrong', ({ certificate }) => showExpected(certificate?.expectedWrong)),
      row('contested', ({ contestedSteps }) => showCount(contestedSteps)),
      row('samples', ({ samples }) => showCount(samples)),
      row('votes', ({ votes }) => showCount(votes)),
      ...codes.map((code) => row(code, ({ flags }) => showCount(flags[code] ?? 0))),
      row('tokens in', ({ tokens }) => showCount(tokens.input)),
      row('tokens out', ({ tokens }) => showCount(tokens.output)),
      row('cost', ({ costUsd }) => (costUsd === null ? 'unknown' : showUsd(costUsd))),
    ];
  }
}

function showExpected(expected: number | null | undefined): string {
  return expected === null || expected === undefined ? '-' : showNumber(expected, 2);
}

function describeUnrecorded({ steps, unanimousSteps, wrongSteps, ranges }: ReplayResult['withoutSamples']): string {
  const shown = ranges.slice(0, MAX_RANGES_SHOWN).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
  const listed = ranges.slice(0, MAX_RANGES_SHOWN).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  const wrong = wrongSteps ? `, ${showCount(wrongSteps)} wrong` : '';
  return (
    `${plural(steps, 'step')} without recorded samples cannot be judged (${shown.join(', ')}${listed < steps ? ', …' : ''}): ` +
    `${showCount(unanimousSteps)} of them unanimous${wrong}; \`--record all\` keeps the samples of every step`
  );
}

function describeSaving({ saved, missing }: ReplayResult): string {
  const needs =
    missing.samples > 0
      ? `; counted in: ${plural(missing.samples, 'sample')} more, the minimum that the undecided steps need`
      : '';
  const isMore = saved.samples < 0;
  return `${isMore ? `costs ${showCost(negated(saved))} more` : `saves ${showCost(saved)}`}${needs}`;
}

function negated({ samples, tokens, costUsd }: ReplayCost): ReplayCost {
  return {
    samples: -samples,
    tokens: { input: -tokens.input, output: -tokens.output },
    costUsd: costUsd === null ? null : -costUsd,
  };
}

function showCost({ samples, tokens, costUsd }: ReplayCost): string {
  return `${plural(samples, 'sample')}, ${showCount(tokens.input)} tokens in, ${showCount(tokens.output)} out, ${showUsd(costUsd)}`;
}

function describeSteps(title: string, count: number, steps: readonly ReplayedStep[]): string[] {
  if (steps.length === 0) return [];
  const rows = steps.map(({ stepIndex, before, after, missingSamples, wrong }) => [
    `  ${stepIndex}`,
    before === undefined ? '-' : votesOf(before.tally, before.votes),
    before === undefined ? 'undecided' : showAction(before.action, wrong.before),
    votesOf(after.tally, after.votes),
    after.action === undefined
      ? missingSamples > 0
        ? `needs ${showCount(missingSamples)} more`
        : 'undecided'
      : showAction(after.action, wrong.after),
  ]);
  const more = count > steps.length ? `, the first ${steps.length}` : '';
  return [
    '',
    `${title}: ${showCount(count)}${more}`,
    table([['  step', 'votes', 'before', 'votes', 'after'], ...rows]),
  ];
}

function votesOf(tally: ReplayedStep['after']['tally'] | undefined, votes: number): string {
  return tally === undefined || tally.length < 2 ? String(votes) : tally.map(([, count]) => count).join(':');
}

function showAction(action: unknown, wrong: boolean | undefined): string {
  return `${printable(truncate(JSON.stringify(action), 40))}${wrong ? ' WRONG' : ''}`;
}
