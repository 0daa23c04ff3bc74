import { UsageError } from '../core/errors.ts';
import {
  billOf,
  gistOf,
  type Journal,
  type NoteEntry,
  type SampleEntry,
  type StepEntry,
  settlerOf,
  statusOf,
} from '../core/journal.ts';
import { allRuns, type JournalReader, type LiveRun, requireRun } from '../core/journal-reader.ts';
import type { FileFacts } from '../core/prompt-parts.ts';
import { reasonOf } from '../core/run-end.ts';
import type { SampleDetails } from '../core/sample-details.ts';
import { openJournalReader } from '../defaults.ts';
import { withFlags } from '../options/flag-names.ts';
import { certificateOf } from '../statistics/certificate.ts';
import type { JournalFlags } from './options.ts';
import { outlineOfRun, showOutline } from './outline.ts';
import {
  describeCertificate,
  describeSamples,
  describeTimedOut,
  describeWaste,
  describeWrongSteps,
  journalFlag,
  showChance,
} from './run-summary.ts';
import {
  plural,
  printable,
  printableJson,
  printableLines,
  shellWord,
  showCount,
  showDuration,
  showUsd,
  table,
  truncate,
} from './terminal.ts';

interface InspectFlags extends JournalFlags {
  readonly step?: number;
}

export async function runsCommand(flags: JournalFlags): Promise<number> {
  const reader = openJournalReader(flags.journal);
  const runs = await allRuns(reader).finally(() => reader.close());
  if (flags.json) {
    process.stdout.write(`${printableJson(runs.map(summaryOf))}\n`);
    return 0;
  }
  if (runs.length === 0) {
    process.stdout.write('no runs yet: `mdap run` starts one\n');
    return 0;
  }
  const rows = runs.map((live) => [
    printable(live.runId),
    printable(live.process),
    statusOf(live),
    showCount(live.totals.steps),
    live.totals.wrongSteps === null ? '-' : showCount(live.totals.wrongSteps),
    showUsd(billOf(live.totals)),
    showDuration(live.totals.activeMs),
    new Date(live.updatedAtMs).toISOString().slice(0, 16).replace('T', ' '),
  ]);
  process.stdout.write(
    `${table([['run', 'process', 'status', 'steps', 'wrong', 'cost', 'time', 'updated (UTC)'], ...rows])}\n`,
  );
  return 0;
}

export async function inspectCommand(runId: string, flags: InspectFlags): Promise<number> {
  const reader = openJournalReader(flags.journal);
  try {
    const live = await requireRun(reader, runId);
    return flags.step === undefined
      ? await inspectRun(reader, live, flags)
      : await inspectStep(reader, live.runId, flags.step, flags);
  } finally {
    await reader.close();
  }
}

const MAX_CONTESTED_SHOWN = 10;
const MAX_NOTES_SHOWN = 20;
const MAX_NOTE_CHARS = 300;
const MAX_TEXT_CHARS = 2_000;

async function inspectRun(reader: JournalReader, live: LiveRun, flags: InspectFlags): Promise<number> {
  const { runId, totals } = live;
  const notes = (await reader.notes(runId)).map(({ id: _, ...note }) => note);
  const decisions = await reader.decisions(runId, { filter: 'contested' });
  const contested = decisions.map(({ isActionCut: _, ...decision }) => decision).sort(byCloseness);
  const certificate = certificateOf(totals.tallies, totals) ?? null;
  const outline = await outlineOfRun(reader, live);
  if (flags.json) {
    process.stdout.write(
      `${printableJson({ ...summaryOf(live), certificate, notes, contested, outline: outline?.rows })}\n`,
    );
    return 0;
  }
  const status = statusOf(live);
  const reason = reasonOf(live.end);
  const run = `${shellWord(runId)}${journalFlag(flags.journal)}`;
  const lines = [
    `run ${printable(runId)} of ${printable(live.process)}: ${status}${reason === null ? '' : `: ${printable(withFlags(reason))}`}`,
    `  input      ${printable(truncate(JSON.stringify(live.input), 100))}`,
    `  settings   ${printable(truncate(JSON.stringify(live.settings), 100))}`,
    `  steps      ${showCount(totals.steps)}${describeWrongSteps(totals)}`,
    `  samples    ${describeSamples(totals)}; ${showUsd(billOf(totals))}`,
  ];
  if (totals.wasted !== undefined) lines.push(`  wasted     ${describeWaste(totals.wasted)}`);
  if (totals.timedOut !== undefined) lines.push(`  timed out  ${describeTimedOut(totals.timedOut)}`);
  if (totals.steps > 0) lines.push(`  certainty  ${describeCertificate(certificate)}`);
  if (outline !== undefined) lines.push('', ...showOutline(outline.rows, outline));
  if (contested.length > 0) {
    lines.push(
      '',
      `contested steps: ${showCount(contested.length)}${contested.length > MAX_CONTESTED_SHOWN ? `, the ${MAX_CONTESTED_SHOWN} least certain` : ''}`,
    );
    const chances = new Map(certificate?.leastCertain.map(({ stepIndex, wrong }) => [stepIndex, wrong]));
    const rows = contested
      .sort((a, b) => (chances.get(b.stepIndex) ?? 0) - (chances.get(a.stepIndex) ?? 0))
      .slice(0, MAX_CONTESTED_SHOWN)
      .map((decision) => [
        `  ${decision.stepIndex}`,
        (decision.tally ?? []).map(([, votes]) => votes).join(' : '),
        showChance(chances.get(decision.stepIndex)),
        printable(truncate(decision.tally?.[0]?.[0] ?? '', 40)),
        `${describeSettler(decision, 'by ')}${decision.wrong ? ' WRONG' : ''}`,
      ]);
    lines.push(table([['  step', 'votes', 'wrong?', 'decided', ''], ...rows]));
  }
  if (notes.length > 0) {
    lines.push('', 'notes:');
    lines.push(...notes.slice(-MAX_NOTES_SHOWN).map((note) => `  ${describeNote(note)}`));
  }
  // Most paused runs paused because of their next step.
  const step = contested[0]?.stepIndex ?? (status === 'paused' ? totals.steps : (totals.firstWrongStep ?? 0));
  lines.push('', `one step: mdap inspect ${run} --step ${step}`);
  if (status === 'paused' || status === 'interrupted') lines.push(`resume:   mdap resume ${run}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

function describeNote({ atMs, code, detail }: NoteEntry): string {
  const { stepIndex, message } = gistOf(detail);
  const text = message !== undefined ? `step ${stepIndex}: ${withFlags(message)}` : JSON.stringify(detail);
  const time = new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
  return `${time} ${printable(code)}: ${printable(truncate(text, MAX_NOTE_CHARS))}`;
}

async function inspectStep(reader: JournalReader, runId: string, step: number, flags: InspectFlags): Promise<number> {
  if (!Number.isSafeInteger(step) || step < 0)
    throw new UsageError(`expected a whole number of at least 0, got ${step}.`, { option: 'step' });
  const decisions = await reader.decisions(runId, { filter: { steps: [step] } });
  const [decided] = decisions.map(({ isActionCut: _, ...decision }) => decision);
  const found = await reader.samples(runId, step);
  const samples = found.samples.map(({ textBytes: _, isTextCut: __, ...sample }) => sample);
  if (decided === undefined && samples.length === 0) {
    throw new UsageError(`run ${JSON.stringify(runId)} has not reached step ${step} yet.`, { option: 'step' });
  }
  if (flags.json) {
    process.stdout.write(`${printableJson({ runId, step, decision: decided ?? null, samples })}\n`);
    return 0;
  }
  process.stdout.write(describeStep(step, decided, samples));
  return 0;
}

/** The action, or why there is none. */
function outcomeLine({ type, action }: StepEntry): string {
  if (type === 'decision') return `  action     ${printable(truncate(JSON.stringify(action), 100))}`;
  return `  reason     ${printable(truncate(String(action?.reason ?? action?.givenUp), 500))}`;
}

/** Shows a step's decision, then its samples as a race: the leader after each. */
export function describeStep(
  step: number,
  decision: StepEntry | undefined,
  samples: readonly SampleEntry[],
  options: { texts: boolean } = { texts: true },
): string {
  const lines: string[] = [];
  if (decision === undefined) lines.push(`step ${step}: not decided; ${plural(samples.length, 'sample')} so far`);
  else {
    const tally = decision.tally ?? [];
    const votes = tally.length > 1 ? tally.map(([, count]) => count).join(' : ') : `${decision.votes} : 0`;
    lines.push(
      `step ${step}: ${decision.type === 'decision' ? 'decided' : 'given up at'} ${votes}${describeSettler(decision, ' by ')}${decision.wrong ? ', WRONG against the reference' : ''}`,
      outcomeLine(decision),
      ...tally.map(
        ([candidate, count], i) =>
          `  ${i === 0 ? 'winner' : 'rival '}     ${String(count).padStart(3)} x ${printable(truncate(candidate, 80))}`,
      ),
      `  samples    ${describeSamples({ ...decision, flags: decision.flags ?? {} })}; ${showUsd(decision.costUsd)}; ${showDuration(decision.latencyMs)}`,
    );
  }
  lines.push(...describeFiles(decision?.details?.files ?? samples[0]?.details?.files));
  if (samples.length === 0) {
    lines.push(
      'the texts of this step were not kept (--record contested keeps those with dissent or red flags, all keeps every one)',
      '',
    );
    return lines.join('\n');
  }
  lines.push('');
  const differ = (field: 'model' | 'variant') => samples.some((sample) => sample[field] !== samples[0]![field]);
  const tally = new Map<string, number>();
  for (const sample of samples) {
    const verdict =
      sample.flag !== undefined
        ? `red flag ${sample.flag.code}: ${printable(sample.flag.detail)}`
        : sample.kind === 'judgement'
          ? `says ${sample.candidate} to ${nameOfCandidate(sample.judged ?? '')}`
          : leadAfter(tally, sample.candidate ?? '');
    const asked = [
      ...(differ('model') ? [printable(sample.model)] : []),
      ...(differ('variant') ? [`variant ${printable(sample.variant)}`] : []),
      `temperature ${sample.temperature ?? 'none'}`,
      `${sample.outputTokens ?? '?'} tokens`,
      ...describeDetails(sample.details),
    ];
    lines.push(`draw ${sample.draw} (${asked.join(', ')}): ${verdict}`);
    if (!options.texts) continue;
    const { reasoning } = sample.details ?? {};
    for (const [before, text] of [['reasoning: ', reasoning] as const, ['', sample.text] as const]) {
      if (text === undefined) continue;
      const shown = printableLines(truncate(before + text, MAX_TEXT_CHARS));
      lines.push(...shown.split('\n').map((line) => `    ${line}`));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The journal has no more of them than this. */
function describeFiles(files: readonly FileFacts[] = []): string[] {
  return files.map(({ name, mediaType, sizeBytes, sha256 }) => {
    const known = [mediaType, ...(sizeBytes === undefined ? [] : [plural(sizeBytes, 'byte')])];
    if (sha256 !== undefined) known.push(`SHA-256 ${sha256}`);
    return `  file       ${printable(name)} (${known.map(printable).join(', ')})`;
  });
}

function describeDetails({ dress, reasoningTokens, omitted, answeredBy, isCached }: SampleDetails = {}): string[] {
  // That there was no temperature is told already.
  const further = omitted?.filter((setting) => setting !== 'temperature') ?? [];
  return [
    ...(reasoningTokens ? [`${reasoningTokens} of them reasoning`] : []),
    ...(dress === undefined ? [] : [`dress ${dress.join(', ')}`]),
    ...(further.length > 0 ? [`without ${further.join(', ')}`] : []),
    ...(answeredBy === undefined ? [] : [`answered by ${printable(answeredBy)}`]),
    ...(isCached === true ? ['from a cache'] : []),
  ];
}

function describeSettler(step: StepEntry, by: string): string {
  const settler = settlerOf(step);
  return settler === undefined ? '' : by + printable(settler);
}

function leadAfter(tally: Map<string, number>, candidate: string): string {
  tally.set(candidate, (tally.get(candidate) ?? 0) + 1);
  const [first, second] = [...tally].sort(([, a], [, b]) => b - a);
  const lead = first![1] - (second?.[1] ?? 0);
  const leader = lead === 0 ? `tie at ${first![1]}` : `${nameOfCandidate(first![0])} leads by ${lead}`;
  return `votes ${nameOfCandidate(candidate)}; ${leader}`;
}

function nameOfCandidate(key: string): string {
  return printable(truncate(key, 40));
}

/** The most contested step of a run, without the texts of its samples; undefined if votes never dissented. */
export async function describeClosestRace(journal: Journal, runId: string): Promise<string | undefined> {
  const [closest] = (await journal.decisions(runId, { contested: true })).sort(byCloseness);
  if (closest === undefined) return undefined;
  const { stepIndex } = closest;
  return describeStep(stepIndex, closest, await journal.samples(runId, stepIndex), { texts: false });
}

/** Wrong decisions first, then the closest races; among equals the longer one. */
export function byCloseness(a: Race, b: Race): number {
  return Number(b.wrong ?? false) - Number(a.wrong ?? false) || rivalShare(b) - rivalShare(a) || b.votes - a.votes;
}

type Race = Pick<StepEntry, 'tally' | 'votes' | 'wrong'>;

function rivalShare({ tally, votes }: Race): number {
  return (tally?.[1]?.[1] ?? 0) / votes;
}

/** A run as JSON output prints it. */
function summaryOf({ fingerprint: _, key: __, checkpointSteps: ___, ...run }: LiveRun) {
  return { ...run, reason: reasonOf(run.end) };
}
