import { scalingLaws } from 'mdap/planning';
import { simulatedRace } from './statistics.ts';
import { printTable } from './table.ts';

/** The steps of 20 disks, and the target of the paper's table. */
const STEPS = 2 ** 20 - 1;
const TARGET = 0.95;

/**
 * The models of figure 6b of arXiv 2511.09030: error of a vote, output tokens of a sample, prices in US dollars per million
 * tokens, and what the paper finds: its k and its cost in thousands of dollars.
 */
const MODELS = [
  { name: 'gpt-4.1-nano', error: 0.3571, tokens: 842, inputUsd: 0.1, outputUsd: 0.4, paperK: 29, paperKUsd: 41.9 },
  { name: 'gpt-4.1-mini, T=1', error: 0.004, tokens: 580, inputUsd: 0.4, outputUsd: 1.6, paperK: 4, paperKUsd: 4.9 },
  { name: 'gpt-4.1-mini, T=.1', error: 0.0022, tokens: 538, inputUsd: 0.4, outputUsd: 1.6, paperK: 3, paperKUsd: 3.5 },
  { name: 'o3-mini (low)', error: 0.0018, tokens: 535, inputUsd: 1.1, outputUsd: 4.4, paperK: 3, paperKUsd: 9.4 },
  { name: 'haiku-4.5', error: 0.1839, tokens: 588, inputUsd: 1, outputUsd: 5, paperK: 12, paperKUsd: 71.2 },
  { name: 'gpt-oss-20B', error: 0.0358, tokens: 1104, inputUsd: 0.05, outputUsd: 0.2, paperK: 6, paperKUsd: 1.7 },
  { name: 'qwen3', error: 0.2342, tokens: 449, inputUsd: 0.2, outputUsd: 0.6, paperK: 15, paperKUsd: 11.5 },
  { name: 'deepseek-v3.1', error: 0.0569, tokens: 1004, inputUsd: 0.6, outputUsd: 1.7, paperK: 6, paperKUsd: 14.6 },
  { name: 'kimi-k2', error: 0.0393, tokens: 925, inputUsd: 1, outputUsd: 3, paperK: 6, paperKUsd: 22.9 },
];
/** The paper does not say how long its prompts are; its costs imply 570 to 640 tokens. */
const INPUT_TOKENS = 600;

/** The paper's table and its claim on m, by this package's own plan, with what corrects them. */
export function measureScaling(say: (line?: string) => void) {
  say(`\nscaling: ${STEPS} steps, target ${TARGET} (figure 6b of arXiv 2511.09030)`);
  const models = MODELS.map((model) => ({ ...model, ...priced(model) }));
  printTable(
    ['model', '1 - p', 'k', 'paper', 'votes a step', 'cost, $K', 'paper', 'success'],
    models.map((row) => [
      row.name,
      row.error.toFixed(4),
      row.margin,
      row.paperK,
      row.votesPerStep.toFixed(3),
      (row.costUsd / 1e3).toFixed(1),
      row.paperKUsd.toFixed(1),
      row.success.toFixed(4),
    ]),
    say,
  );

  say(
    '\n  steps a sample (m), cost against m = 1: p(m) = p^m as the paper takes it; prompts of 617 tokens, 538 out a step',
  );
  const subtasks = [0.9978, 0.99, 0.9].map((p) => ({ p, ...subtaskCosts(p) }));
  const sizes = [1, 2, 5, 10, 22, 100, 300];
  printTable(
    ['p', ...sizes.map((m) => `m=${m}`), 'best m', 'its cost'],
    subtasks.map(({ p, costOf, best }) => [String(p), ...sizes.map((m) => show(costOf(m))), best.m, show(best.cost)]),
    say,
  );

  say('\n  several rivals, ahead by 3, p = .6: error (simulated, 95 %), and the bound sum of (q/p)^k');
  const rivals = [1, 2, 4, 20].map((count) => {
    const { error, plusMinus } = simulatedRace({ p: 0.6, rivals: count, margin: 3, races: 400_000, seed: count });
    return { rivals: count, error, plusMinus, bound: count * (0.4 / count / 0.6) ** 3 };
  });
  printTable(
    ['rivals', 'error', '+/-', 'bound'],
    rivals.map(({ rivals, error, plusMinus, bound }) => [
      rivals,
      error.toExponential(2),
      plusMinus.toExponential(1),
      bound.toExponential(2),
    ]),
    say,
  );
  return { models, subtasks: subtasks.map(({ p, best }) => ({ p, best })), rivals };
}

function priced({ error, tokens, inputUsd, outputUsd }: (typeof MODELS)[number]) {
  const sampleCostUsd = (INPUT_TOKENS * inputUsd + tokens * outputUsd) / 1e6;
  const { margin, votesPerStep, costUsd, success } = scalingLaws({
    p: 1 - error,
    steps: STEPS,
    target: TARGET,
    sampleCostUsd,
  });
  return { margin, votesPerStep, costUsd: costUsd!, success };
}

/** A sample of m steps pays for one prompt and m answers; the paper's equation 17 takes m times the whole. */
function subtaskCosts(p: number) {
  const prompt = 617 * 0.4e-6;
  const answer = 538 * 1.6e-6;
  const cost = (m: number) => {
    const { samples } = scalingLaws({ p, steps: STEPS, stepsPerSubtask: m, target: TARGET });
    return samples * (prompt + m * answer);
  };
  const single = cost(1);
  const costOf = (m: number) => cost(m) / single;
  let best = { m: 1, cost: 1 };
  for (let m = 2; m <= 400; m++) if (costOf(m) < best.cost) best = { m, cost: costOf(m) };
  return { costOf, best };
}

function show(ratio: number): string {
  return ratio < 1e4 ? ratio.toFixed(2) : ratio.toExponential(1);
}
