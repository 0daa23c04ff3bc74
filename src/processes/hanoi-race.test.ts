// These tests prove, on the hardest step of the paper's million-step run (step 10241 of 20 disks, arXiv 2511.09030, figure 11):
//  1. A vote on the pair of move and state, without a check of the state, decides it rightly in 18 votes.
//  2. The same draws, voted on the move alone, decide it wrongly: two candidates that make the same wrong move unite.
//  3. With the strict check it is no race: both wrong candidates are red flags.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSampler } from '../calls/retrying-sampler.ts';
import { createRandom } from '../core/random.ts';
import { scriptedModel } from '../models/scripted.ts';
import { aheadByK } from '../statistics/stop-rules.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { InFlight } from '../voting/in-flight.ts';
import type { Decision } from '../voting/question.ts';
import { questionOf } from '../voting/step-question.ts';
import { vote } from '../voting/vote.ts';
import { type HanoiAction, type HanoiParser, hanoi } from './hanoi.ts';

const PROCESS = hanoi();

let state = PROCESS.start({ disks: 20 });
for (let step = 0; step < 10_241; step++) state = PROCESS.apply(state, PROCESS.reference!(state));
const [peg0, peg1, peg2] = state.pegs;

/** The right answer; B and C both move disk 13 onto disk 2, and write down different states. */
const candidates: Readonly<Record<string, HanoiAction>> = {
  A: { move: [2, 2, 1], nextState: [peg0, [13, 2], peg2.slice(0, -1)] },
  B: { move: [13, 1, 2], nextState: [peg0, [], [13, ...peg2]] },
  C: { move: [13, 1, 2], nextState: [peg0, [], [...peg2, 13]] },
};

/**
 * The paper says: 18 votes, three candidates, first to ahead by 3 decides it rightly, and so does first to 3. It does not
 * say who got how many; this is one order that fits.
 */
const votes = 'ABCABACBCBACBCAAAA';

async function race(parser: HanoiParser, key?: (action: HanoiAction) => string) {
  const process = hanoi(parser);
  const model = scriptedModel(({ draw }) => process.reply!(candidates[votes[draw]!]!, state));
  const sampler = createSampler({ model, clock: virtualClock(), random: createRandom(0), maxRetries: 0 });
  const decision = await vote<HanoiAction>(
    { ...questionOf(process, state, 10_241), key: key ?? process.key },
    {
      settings: {
        rule: aheadByK({ margin: 3 }),
        firstTemperature: 0,
        temperature: 0.1,
        maxOutputTokens: 750,
        maxConcurrency: 16,
      },
      voters: [{ sampler, form: 0, variant: 'main' }],
      inFlight: new InFlight(),
      monotonicMs: () => 0,
      onSample: () => {},
    },
  );
  assert.equal(decision.type, 'decided');
  return decision as Decision<HanoiAction>;
}

test('the state is that of the paper, and the reference its right answer', () => {
  assert.deepEqual([peg1, peg2.at(-1)], [[13], 2]);
  assert.deepEqual(PROCESS.reference!(state), candidates.A);
});

test('without a check of the state, on the pair of move and state: right, after 18 votes', async () => {
  const decision = await race('flag');
  assert.deepEqual(decision.action, candidates.A);
  assert.deepEqual(
    decision.tally.map(([, count]) => count),
    [8, 5, 5],
  );
  assert.deepEqual([decision.votes, decision.flags], [18, undefined]);
});

test('the same draws, on the move alone: the wrong votes unite, and win', async () => {
  const decision = await race('flag', ({ move }) => JSON.stringify(move));
  assert.deepEqual(decision.action.move, [13, 1, 2]);
  assert.deepEqual(decision.tally, [
    ['[13,1,2]', 6],
    ['[2,2,1]', 3],
  ]);
});

test('the same draws, with the strict check: both wrong candidates are red flags, three votes decide', async () => {
  const decision = await race('strict');
  assert.deepEqual(decision.action, candidates.A);
  assert.deepEqual(decision.tally, [['2,2,1', 3]]);
  assert.deepEqual([decision.samples, decision.flags], [6, { illegal: 3 }]);
});
