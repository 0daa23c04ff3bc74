// These tests are about a step as it is shown. They prove: the race tells who led after each vote, ties and red flags included;
// without texts it says how to keep them; what models wrote is cut, escaped and indented; wrong decisions come first, then close
// races.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DecisionEntry, SampleEntry } from '../core/journal.ts';
import { byCloseness, describeStep } from './inspect.ts';

function sample(draw: number, candidate: string | undefined, change: Partial<SampleEntry> = {}): SampleEntry {
  return {
    type: 'sample',
    kind: 'vote',
    judged: undefined,
    stepIndex: 7,
    draw,
    model: 'm',
    variant: 'main',
    temperature: draw === 0 ? 0 : 0.1,
    text: `reply ${draw}`,
    finishReason: 'stop',
    candidate,
    flag: undefined,
    inputTokens: 10,
    outputTokens: 5,
    costUsd: 0,
    latencyMs: 20,
    ...change,
  };
}

function decision(change: Partial<DecisionEntry> = {}): DecisionEntry {
  return {
    type: 'decision',
    stepIndex: 7,
    action: { move: [1, 0, 2] },
    samples: 3,
    votes: 3,
    tally: undefined,
    classVotes: undefined,
    settledBy: undefined,
    flags: undefined,
    inputTokens: 30,
    outputTokens: 15,
    costUsd: 0.002,
    latencyMs: 1_500,
    wrong: undefined,
    keepSamples: true,
    ...change,
  };
}

describe('a step', () => {
  it('is told as a race', () => {
    const flag = { code: 'malformed', detail: 'expected \u001b[1mdigits' } as const;
    const samples = [
      sample(0, 'b'),
      sample(1, 'a'),
      sample(2, undefined, { flag, outputTokens: undefined }),
      sample(3, 'a'),
      sample(4, 'a'),
    ];
    const tally = [
      ['a', 3],
      ['b', 1],
    ] as const;
    const decided = decision({ samples: 5, votes: 4, tally, flags: { malformed: 1 } });
    assert.equal(
      describeStep(7, decided, samples, { texts: false }),
      [
        'step 7: decided 3 : 1',
        '  action     {"move":[1,0,2]}',
        '  winner       3 x a',
        '  rival        1 x b',
        '  samples    5 = 4 votes + 1 red flag (1 malformed); $0.0020; 1.5 s',
        '',
        'draw 0 (temperature 0, 5 tokens): votes b; b leads by 1',
        'draw 1 (temperature 0.1, 5 tokens): votes a; tie at 1',
        'draw 2 (temperature 0.1, ? tokens): red flag malformed: expected \\u001b[1mdigits',
        'draw 3 (temperature 0.1, 5 tokens): votes a; a leads by 1',
        'draw 4 (temperature 0.1, 5 tokens): votes a; a leads by 2',
        '',
      ].join('\n'),
    );
  });

  it('whose voters differ says who voted', () => {
    const samples = [sample(0, 'a'), sample(1, 'a', { variant: 'other', model: 'm\u001b2' })];
    assert.match(
      describeStep(7, undefined, samples, { texts: false }),
      /\ndraw 0 \(m, variant main, temperature 0, .*\ndraw 1 \(m\\u001b2, variant other, temperature 0\.1, /,
    );
  });

  it('that is not decided yet says so', () => {
    const shown = describeStep(7, undefined, [sample(0, 'a'), sample(1, 'b')], { texts: false });
    assert.match(shown, /^step 7: not decided; 2 samples so far\n\ndraw 0 .*\ndraw 1 .*tie at 1\n$/);
  });

  it('whose texts were not kept says how to keep them', () => {
    const shown = describeStep(7, decision(), []);
    assert.match(shown, /^step 7: decided 3 : 0\n/);
    assert.match(shown, /not kept \(--record contested keeps .*\)\n$/);
  });

  it('that is wrong says so at once', () => {
    assert.match(
      describeStep(7, decision({ wrong: true }), []),
      /^step 7: decided 3 : 0, WRONG against the reference\n/,
    );
  });

  it('shows texts cut, escaped and indented, whatever they hold', () => {
    const text = `first\n\u001b]0;title\u0007second\r${'x'.repeat(5_000_000)}`;
    const shown = describeStep(7, undefined, [sample(0, `"${text}"`, { text })]);
    assert.match(shown, /\n {4}first\n {4}\\u001b\]0;title\\u0007second\\u000dx+…\n$/);
    assert.ok(shown.length < 2_500, `${shown.length} characters`);
    assert.doesNotMatch(shown, /[^\P{Cc}\n]/u);
  });
});

describe('decisions', () => {
  it('are ordered by how much there is to see', () => {
    const steps = [
      decision({
        stepIndex: 0,
        votes: 5,
        tally: [
          ['a', 4],
          ['b', 1],
        ],
      }),
      decision({
        stepIndex: 1,
        votes: 7,
        tally: [
          ['a', 5],
          ['b', 2],
        ],
      }),
      decision({
        stepIndex: 2,
        votes: 8,
        tally: [
          ['a', 6],
          ['b', 2],
        ],
      }),
      decision({
        stepIndex: 3,
        votes: 4,
        tally: [
          ['a', 3],
          ['b', 1],
        ],
      }),
      decision({ stepIndex: 4, votes: 3, wrong: true }),
      decision({
        stepIndex: 5,
        votes: 5,
        tally: [
          ['b', 4],
          ['a', 1],
        ],
        wrong: true,
      }),
    ];
    assert.deepEqual(
      steps.sort(byCloseness).map(({ stepIndex }) => stepIndex),
      [5, 4, 1, 2, 3, 0],
    );
  });
});
