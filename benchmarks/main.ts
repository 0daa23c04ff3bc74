// npm run bench [-- SECTION ...] [--rounds N] [--json]
// Measures what BENCHMARKS.md reports. Ratios are of figures from the same round; absolute figures do not travel.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ContenderName, type Rounds, ratioOf, type Spread, spreadOf, timeRounds } from './contenders.ts';
import {
  measureCertificates,
  measureEvidence,
  measureMixedSteps,
  measurePaperRun,
  measureParsers,
} from './correlation.ts';
import { measureDashboard } from './dashboard.ts';
import { measureDecomposition } from './decompose.ts';
import { measureHttp } from './http.ts';
import { measureLatency } from './latency.ts';
import { measureMemory } from './memory.ts';
import { measureScaling } from './scaling.ts';
import { measureRules } from './statistics.ts';
import { measureStepCost } from './step-cost.ts';
import { printTable } from './table.ts';

const SECTIONS = {
  limit,
  peers,
  latency: () => measureLatency(say),
  http: () => measureHttp(rounds, say),
  memory,
  dashboard: () => measureDashboard(rounds, say),
  scaling: () => measureScaling(say),
  cost: () => measureStepCost(say),
  decompose: () => measureDecomposition(say),
  statistics,
  correlation,
};
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
  if (!existsSync(new URL('../benchmarks/peers/node_modules', import.meta.url))) {
    say('\npeers: not installed; `sh benchmarks/peers/setup.sh` does it, into benchmarks/peers/node_modules alone');
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

function correlation() {
  const paper = measurePaperRun();
  const rates = `p = ${paper.p.toFixed(6)}, rho = ${paper.rho.toPrecision(2)}, v = 0.968, rho of flags = ${paper.flagRho.toPrecision(2)}`;
  say(`\ncorrelation: undecided steps of the paper's run, and simulated at ${rates}`);
  printTable(
    ['after samples', 'paper', 'simulated', 'if independent'],
    paper.paper.map((undecided, i) => [
      i + 3,
      whole(undecided),
      whole(paper.correlated[i]!),
      whole(paper.independent[i]!),
    ]),
    say,
  );
  const parsers = measureParsers();
  const share = (100 * parsers.wrongIfUnreliable).toFixed(1);
  say(`\nthe first two votes of each step, by parser; ${share} % of the unreliable replies wrong when repaired`);
  printTable(
    ['parser', 'tokens', 'v', 'error', 'both wrong', 'alike', 'if independent'],
    parsers.readers.map((reader) => [
      reader.parser,
      whole(reader.limit),
      reader.v.toFixed(3),
      reader.error.toExponential(2),
      reader.both,
      reader.alike,
      reader.independent.toFixed(1),
    ]),
    say,
  );
  const steps = 200_000;
  const evidence = measureEvidence(steps);
  say(`\nthe evidence rule at p = .95, eps = .001, at most 150 votes; ${whole(steps)} steps a row`);
  printTable(
    ['rho', 'error', 'exact', 'votes', 'exact', 'undecided', 'exact', 'ahead by 3: error', 'votes'],
    evidence.map(({ rho, simulated, exact, paperError, paperVotes }) => [
      rho < 1e-6 ? '0' : rho,
      simulated.error.toExponential(1),
      exact.error.toExponential(1),
      simulated.votes.toFixed(2),
      exact.votes.toFixed(2),
      simulated.undecided.toFixed(4),
      exact.undecided.toFixed(4),
      paperError.toExponential(1),
      paperVotes.toFixed(2),
    ]),
    say,
  );
  const mixed = measureMixedSteps();
  const { planned, actual, byEvidence } = mixed;
  say('\n1,000 steps of mean p = .95: 90 % at .9944, 10 % at .55 (exact)');
  say(`  ahead-by-k planned from the mean: k = ${planned.margin}, success ${planned.success.toFixed(4)}`);
  say(
    `  the same k on these steps: success ${actual.success.toExponential(1)}, ${actual.votesPerStep.toFixed(2)} votes a step`,
  );
  say(
    `  evidence rule with rho = ${mixed.rho.toFixed(3)}, eps = ${mixed.eps.toExponential(1)}: none wrong with ${byEvidence.success.toFixed(4)}, ` +
      `${(100 * byEvidence.undecidedPerStep).toFixed(1)} % of the steps undecided at ${mixed.limit} votes, ${byEvidence.votesPerStep.toFixed(1)} votes a step`,
  );
  const certificates = measureCertificates(200);
  say('\ncertificates: 200 runs of 1,000 steps a row, ahead-by-k; stated against true');
  printTable(
    [
      'p',
      'rho',
      'k',
      'wrong answers',
      'votes',
      'undecided',
      'wrong a run',
      'stated',
      'at most',
      'none wrong',
      'stated',
    ],
    certificates.map((row) => [
      row.p,
      row.rho,
      row.k,
      row.answers,
      row.maxVotes,
      row.undecided.toFixed(1),
      row.wrong.toFixed(3),
      row.stated.toFixed(3),
      row.high.toFixed(2),
      row.none.toFixed(3),
      row.statedNone.toFixed(3),
    ]),
    say,
  );
  return { paper, parsers, evidence, mixed, certificates };
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
