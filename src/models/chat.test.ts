// These tests are about a prompt with earlier turns, as a chat that goes on has. They prove:
//  1. They reach a server in their order, between what is constant and the question, and a server of our own reads them back.
//  2. They count as input, before and after the call; equal questions behind other turns are other prompts, also to a
//     simulated model, and to a run's fingerprint.
//  3. A model in a file reads them in its own template.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { ExpectedUsage } from '../calls/usage-estimate.ts';
import { describeChanges, fingerprintOf } from '../core/fingerprint.ts';
import type { ModelRequest } from '../core/model.ts';
import { defineProcess, type Prompt } from '../core/process.ts';
import { textOf } from '../core/prompt-parts.ts';
import { createRandom } from '../core/random.ts';
import { systemClock } from '../defaults.ts';
import { hanoi } from '../processes/hanoi.ts';
import { openAiServer, type ServedRequest } from '../testing/openai-server.ts';
import { answersOf, statesOf } from '../testing/served-process.ts';
import { llamaModel } from './llama.ts';
import { resolveModel } from './resolve.ts';
import { promptOf } from './sdk-request.ts';
import { simulatedModel } from './simulated.ts';

const CHAT: Prompt = {
  system: 'Count on.',
  turns: [
    { user: 'one', reply: 'two' },
    { user: 'three', reply: 'four' },
  ],
  user: 'five',
};

function request(prompt: Prompt, options: Partial<ModelRequest> = {}): ModelRequest {
  return { prompt, temperature: 0, maxOutputTokens: 30, draw: 0, signal: new AbortController().signal, ...options };
}

test('turns stand between the constant part and the question', () => {
  const said = promptOf(CHAT).map(({ role, content }) => {
    const text =
      typeof content === 'string' ? content : content.map((part) => ('text' in part ? part.text : '')).join('');
    return `${role}: ${text}`;
  });
  assert.deepEqual(said, [
    'system: Count on.',
    'user: one',
    'assistant: two',
    'user: three',
    'assistant: four',
    'user: five',
  ]);
});

test('a server reads them back, and numbers equal questions behind other turns apart', async (context) => {
  const asked: ServedRequest[] = [];
  const answer = (served: ServedRequest) => {
    asked.push(served);
    return { text: 'six', finishReason: 'stop' as const, inputTokens: 1, outputTokens: 1, latencyMs: 0 };
  };
  const server = await openAiServer({ answer, clock: systemClock, random: createRandom(1) });
  context.after(() => server.close());
  const model = await resolveModel('served', { baseUrl: server.baseUrl, environment: {}, clock: systemClock });
  const { turns: _, ...alone } = CHAT;
  for (const prompt of [CHAT, CHAT, alone]) assert.equal((await model.generate(request(prompt))).text, 'six');
  assert.deepEqual(
    asked.map(({ system, turns, user, repetition }) => ({ system, turns, user, repetition })),
    [
      { ...CHAT, repetition: 0 },
      { ...CHAT, repetition: 1 },
      { ...alone, turns: undefined, repetition: 0 },
    ],
  );
});

test('a served process knows the step of a chat by its last question', async () => {
  const process = hanoi();
  const states = [...statesOf(process, { disks: 2 })];
  const model = simulatedModel({ clock: systemClock });
  const answerTo = answersOf({ process, states, model });
  const { system, user } = process.prompt(states[1] as never);
  const served = { system, user: textOf(user), temperature: 0, maxOutputTokens: 100, repetition: 0 };
  const alone = await answerTo(served);
  const inChat = await answerTo({ ...served, turns: [{ user: 'x'.repeat(400), reply: 'y' }] });
  assert.equal(inChat.text, alone.text);
  assert.ok(inChat.inputTokens! >= alone.inputTokens! + 100);
});

test('they count as input before the call', () => {
  const tokens = (prompt: Prompt) => new ExpectedUsage().of(request(prompt)).inputTokens;
  const { turns: _, ...alone } = CHAT;
  assert.equal(tokens(CHAT) - tokens(alone), 'onetwothreefour'.length / 4);
});

test('a simulated sample is a function of them too', async () => {
  const process = hanoi();
  const state = process.start({ disks: 3 });
  const subject = { process, state, form: process.forms[0]! };
  const model = simulatedModel({ p: 0.5, clock: systemClock });
  const repliesBehind = async (reply: string) => {
    const prompt = { ...process.prompt(state), turns: [{ user: 'u', reply }] };
    const texts: string[] = [];
    for (let draw = 0; draw < 30; draw++) texts.push((await model.generate(request(prompt, { subject, draw }))).text);
    return texts;
  };
  assert.deepEqual(await repliesBehind('a'), await repliesBehind('a'));
  assert.notDeepEqual(await repliesBehind('a'), await repliesBehind('b'));
});

test('a change of them is a change of the process', () => {
  const chat = (reply: string) =>
    fingerprintOf(
      defineProcess({ ...hanoi(), prompt: () => ({ user: 'u', turns: [{ user: 'v', reply }] }) }),
      hanoi().start({ disks: 2 }),
    );
  assert.deepEqual(describeChanges(chat('a'), chat('a')), []);
  assert.match(
    describeChanges(chat('a'), chat('b')).join(),
    /the user prompt of step 0 was "v\\na\\nu", is "v\\nb\\nu"/,
  );
});

const FILE = join(import.meta.dirname, '../../.models/SmolLM2-135M-Instruct.Q4_1.gguf');
const hasLibrary = (() => {
  try {
    return createRequire(import.meta.filename).resolve('node-llama-cpp') !== '';
  } catch {
    return false;
  }
})();
const skip = !hasLibrary || !existsSync(FILE) ? 'no model on this machine: npm run model:fetch' : false;

test('a model in a file is asked with them in its template, and answers in their manner', { skip }, async (context) => {
  const model = await llamaModel({ file: FILE, clock: systemClock });
  context.after(() => model.close?.());
  const system = 'Continue the sequence.';
  const turns = [
    { user: '1, 2, 3,', reply: '<<4>>' },
    { user: '11, 12, 13,', reply: '<<14>>' },
    { user: '5, 6, 7,', reply: '<<8>>' },
  ];
  const alone = await model.generate(request({ system, user: '4, 5, 6, 7,' }, { maxOutputTokens: 8 }));
  const inChat = await model.generate(request({ system, turns, user: '4, 5, 6, 7,' }));
  assert.match(inChat.text, /^<<\d+>>$/);
  assert.doesNotMatch(alone.text, /<</);
  // Each turn adds two messages, of three tokens of the template each at least.
  assert.ok(inChat.inputTokens! > alone.inputTokens! + 6 * turns.length);
  assert.equal((await model.generate(request({ system, turns, user: '4, 5, 6, 7,' }))).text, inChat.text);
});
