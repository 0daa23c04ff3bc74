// npm run bench [-- SECTION ...] [--rounds N] [--json]
// Measures what BENCHMARKS.md reports. Ratios are of figures from the same round; absolute figures do not travel.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ContenderName, type Rounds, ratioOf, type Spread, spreadOf, timeRounds } from './contenders.ts';
import { measureMemory } from './memory.ts';
import { measureRules } from './statistics.ts';
import { printTable } from './table.ts';

const SECTIONS = { limit, peers, memory, statistics };
type Section = keyof typeof SECTIONS;

const LABELS: Record<ContenderName, string> = {
  limit: 'limit program, FULL',
  vote: 'vote alone, no journal',
  'group-full': 'mdap, group commit, FULL (default)',
  'group-normal': 'mdap, group commit, NORMAL',
  'step-full': 'mdap, commit a step, FULL',
  'step-normal': 'mdap, commit a step, NORMAL',
  langgraph: 'LangGraph.js, NORMAL (default)',
  mastra: 'Mastra with libsql, NORMAL (default)',
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '7' } },
});
const rounds = Number(values.rounds);
const unknown = positionals.filter((name) => !Object.hasOwn(SECTIONS, name));
if (unknown.length > 0 || !(Number.isSafeInteger(rounds) && rounds > 0)) {
  console.error(`expected sections out of ${Object.keys(SECTIONS).join(', ')}, and --rounds of at least 1`);
  process.exit(2);
}
const say = values.json ? () => {} : (line = '') => console.log(line);
const names = positionals.length > 0 ? (positionals as Section[]) : (Object.keys(SECTIONS) as Section[]);
const report: Partial<Record<Section, unknown>> = {};
for (const name of names) report[name] = await SECTIONS[name]();
if (values.json) console.log(JSON.stringify(report, null, 2));

function limit() {
  say(`\nlimit: steps/s, median of ${rounds} rounds (least to most)`);
  const timed = timeRounds({ steps: { limit: 200_000, vote: 200_000, 'group-full': 200_000 }, rounds });
  printSpeeds(timed);
  return { speeds: speedsOf(timed), ratios: ratios(timed, [['group-full', 'limit', 0.5]]) };
}

function peers() {
  if (!existsSync(new URL('./peers/node_modules', import.meta.url))) {
    say('\npeers: not installed; `sh bench/peers/setup.sh` does it, into bench/peers/node_modules alone');
    return null;
  }
  say(`\npeers: steps/s, median of ${rounds} rounds (least to most)`);
  const settings: string[] = [];
  const timed = timeRounds({
    steps: {
      langgraph: 5_000,
      mastra: 10_000,
      'group-normal': 100_000,
      'step-normal': 50_000,
      'group-full': 100_000,
      'step-full': 10_000,
    },
    rounds,
    onAbout: (about) => settings.push(about),
  });
  for (const line of settings) say(`  ${line}`);
  printSpeeds(timed);
  const compared = ratios(timed, [
    ['step-normal', 'langgraph', 12],
    ['group-normal', 'langgraph', 25],
    ['group-full', 'langgraph', 25],
    ['group-normal', 'mastra', 6],
    ['group-full', 'mastra', 6],
    ['step-normal', 'mastra'],
    ['step-full', 'langgraph'],
    ['step-full', 'mastra'],
  ]);
  return { settings, speeds: speedsOf(timed), ratios: compared };
}

async function memory() {
  say('\nmemory: mdap run hanoi --input \'{"disks":N}\' --model simulated:p=0.9978,v=0.968 --k 3 --journal X --json');
  const reports = [];
  for (const disks of [14, 20]) reports.push(await measureMemory(disks));
  printTable(
    ['disks', 'steps', 'wrong', 's', 'steps/s', 'peak MiB', 'journal MiB'],
    reports.map((found) => [
      found.disks,
      whole(found.steps),
      String(found.wrongSteps),
      found.seconds.toFixed(1),
      whole(found.stepsPerSecond),
      found.peakMiB.toFixed(1),
      found.journalMiB.toFixed(1),
    ]),
    say,
  );
  const growth = reports[1]!.peakMiB / reports[0]!.peakMiB;
  say(`  peak of 20 disks / 14 disks: ${growth.toFixed(2)} (goals: below 200 MiB, at most 1.2)`);
  return { reports, growth };
}

async function statistics() {
  const steps = 40_000;
  say(`\nstatistics: ${whole(steps)} voted steps a row; exact figures with the 95 % range of a measurement`);
  const rules = await measureRules(steps);
  const within = ({ measured, exact, plusMinus }: (typeof rules)[number]['error']) =>
    Math.abs(measured - exact) <= plusMinus;
  printTable(
    ['rule', 'p', 'error', 'exact', '', 'votes a step', 'exact', ''],
    rules.map(({ rule, p, error, votesPerStep }) => [
      rule,
      p,
      error.measured.toFixed(5),
      `${error.exact.toFixed(5)} ± ${error.plusMinus.toFixed(5)}`,
      within(error) ? '' : 'x',
      votesPerStep.measured.toFixed(3),
      `${votesPerStep.exact.toFixed(3)} ± ${votesPerStep.plusMinus.toFixed(3)}`,
      within(votesPerStep) ? '' : 'x',
    ]),
    say,
  );
  const figures = rules.flatMap(({ error, votesPerStep }) => [error, votesPerStep]);
  const outside = figures.filter((figure) => !within(figure)).length;
  say(
    `  ${outside} of ${figures.length} outside their range (x); about ${Math.round(figures.length / 20)} are expected`,
  );
  return { rules, outside };
}

function printSpeeds(timed: Rounds): void {
  printTable(
    ['', 'steps/s', 'least', 'most'],
    [...timed].map(([name, speeds]) => {
      const { median, least, most } = spreadOf(speeds);
      return [LABELS[name], whole(median), whole(least), whole(most)];
    }),
    say,
  );
}

function speedsOf(timed: Rounds): Record<string, Spread> {
  return Object.fromEntries([...timed].map(([name, speeds]) => [name, spreadOf(speeds)]));
}

type Comparison = readonly [faster: ContenderName, slower: ContenderName, goal?: number];

function ratios(timed: Rounds, comparisons: readonly Comparison[]) {
  return comparisons.map(([faster, slower, goal]) => {
    const ratio = ratioOf(timed, faster, slower);
    const digits = ratio.median < 10 ? 2 : 1;
    const range = `(${ratio.least.toFixed(digits)} to ${ratio.most.toFixed(digits)})`;
    const verdict = goal === undefined ? '' : `; goal ${goal}: ${ratio.median >= goal ? 'met' : 'MISSED'}`;
    say(`  ${LABELS[faster]} / ${LABELS[slower]}: ${ratio.median.toFixed(digits)} ${range}${verdict}`);
    return { faster, slower, goal, ...ratio };
  });
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
