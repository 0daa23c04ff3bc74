// These tests are about reports that must include words. They prove:
//  1. Following the reference, the report includes every word of its seed, and none is left out, for any input.
//  2. A word counts where it stands by itself, by a definition that shares nothing with the process's; in no other form.
//  3. A candidate is what an answer includes: two right texts are one candidate. `verify` accepts all words, and nothing else.
//  4. In a run the first answer that includes them is the decision, without a vote; others are refuted, in one call too, where
//     a model that forgets a word in twenty never gets through.
//  5. Each form's prompt names the words; a sentence in any other shape, a bare list or an endless one is a red flag.
//  6. A section is known before the one in front of it is decided.
//  7. The words are a function of the seed, drawn from all that are listed.
//  8. Several sections a sample, all of them too, are the same sections.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFlagged, proveBenchmark, readWith, walk } from '../../../test/benchmark-suite.ts';
import * as fc from '../../../test/properties.ts';
import { UsageError } from '../../core/errors.ts';
import { type AnyProcess, inSubtasks } from '../../core/process.ts';
import { textOf } from '../../core/prompt-parts.ts';
import { RedFlag, type RedFlagCode } from '../../core/red-flags.ts';
import { parseInput } from '../../core/schema.ts';
import { memoryJournal } from '../../journals/memory.ts';
import { scriptedModel } from '../../models/scripted.ts';
import { run } from '../../run.ts';
import {
  type IncludeWordsAction,
  type IncludeWordsInput,
  type IncludeWordsState,
  includesAllWords,
  includeWords,
} from './include-words.ts';
import { PLAIN_WORDS } from './word-list.ts';

const PROCESS = includeWords();
const ANY: AnyProcess = PROCESS;

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const inputs: fc.Arbitrary<IncludeWordsInput> = fc.record({
  words: fc.integer({ min: 1, max: 40 }),
  wordsPerStep: fc.integer({ min: 1, max: 20 }),
  seed: seeds,
});

/** The words of a step as its prompt names them. */
function wordsAsked(state: IncludeWordsState): string[] {
  return /^Section \d+\. Words: (.*)$/.exec(textOf(PROCESS.prompt(state).user))![1]!.split(', ');
}

/** Its first section must include "garden" and "lawyer". */
const START: IncludeWordsState = (() => {
  for (let seed = 0; ; seed++) {
    const state = PROCESS.start({ words: 2, wordsPerStep: 2, seed });
    if (wordsAsked(state).join() === 'garden,lawyer') return state;
  }
})();

function included(sentence: string): string {
  const verdict = readWith(ANY, `Section: ${sentence}`, START);
  assert.ok(!(verdict instanceof RedFlag), JSON.stringify(verdict));
  return verdict.key;
}

describe('the benchmark', () => {
  proveBenchmark({ process: ANY, inputs, isRight: includesAllWords });
});

describe('the report', () => {
  test('includes every word, in as many sections as predicted', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { states, end } = walk<IncludeWordsState>(ANY, input);
        assert.equal(states.length, PROCESS.steps!(input));
        assert.equal(states.length, Math.ceil(input.words / input.wordsPerStep));
        const asked = states.flatMap(wordsAsked);
        assert.equal(asked.length, input.words);
        assert.equal(new Set(asked).size, input.words);
        for (const [i, state] of states.entries()) {
          assert.equal(PROCESS.verification!.verify!(PROCESS.reference!(state), state), true);
          for (const word of wordsAsked(state)) assert.match(end.report[i]!, new RegExp(`\\b${word}\\b`));
        }
        assert.equal(includesAllWords(end), true);
      }),
    );
  });

  test('with a word left out anywhere is not right', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), fc.nat(), (input, at, which) => {
        const { states, end } = walk<IncludeWordsState>(ANY, input);
        const state = states[at % states.length]!;
        const mistakes = PROCESS.simulation!.mistakes!(state);
        const { text } = mistakes[which % mistakes.length]!;
        assert.equal(includesAllWords({ ...end, report: end.report.with(state.section, text) }), false);
        assert.equal(includesAllWords({ ...end, report: end.report.slice(1) }), false);
      }),
    );
  });

  test('is right with its words in other sections than those that were to have them', () => {
    const { end } = walk<IncludeWordsState>(ANY, { words: 20, wordsPerStep: 4, seed: 7 });
    assert.equal(includesAllWords({ ...end, report: end.report.toReversed() }), true);
  });
});

describe('a word', () => {
  const found: Record<string, string> = {
    'in small letters': 'The garden was sold by a lawyer.',
    'at the beginning of the sentence': 'Garden and lawyer cost us too much.',
    'in quotes': 'Words like "garden" and ‘lawyer’ sell well.',
    'before a comma, a colon or an apostrophe that closes': "The 'garden', our lawyer: all is well.",
    'more than once': 'Every garden has a lawyer, and every lawyer a garden.',
  };
  for (const [name, sentence] of Object.entries(found)) {
    test(`counts ${name}`, () => assert.equal(included(sentence), 'garden lawyer'));
  }

  const missed: Record<string, string> = {
    'in the plural': 'The gardens were sold by a lawyer.',
    'in the possessive': 'The garden’s value is known to the lawyer.',
    'in the possessive, straight': "The garden's value is known to the lawyer.",
    'in a compound': 'The garden-party was ruined by a lawyer.',
    'as the end of a compound': 'The beer-garden was ruined by a lawyer.',
    'within another word': 'The gardener was ruined by a lawyer.',
    'behind a letter of another script': 'The éгgarden was ruined by a lawyer.',
    'with an underscore': 'The garden_ was ruined by a lawyer.',
    'in parts': 'The gar den was ruined by a lawyer.',
  };
  for (const [name, sentence] of Object.entries(missed)) {
    test(`does not count ${name}`, () => assert.equal(included(sentence), 'lawyer'));
  }
});

describe('a candidate', () => {
  test('is the set of words included, whatever the text and their order in it', () => {
    const texts = ['Our lawyer sold the garden last week.', 'The garden now belongs to a lawyer.'];
    assert.deepEqual(texts.map(included), ['garden lawyer', 'garden lawyer']);
    assert.deepEqual(
      texts.map((text) => PROCESS.verification!.verify!(PROCESS.parse(`Section: ${text}`, START), START)),
      [true, true],
    );
    assert.equal(included('Nothing of it was to be found.'), '');
  });

  test('is refuted unless it is all of them: every mistake is, and each is another one', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), (input, at) => {
        const { states } = walk<IncludeWordsState>(ANY, input);
        const state = states[at % states.length]!;
        const words = wordsAsked(state);
        const mistakes = PROCESS.simulation!.mistakes!(state);
        assert.equal(mistakes.length, words.length);
        assert.equal(new Set(mistakes.map(PROCESS.key)).size, words.length);
        for (const mistake of mistakes) {
          assert.equal(PROCESS.check!(mistake, state), undefined);
          assert.equal(PROCESS.verification!.verify!(mistake, state), false);
          assert.equal(mistake.included.length, words.length - 1);
        }
        assert.ok(!mistakes[0]!.included.includes(words.at(-1)!), 'the last one is forgotten first');
      }),
    );
  });
});

describe('a run', () => {
  const input = { words: 60, wordsPerStep: 3, seed: 5 };

  test('takes the first answer that includes all words, without a vote', async () => {
    let calls = 0;
    const model = scriptedModel(({ prompt: { user } }) => {
      const words = /Words: (.*)$/.exec(textOf(user))![1]!.split(', ');
      calls++;
      // Each third answer is right, in words that never come again.
      const used = calls % 3 === 0 ? words : words.slice(1);
      return `Section: In case ${calls} we met ${used.join(' and ')}.`;
    });
    const result = await run(PROCESS, input, { model, k: 5, journal: memoryJournal() });
    assert.equal(result.status, 'done', result.reason ?? '');
    assert.deepEqual([result.steps, result.samples, result.flags], [20, 60, { refuted: 40 }]);
    assert.equal(includesAllWords(result.state as IncludeWordsState), true);
  });

  test('in one call: what forgets one of sixty words is refuted, and nothing is decided', async () => {
    const oneCall = inSubtasks(ANY, PROCESS.steps!(input));
    const answer = (wrong: boolean) =>
      scriptedModel(() => {
        const state = oneCall.start(input);
        const actions = oneCall.reference!(state) as IncludeWordsAction[];
        const last = walk<IncludeWordsState>(ANY, input).states.at(-1)!;
        return oneCall.reply!(wrong ? actions.with(-1, PROCESS.simulation!.mistakes!(last)[0]!) : actions, state);
      });
    const options = { k: 1, maxVotes: 4, maxOutputTokens: 10_000 };
    const right = await run(oneCall, input, { ...options, model: answer(false), journal: memoryJournal() });
    assert.deepEqual([right.status, right.samples], ['done', 1]);
    assert.deepEqual(right.state, walk<IncludeWordsState>(ANY, input).end);
    const wrong = await run(oneCall, input, { ...options, model: answer(true), journal: memoryJournal() });
    assert.deepEqual([wrong.status, wrong.steps], ['paused', 0]);
    assert.match(wrong.reason ?? '', /\d refuted/);
  });
});

describe('the prompt', () => {
  const readers: Record<string, (user: string) => { place: number; words: string[] }> = {
    main: (user) => {
      const [, place, words] = /^Section (\d+)\. Words: (.*)$/.exec(user)!;
      return { place: Number(place), words: words!.split(', ') };
    },
    instructions: (user) => {
      const [place, ...lines] = user.split('\n');
      const words = lines.map(
        (line, i) => new RegExp(`^${i + 1}\\. Include the exact word "(.*)"\\.$`).exec(line)![1]!,
      );
      return { place: Number(/^Part (\d+)$/.exec(place!)![1]), words: words.reverse() };
    },
    json: (user) => {
      const { call, must_contain: words } = JSON.parse(user) as { call: number; must_contain: string[] };
      return { place: call, words };
    },
  };

  test('of each form names the words and the place', () => {
    fc.assert(
      fc.property(inputs, fc.nat(), (input, at) => {
        const { states } = walk<IncludeWordsState>(ANY, input);
        const state = states[at % states.length]!;
        for (const { name, prompt } of PROCESS.forms) {
          assert.deepEqual(readers[name]!(textOf(prompt(state).user)), {
            place: state.section + 1,
            words: wordsAsked(state),
          });
        }
      }),
      { numRuns: 30 },
    );
  });

  test('is short, and its example is right by its own rules, with words that are in no task', () => {
    for (const { name, prompt, parse } of PROCESS.forms) {
      const { system = '', user } = prompt(START);
      assert.ok(system.length < 700 && user.length < 100, `${name}: ${system.length} and ${user.length} characters`);
      const example = system.split('\n').flatMap((line) => {
        try {
          return [parse(line, START)];
        } catch {
          return [];
        }
      });
      assert.equal(example.length, 1, name);
      assert.equal(PROCESS.check!(example[0]!, START), undefined);
      for (const word of ['candle', 'bridge']) {
        assert.ok(system.includes(word) && ` ${example[0]!.text} `.includes(` ${word} `));
        assert.ok(!PLAIN_WORDS.includes(word));
      }
    }
    assert.ok(!PLAIN_WORDS.includes('violin'));
  });
});

describe('the reply', () => {
  const sentence = 'Our lawyer sold the garden last week.';

  test('may have reasoning before it, and white space around', () => {
    for (const text of [
      `Section: ${sentence}`,
      `Both words, then.\nSection: ${sentence}\n\n`,
      `Section: ${sentence} \r\n`,
    ]) {
      const verdict = readWith(ANY, text, START);
      assert.ok(!(verdict instanceof RedFlag), `${text}: ${JSON.stringify(verdict)}`);
      assert.equal((verdict.action as IncludeWordsAction).text.trim(), sentence);
    }
  });

  const refused: Record<string, readonly [text: string, code: RedFlagCode]> = {
    'a sentence without its name': [sentence, 'malformed'],
    'no sentence': ['Section:', 'malformed'],
    'two sentences to choose from': [`Section: ${sentence}\nSection: ${sentence}`, 'malformed'],
    'text behind it': [`Section: ${sentence}\nThis includes both words.`, 'malformed'],
    'a bare list': ['Section: Garden, lawyer.', 'illegal'],
    'a list of few words more': ['Section: Words: garden and lawyer.'.replace('Words: ', 'A '), 'illegal'],
    'no capital letter': ['Section: our lawyer sold the garden last week.', 'illegal'],
    'no full stop': ['Section: Our lawyer sold the garden last week', 'illegal'],
    'a sentence without end': [`Section: Our lawyer sold the garden${' and the house'.repeat(11)}.`, 'illegal'],
  };
  for (const [name, [text, code]] of Object.entries(refused)) {
    test(`refused: ${name}`, () => assertFlagged(ANY, [text], { state: START, code }));
  }

  test('of the other forms', () => {
    const [, instructions, json] = PROCESS.forms;
    const quoted = 'The "garden" of our lawyer was sold.';
    for (const text of [`{"text": ${JSON.stringify(quoted)}}`, `So:\n{"text":${JSON.stringify(quoted)}}\n`]) {
      assert.equal((readWith(ANY, text, START, json) as { key: string }).key, 'garden lawyer');
    }
    for (const text of [
      `{"text": "${sentence}"`,
      `{"text": "${sentence}", "n": 2}`,
      `{"text": "${sentence}\\u0041"}`,
      `"${sentence}"`,
    ]) {
      assertFlagged(ANY, [text], { state: START, code: 'malformed', form: json });
    }
    assert.equal(
      (readWith(ANY, `<section>${sentence}</section>`, START, instructions) as { key: string }).key,
      'garden lawyer',
    );
    for (const text of [
      `<section>${sentence}`,
      `<section><b>${sentence}</b></section>`,
      `<section>${sentence}</section>!`,
    ]) {
      assertFlagged(ANY, [text], { state: START, code: 'malformed', form: instructions });
    }
  });

  test('a text without end is refused at once', () => {
    for (const endless of ['Section: A ', '{"text": "\\"', '<section>', 'a-'].map((part) => part.repeat(30_000))) {
      for (const form of PROCESS.forms) assert.ok(readWith(ANY, endless, START, form) instanceof RedFlag);
      assert.ok(readWith(inSubtasks(ANY, 3), `Section 1: ${endless}`, START) instanceof RedFlag);
    }
  });
});

test('a section does not depend on those before it', () => {
  fc.assert(
    fc.property(inputs, fc.nat(), (input, at) => {
      const { states } = walk<IncludeWordsState>(ANY, input);
      const state = states[at % states.length]!;
      const ahead = PROCESS.independence!.next!(state);
      assert.equal(ahead === undefined, state.section === states.length - 1);
      if (ahead === undefined) return;
      for (const action of [PROCESS.reference!(state), ...PROCESS.simulation!.mistakes!(state)]) {
        const real = PROCESS.apply(state, action);
        assert.deepEqual(PROCESS.independence!.focus!(ahead), PROCESS.independence!.focus!(real));
        for (const { prompt } of PROCESS.forms) assert.deepEqual(prompt(ahead), prompt(real));
        assert.deepEqual(PROCESS.simulation!.mistakes!(ahead), PROCESS.simulation!.mistakes!(real));
      }
      assert.throws(() => PROCESS.apply(ahead, PROCESS.reference!(ahead)), /all known/);
    }),
  );
});

describe('the words', () => {
  test('are 500, in small letters, none of them another one with an ending, none in the sentences of the reference', () => {
    assert.equal(PLAIN_WORDS.length, 500);
    const known = new Set(PLAIN_WORDS);
    assert.equal(known.size, 500);
    for (const word of PLAIN_WORDS) {
      assert.match(word, /^[a-z]{3,10}$/);
      for (const ending of ['s', 'es', 'd', 'ed', 'r', 'er', 'ing', 'y', 'ly', 'al'])
        assert.ok(!known.has(word + ending), word);
    }
    for (const word of 'this part of the report is about and something else'.split(' ')) assert.ok(!known.has(word));
  });

  test('a seed gives the same ones again, another seed others; all of them may come', () => {
    const wordsOf = (input: IncludeWordsInput) => walk<IncludeWordsState>(ANY, input).states.flatMap(wordsAsked);
    fc.assert(
      fc.property(seeds, (seed) => {
        const input = { words: 30, wordsPerStep: 7, seed };
        assert.deepEqual(wordsOf(input), wordsOf(input));
        assert.deepEqual(wordsOf({ ...input, wordsPerStep: 1 }), wordsOf(input));
        assert.notDeepEqual(wordsOf({ ...input, seed: seed ^ 1 }), wordsOf(input));
      }),
      { numRuns: 20 },
    );
    assert.deepEqual(new Set(wordsOf({ words: 500, wordsPerStep: 20, seed: 3 })), new Set(PLAIN_WORDS));
  });

  test('these are the first ones of seed 1: they stay what they are from version to version', () => {
    assert.deepEqual(wordsAsked(PROCESS.start({ words: 4, wordsPerStep: 4, seed: 1 })), [
      'saddle',
      'cradle',
      'locker',
      'coffee',
    ]);
  });
});

describe('several sections a sample', () => {
  test('are verified together: all of them must be right', async () => {
    const process = inSubtasks(ANY, 3);
    const { states } = walk<IncludeWordsState>(ANY, { words: 6, wordsPerStep: 2, seed: 9 });
    const right = states.map((state) => PROCESS.reference!(state));
    assert.equal(await process.verification!.verify!(right, states[0]), true);
    for (const [i, state] of states.entries()) {
      assert.equal(
        await process.verification!.verify!(right.with(i, PROCESS.simulation!.mistakes!(state)[0]!), states[0]),
        false,
      );
    }
  });

  test('sections under another number are a red flag', () => {
    const process = inSubtasks(ANY, 2);
    const state = PROCESS.start({ words: 4, wordsPerStep: 2, seed: 9 });
    const lines = process.reply!(process.reference!(state), state).split('\n');
    assert.ok(!(readWith(process, lines.join('\n'), state) instanceof RedFlag));
    assertFlagged(process, [lines.toReversed().join('\n')], { state, code: 'malformed' });
    assertFlagged(process, [lines[0]!], { state, code: 'illegal' });
    assertFlagged(process, [[...lines, 'Section 3: One more of these was written.'].join('\n')], {
      state,
      code: 'illegal',
    });
  });
});

describe('the input', () => {
  test('has defaults for all but the number of words', async () => {
    assert.deepEqual(await parseInput(ANY, { words: 500 }), { words: 500, wordsPerStep: 2, seed: 1 });
  });

  for (const input of [
    {},
    { words: 0 },
    { words: 501 },
    { words: 5, wordsPerStep: 0 },
    { words: 5, wordsPerStep: 21 },
    { words: 5, seed: -1 },
    { words: 5, word: 1 },
  ]) {
    test(`refused: ${JSON.stringify(input)}`, () => assert.rejects(parseInput(ANY, input), UsageError));
  }
});
