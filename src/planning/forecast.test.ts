// These tests prove the following: the margin is the least that reaches the target at the fitted rates, and the target is met;
// figures lie within their ranges, and more sampled steps narrow them; the boundary of the evidence rule is that of its race;
// where votes cannot reach the target, nothing is promised and the reason says what to do; p near one half, no dissent at all and
// few steps are said, never computed as certainty; the price of a sample is the one given, else what was measured, else the
// list's, and unknown rather than zero.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CalibrationChanges, calibrationOf } from '../../test/fixtures/calibration.ts';
import { evidenceRule } from '../statistics/evidence-rule.ts';
import { type Calibration, figuresOf } from './calibration.ts';
import { evidenceBoundary, type ForecastInput, forecast, sampleUse } from './forecast.ts';
import { leastMarginFor } from './varying-rates.ts';

function forecastOf(calibration: Calibration, changes: Partial<ForecastInput> = {}) {
  return forecast({ calibration, steps: 1_000, target: 0.95, maxConcurrency: 16, seed: 0, ...changes });
}

const GOOD: CalibrationChanges = {
  steps: [
    [300, 4, 0],
    [30, 3, 1],
    [4, 2, 2],
  ],
};

describe('with one voter', () => {
  it('takes the least margin that reaches the target at the fitted rates', () => {
    const predicted = forecastOf(calibrationOf(GOOD));
    const { p, rho } = predicted.voters[0]!;
    const margin = leastMarginFor({
      distribution: [{ share: 1, mean: p.estimate, rho: rho.estimate! }],
      steps: 1_000,
      target: 0.95,
    });
    const ahead = predicted.rules[0]!;
    assert.equal(ahead.margin, margin);
    assert.ok(ahead.outlook!.success >= 0.95);
    const given = forecastOf(calibrationOf(GOOD), { margin: 1 }).rules[0]!;
    assert.equal(given.margin, 1);
    assert.ok(given.outlook!.success < 0.95);
  });

  it('has each figure within its range, and ranges that more steps narrow', () => {
    const widths = [1, 20].map((times) => {
      const steps = GOOD.steps!.map(([count, ...votes]) => [count * times, ...votes] as const);
      const { outlook } = forecastOf(calibrationOf({ steps }), { margin: 5 }).rules[0]!;
      for (const name of ['success', 'unaidedSuccess', 'votesPerStep', 'samples', 'costUsd'] as const) {
        const { low, high } = outlook!.range![name]!;
        assert.ok(low <= outlook![name]! && outlook![name]! <= high, `${name}: ${low} ${outlook![name]} ${high}`);
      }
      const { low, high } = outlook!.range!.votesPerStep;
      return high - low;
    });
    assert.ok(widths[1]! < widths[0]! / 2, widths.join());
  });

  it('errs by the evidence rule no more often than allowed, and says what stays undecided', () => {
    const { outlook, margin, maxVotes } = forecastOf(calibrationOf(GOOD)).rules[1]!;
    assert.equal(margin, null);
    assert.ok(outlook!.success >= 0.95 && outlook!.votesPerStep < maxVotes!);
    assert.ok(outlook!.unaidedSuccess! < outlook!.success);
  });

  it('takes the boundary of the evidence rule for what its race does', () => {
    const model = { classes: [{ alpha: 20, beta: 2 }] };
    const rule = evidenceRule({ ...model, maxError: 1e-4, maxVotes: 60 });
    const boundary = evidenceBoundary(model, 1e-4, rule.limit);
    for (let against = 0; against < 20; against++) {
      const race = rule.start();
      for (let vote = 0; vote < against; vote++) race.record('b');
      for (let leading = 1; leading <= 40; leading++) {
        race.record('a');
        const isDecided = race.decided() === 'a';
        if (leading > against) assert.equal(boundary.decides(leading, against), isDecided, `${leading}:${against}`);
      }
    }
  });
});

it('simulates several variants in turn, and says so', () => {
  const { rules } = forecastOf(calibrationOf({ ...GOOD, variants: ['main', 'other'] }));
  const inTurn = rules[2]!;
  assert.deepEqual([inTurn.rule, inTurn.voters], ['evidence', ['main', 'other']]);
  assert.ok(inTurn.outlook!.simulatedSteps! > 1_000 && inTurn.outlook!.range === null);
  assert.deepEqual([rules[0]!.outlook!.simulatedSteps, rules[1]!.outlook!.simulatedSteps], [null, null]);
});

describe('where votes cannot help', () => {
  const reasons = (calibration: Calibration) => forecastOf(calibration).rules.map(({ cannot }) => cannot);

  it('says so of steps that are always wrong, with the floor and the ceiling', () => {
    const calibration = calibrationOf({
      steps: [
        [90, 4, 0],
        [10, 0, 4],
      ],
    });
    const { floor, floorHigh, ceiling, rules } = forecastOf(calibration);
    assert.ok(floor > 0.05 && floorHigh >= floor && ceiling < 1e-6);
    assert.match(
      rules[0]!.cannot!,
      /^no margin reaches 0\.95: .* use variants, another model, a check, or smaller steps$/,
    );
    assert.equal(rules[0]!.outlook, null);
  });

  it('says so of a model that is wrong more often than right', () => {
    const [ahead, evidence] = reasons(calibrationOf({ steps: [[40, 1, 3]] }));
    assert.match(ahead!, /more votes make it worse: change the prompt, the step or the model$/);
    assert.equal(evidence, ahead);
  });

  it('says that p cannot be distinguished from one half', () => {
    const { doubts, rules } = forecastOf(
      calibrationOf({
        steps: [
          [20, 2, 2],
          [12, 3, 1],
          [8, 1, 3],
        ],
      }),
    );
    assert.match(doubts[0]!, /^p of main cannot be distinguished from one half: sample more steps/);
    assert.match(rules[1]!.cannot!, /^p cannot be distinguished from one half/);
  });
});

describe('with too little to go by', () => {
  it('takes bounds, not certainty, where no vote was wrong', () => {
    const { assumed, doubts, rules, floor } = forecastOf(calibrationOf({ steps: [[50, 4, 0]] }));
    assert.ok(assumed.areBounds && assumed.p < 0.95 && assumed.rho > 0.3 && floor > 0);
    assert.match(doubts[0]!, /^no vote of main was wrong, .* bounds of p and rho; sample more steps$/);
    assert.match(rules[0]!.cannot!, /at these bounds/);
  });

  it('says that the sample is small', () => {
    assert.match(
      forecastOf(
        calibrationOf({
          steps: [
            [12, 4, 0],
            [1, 3, 1],
          ],
        }),
      ).doubts[0]!,
      /^only 13 sampled steps: .* 30 or more$/,
    );
  });

  it('says that agreement stood in for truth', () => {
    assert.match(forecastOf(calibrationOf({ ...GOOD, truth: 'agreement' })).doubts[0]!, /^there was no reference/);
  });
});

it('prices a sample by what is given, else measured, else listed; and does not know rather than take zero', () => {
  const price = { inputUsdPerMTok: 1, outputUsdPerMTok: 10 };
  const use = (changes: CalibrationChanges, prices: Parameters<typeof sampleUse>[1]) =>
    sampleUse(figuresOf(calibrationOf({ ...GOOD, ...changes })).classes, prices).costUsd;
  const listed = { inputUsdPerMTok: 2, outputUsdPerMTok: 2 };
  // 100 tokens in, 10 out, a thousandth of a dollar
  assert.equal(use({}, { price, listPrice: listed }), 2e-4);
  assert.ok(Math.abs(use({}, { listPrice: listed })! - 1e-3) < 1e-12);
  assert.equal(use({ sampleCostUsd: null }, { listPrice: listed }), 2.2e-4);
  assert.equal(use({ sampleCostUsd: null }, {}), null);
  assert.equal(use({ sampleCostUsd: null, tokens: [0, 0] }, { price }), null);
});
