import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What can be timed. `vote` is the engine's voting alone; `group-full` and so on are the engine's kinds of commit. */
export type ContenderName = 'limit' | 'vote' | `${'group' | 'step'}-${'full' | 'normal'}` | 'langgraph' | 'mastra';

export interface ContenderReport {
  readonly seconds: number;
  readonly about?: string;
}

/** Steps per second by contender, one figure a round. */
export type Rounds = ReadonlyMap<ContenderName, readonly number[]>;

const CONTENDER_FILE = fileURLToPath(new URL('./contender.ts', import.meta.url));

/** Times every contender once a round, each time in another order, so that what the machine does meanwhile hits all. */
export function timeRounds(options: {
  steps: Partial<Record<ContenderName, number>>;
  rounds: number;
  onAbout?: (about: string) => void;
}): Rounds {
  const names = Object.keys(options.steps) as ContenderName[];
  const rounds = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < options.rounds; round++) {
    for (const i of names.keys()) {
      const name = names[(i + round) % names.length]!;
      const steps = options.steps[name]!;
      const { seconds, about } = timeContender(name, steps);
      rounds.get(name)!.push(steps / seconds);
      if (round === 0 && about !== undefined) options.onAbout?.(about);
    }
  }
  return rounds;
}

function timeContender(name: ContenderName, steps: number): ContenderReport {
  const args = ['--conditions=mdap-source', CONTENDER_FILE, name, String(steps)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

/** @returns the spread of the ratios of two contenders in the same round */
export function ratioOf(rounds: Rounds, a: ContenderName, b: ContenderName): Spread {
  return spreadOf(rounds.get(a)!.map((speed, round) => speed / rounds.get(b)![round]!));
}
