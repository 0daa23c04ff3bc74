import { memoryJournal, type SolveOptions, solve } from 'mdap';
import { clopperPearson } from '../src/statistics/special-functions.ts';
import { printTable } from './table.ts';

const PRODUCTS = 200;
const SETTINGS: readonly { readonly name: string; readonly options: Partial<SolveOptions> }[] = [
  { name: 'one sample a step, one proposal', options: { k: 1, proposals: 1, variants: 1, escalate: [] } },
  { name: 'ahead by 3, one proposal', options: { k: 3, proposals: 1 } },
  { name: 'ahead by 3, 3 proposals judged', options: { k: 3, proposals: 3 } },
  { name: 'ahead by 3, 5 proposals judged', options: { k: 3, proposals: 5 } },
];

/** Products of 5 x 5 digits, decomposed and solved by a simulated model that errs at a step in twenty. */
export async function measureDecomposition(say: (line?: string) => void) {
  say(`\ndecompose: ${PRODUCTS} products of 5 x 5 digits, simulated:p=0.95,v=0.97 at every step`);
  const found = [];
  for (const { name, options } of SETTINGS) {
    let right = 0;
    let samples = 0;
    let steps = 0;
    for (let seed = 0; seed < PRODUCTS; seed++) {
      const [a, b] = [seed, seed + PRODUCTS].map((i) => 10_000 + ((i * 48_271) % 90_000));
      const result = await solve(`Multiply ${a} by ${b}.`, {
        model: `simulated:p=0.95,v=0.97,seed=${seed}`,
        answerKind: 'number',
        maxDepth: 8,
        journal: memoryJournal(),
        ...options,
      });
      if (result.solution === String(a! * b!)) right++;
      samples += result.samples;
      steps += result.steps;
    }
    const { low, high } = clopperPearson({ successes: right, trials: PRODUCTS });
    found.push({ name, right, low, high, samples: samples / PRODUCTS, steps: steps / PRODUCTS });
  }
  printTable(
    ['', 'right', '95 %', 'steps', 'samples a product'],
    found.map(({ name, right, low, high, steps, samples }) => [
      name,
      `${right} of ${PRODUCTS}`,
      `${low.toFixed(3)} to ${high.toFixed(3)}`,
      steps.toFixed(0),
      samples.toFixed(0),
    ]),
    say,
  );
  return found;
}
