// These tests are about `undress`. They prove:
//  1. Each dress that models and servers put around an answer is taken off, and named, in the order from the outside in.
//  2. What is content stays, to the letter: prose around a fence, two fences, marks within a line, tags within an answer.
//  3. For any plain text: taking off what was put on gives the text back; doing it twice changes nothing more.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import { type Dress, undress } from './reply-dress.ts';

function undressed(reply: string) {
  const { text, dress } = undress(reply);
  return { text, dress };
}

const JSON_ANSWER = '{"total":5}';

describe('a dress that is taken off', () => {
  const dressed: [name: string, reply: string, text: string, dress: Dress[]][] = [
    ['nothing', JSON_ANSWER, JSON_ANSWER, []],
    ['blanks', `\n  ${JSON_ANSWER}\r\n\n`, JSON_ANSWER, []],
    ['a byte order mark', `\ufeff${JSON_ANSWER}`, JSON_ANSWER, ['bom']],
    ['a fence', `\`\`\`json\n${JSON_ANSWER}\n\`\`\``, JSON_ANSWER, ['fence']],
    ['a fence with CRLF', `\`\`\`json\r\n${JSON_ANSWER}\r\n\`\`\`\r\n`, JSON_ANSWER, ['fence']],
    ['a fence without a language', `\`\`\`\n${JSON_ANSWER}\n\`\`\`\n`, JSON_ANSWER, ['fence']],
    ['a fence of tildes', `~~~\n${JSON_ANSWER}\n~~~`, JSON_ANSWER, ['fence']],
    ['a longer fence around a shorter one', '````md\n```\na\n```\n````', '```\na\n```', ['fence']],
    ['an empty fence', '```\n```', '', ['fence']],
    ['bold', '**move = [1, 0, 2]**', 'move = [1, 0, 2]', ['bold']],
    [
      'bold lines',
      '**move = [1, 0, 2]**\n\n**next = [[2], [], [1]]**',
      'move = [1, 0, 2]\n\nnext = [[2], [], [1]]',
      ['bold'],
    ],
    ['backticks', '`yes`', 'yes', ['code']],
    ['bold backticks', '**`yes`**', 'yes', ['bold', 'code']],
    ['reasoning', `<think>\nfour and one\n</think>\n\n${JSON_ANSWER}`, JSON_ANSWER, ['reasoning']],
    ['no reasoning', `<think>\n\n</think>\n\n${JSON_ANSWER}`, JSON_ANSWER, ['reasoning']],
    ['reasoning by another name', `<reasoning>four</reasoning>${JSON_ANSWER}`, JSON_ANSWER, ['reasoning']],
    ['reasoning that the template began', `four and one\n</think>\n${JSON_ANSWER}`, JSON_ANSWER, ['reasoning']],
    [
      'reasoning before a fence',
      `<think>a</think>\n\`\`\`json\n${JSON_ANSWER}\n\`\`\``,
      JSON_ANSWER,
      ['reasoning', 'fence'],
    ],
    [
      'reasoning that holds a fence',
      `<think>\n\`\`\`\n1\n\`\`\`\n</think>\n${JSON_ANSWER}`,
      JSON_ANSWER,
      ['reasoning'],
    ],
    [
      'harmony channels',
      `<|channel|>analysis<|message|>four and one<|end|><|start|>assistant<|channel|>final<|message|>${JSON_ANSWER}<|return|>`,
      JSON_ANSWER,
      ['reasoning'],
    ],
    [
      'a harmony channel with a constraint',
      `<|channel|>final <|constrain|>json<|message|>${JSON_ANSWER}<|end|>`,
      JSON_ANSWER,
      ['reasoning'],
    ],
  ];
  for (const [name, reply, text, dress] of dressed) {
    it(name, () => assert.deepEqual(undressed(reply), { text, dress }));
  }
});

describe('content that stays as it is', () => {
  const content: [name: string, reply: string][] = [
    ['prose before a fence', `Here it is:\n\`\`\`json\n${JSON_ANSWER}\n\`\`\``],
    ['prose behind a fence', `\`\`\`json\n${JSON_ANSWER}\n\`\`\`\nThat is all.`],
    ['two fences', '```\na\n```\n```\nb\n```'],
    ['an unclosed fence', `\`\`\`json\n${JSON_ANSWER}`],
    ['a closing fence alone', `${JSON_ANSWER}\n\`\`\``],
    ['reasoning that was cut off', '<think>\nfour and'],
    ['a tag inside of an answer', '{"html":"<b>x</b>"}'],
    ['a tag inside of a field', '{"text":"a</think>b"}'],
    ['a text about tags', 'Write <think> before and </think> behind it.'],
    ['two tags that do not belong together', '<think>a</reasoning>b'],
    ['bold within a line', '**a** and **b**'],
    ['bold on one line of two', '**a**\nb'],
    ['a list', '* a\n* b'],
    ['an empty bold', '****'],
    ['a template literal', '`a` + `b`'],
    ['channels without a final one', '<|channel|>analysis<|message|>four'],
    ['a quoted answer', '"yes"'],
  ];
  for (const [name, reply] of content) {
    it(name, () => assert.deepEqual(undressed(reply), { text: reply, dress: [] }));
  }
});

describe('any text', () => {
  const plain = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .map((text) => text.replaceAll(/[`~*<\ufeff]/g, '').trim())
    .filter((text) => text !== '');
  const around: Record<Dress, (text: string) => string> = {
    bom: (text) => `\ufeff${text}`,
    reasoning: (text) => `<think>\nhm\n</think>\n\n${text}`,
    fence: (text) => `\`\`\`\n${text}\n\`\`\``,
    bold: (text) => text.replaceAll(/^(?!\s*$).*$/gm, (line) => `**${line}**`),
    code: (text) => text.replaceAll(/^(?!\s*$).*$/gm, (line) => `\`${line}\``),
  };
  it('comes out of each dress as it went in', () => {
    const line = plain.filter((text) => !/[\r\n\u2028\u2029]/.test(text));
    fc.assert(
      fc.property(line, fc.constantFrom(...(Object.keys(around) as Dress[])), (text, dress) => {
        assert.deepEqual(undressed(around[dress](text)), { text, dress: [dress] });
      }),
    );
  });
  it('that wears nothing is left alone', () => {
    fc.assert(
      fc.property(plain, (text) => {
        assert.deepEqual(undressed(text), { text, dress: [] });
      }),
    );
  });
});
