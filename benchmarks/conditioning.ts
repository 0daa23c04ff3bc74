import { bench, type Cell, type Task, type Trial } from 'mdap/bench';
import { dictSum } from 'mdap/processes';
import { createRandom } from '../src/core/random.ts';
import { bootstrap } from '../src/statistics/accuracy.ts';
import { printTable } from './table.ts';

const TURNS = 100;
const TASK: Task = {
  name: 'dict-sum',
  process: dictSum(),
  sizes: [TURNS],
  inputOf: (turns, seed) => ({ turns, keysPerTurn: 2, seed }),
};

/** Error rates are chosen for what they show; the second has hard steps, on which votes are wrong alike. */
const MODELS = ['simulated:p=0.95,conditioning=10', 'simulated:p=0.9,rho=0.2,conditioning=6'];
const TWO_BY_TWO = ['steps', 'chat', 'mdap@k=3', 'chat@k=3'];
const WINDOWS = ['chat@window=20', 'chat@window=5', 'chat@window=1'];
const INJECTED = [0, 25, 50, 75, 100].flatMap((errors) => [`chat@errors=${errors}`, `chat@errors=${errors},k=3`]);

/** What a history does to a model that errs the more for errors in it, and what votes and forgetting do against it. */
export async function measureConditioning(repeats: number, say: (line: string) => void): Promise<void> {
  for (const model of MODELS) {
    await compare(`own history, ${model}`, { model, methods: [...TWO_BY_TWO, ...WINDOWS] }, repeats, say);
  }
  await compare(`artificial history, ${MODELS[0]}`, { model: MODELS[0]!, methods: INJECTED }, repeats, say);
}

async function compare(
  title: string,
  options: { model: string; methods: readonly string[] },
  repeats: number,
  say: (line: string) => void,
): Promise<void> {
  say(
    `\n${title}: dict-sum, ${TURNS} turns, ${repeats} attempts a method; errors of turns, with 95 % intervals over attempts`,
  );
  console.error(`${title} ...`);
  const trials: Trial[] = [];
  const { cells } = await bench({ ...options, tasks: [TASK], repeats, onTrial: (trial) => trials.push(trial) });
  printTable(
    ['method', 'turns 1-10', 'turns 91-100', 'all turns', 'first votes', 'votes', 'no mistake', 'horizon'],
    cells.map((cell) =>
      rowOf(
        cell,
        trials.filter(({ method }) => method === cell.method),
      ),
    ),
    say,
  );
}

function rowOf(cell: Cell, trials: readonly Trial[]): string[] {
  const { method, right, attempts, sampleError, votesPerDecision, horizon } = cell;
  const show = (step: number | null) => (step === null ? `>${TURNS}` : String(step));
  return [
    method,
    errorIn(trials, 0, 10),
    errorIn(trials, TURNS - 10, TURNS),
    errorIn(trials, 0, TURNS),
    sampleError === null ? '-' : sampleError.toFixed(3),
    votesPerDecision === null ? '-' : votesPerDecision.toFixed(2),
    `${right} of ${attempts}`,
    `${show(horizon.estimate)} (${show(horizon.low)} to ${show(horizon.high)})`,
  ];
}

/** Share of wrong turns from one to another, both from 0, the second not in it. */
function errorIn(trials: readonly Trial[], from: number, to: number): string {
  const errors = (some: readonly Trial[]) => {
    const turns = some.map(({ steps }) => steps.slice(from, to)).join('');
    return [...turns].filter((turn) => turn === '0').length / turns.length;
  };
  const { low, high } = bootstrap(trials, errors, { random: createRandom(from + 1), resamples: 300 });
  return `${errors(trials).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}
