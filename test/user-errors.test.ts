// These tests are about errors in the code of a process. They prove:
//  1. The message says where: file, line and column of the user's own code, whatever of the package, of Node or of a library
//     is above it in the stack; the error itself is the cause. An error in a built-in process is told in the same way.
//  2. A reply that the parser throws at is a red flag; where the error is one of code, as a TypeError, its detail says where.
//  3. A change of what is given is told with its line, where the code is in strict mode.
//  4. Without a frame of the user's the message is that of the error alone.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  candidateKey,
  decide,
  defineProcess,
  memoryJournal,
  type ProcessDefinition,
  ProcessError,
  run,
  scriptedModel,
} from 'mdap';
import { hanoi } from 'mdap/processes';
import { callPart } from '../src/core/call-part.ts';
import { textOf } from '../src/core/prompt-parts.ts';
import { describeThrown, userFrameOf } from '../src/core/user-frame.ts';

const HERE = fileURLToPath(import.meta.url);

const COUNT: ProcessDefinition<{ to: number }, number, number, unknown, { to: number }> = {
  name: 'count',
  version: '1',
  start: () => 0,
  isDone: (state) => state === 3,
  prompt: (state) => ({ user: `What comes after ${state}?` }),
  parse: Number,
  apply: (_, action) => action,
};

const model = () => scriptedModel(({ prompt }) => String(Number(/\d/.exec(textOf(prompt.user))![0]) + 1));

/** Why a run of the process with this function in it ended. */
async function reasonWith(changes: Partial<typeof COUNT>): Promise<string> {
  const options = { model: model(), journal: memoryJournal(), k: 1, speculate: 0 };
  return run(defineProcess({ ...COUNT, ...changes }), { to: 3 }, options).then(
    ({ reason }) => reason!,
    (thrown) => {
      assert.ok(thrown instanceof ProcessError, String(thrown));
      return thrown.message;
    },
  );
}

const LINES = readFileSync(HERE, 'utf8').split('\n');

/** This file at the line that ends with such a comment, as it stands in a message. */
function placeOf(mark: string): string {
  const line = LINES.findIndex((text) => text.endsWith(`// ${mark}`)) + 1;
  assert.ok(line > 0, mark);
  return `\\(at ${HERE.replaceAll('.', '\\.')}:${line}:\\d+\\)`;
}

describe('an error in the code of a process', () => {
  const fail = (): never => (undefined as unknown as { field: never }).field; // here
  const parts: Partial<typeof COUNT> = {
    start: fail,
    isDone: fail,
    prompt: fail,
    apply: fail,
    reference: fail,
    steps: fail,
  };
  for (const [part, change] of Object.entries(parts)) {
    test(`is told with its place: \`${part}\``, async () => {
      const message = await reasonWith({ [part]: change });
      assert.match(
        message,
        new RegExp(`^process "count": \`${part}\` threw(?: at step 0)?: Cannot read properties of undefined`),
      );
      assert.match(message, new RegExp(`${placeOf('here')}$`));
    });
  }

  test('is the cause of what is thrown', () => {
    const thrown = new RangeError('too far');
    const call = () =>
      callPart({ name: 'count' }, 'apply', 7, () => {
        throw thrown;
      });
    assert.throws(call, (error) => error instanceof ProcessError && error.code === 'threw' && error.cause === thrown);
  });

  test('is told with the line that called the package, or Node', async () => {
    const ofPackage = await reasonWith({ prompt: () => ({ user: candidateKey(Number.NaN) }) }); // package
    assert.match(ofPackage, new RegExp(`expected a finite number, got NaN ${placeOf('package')}$`));
    const ofNode = await reasonWith({ apply: () => JSON.parse('{') }); // node
    assert.match(ofNode, new RegExp(`${placeOf('node')}$`));
  });

  test('is told in an effect', async () => {
    const message = await reasonWith({ effect: async () => fail() });
    assert.match(message, new RegExp(`^the effect of step 0 failed: .*${placeOf('here')}\\. Its decision`));
  });

  test('is told with the line of the user where a library throws, and with that of the library where there is no other', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mdap user errors '));
    t.after(() => rmSync(folder, { recursive: true }));
    const library = join(folder, 'node_modules', 'library');
    mkdirSync(library, { recursive: true });
    writeFileSync(join(library, 'index.mjs'), 'export function parts() {\n  throw new Error("of the library");\n}\n');
    writeFileSync(
      join(folder, 'own.mjs'),
      'import { parts } from "./node_modules/library/index.mjs";\n\nexport const apply = () =>\n  parts();\nexport { parts };\n',
    );
    const own = await import(pathToFileURL(join(folder, 'own.mjs')).href);
    const file = (name: string, line: number) =>
      new RegExp(`of the library \\(at .*mdap user errors .*${name}:${line}:\\d+\\)$`);
    assert.match(await reasonWith({ apply: own.apply }), file('own\\.mjs', 4));
    assert.match(await reasonWith({ apply: own.parts }), file('library.index\\.mjs', 2));
  });

  test('is told of a built-in process too', () => {
    const process = hanoi();
    const call = () => callPart(process, 'prompt', 0, () => process.prompt({} as never));
    assert.throws(
      call,
      /^ProcessError: process "hanoi": `prompt` threw at step 0: .* \(at .*[/\\]processes[/\\]hanoi.*:\d+:\d+\)$/,
    );
  });
});

describe('a parser that throws', () => {
  async function detailOf(parse: (text: string) => number): Promise<string> {
    const samples: string[] = [];
    const options = {
      model: model(),
      journal: memoryJournal(),
      k: 1,
      maxVotes: 1,
      onEvent: (event: { type: string; sample?: { flag?: { code: string; detail: string } } }) => {
        if (event.type === 'sample-landed') samples.push(`${event.sample!.flag?.code}: ${event.sample!.flag?.detail}`);
      },
    };
    await run(defineProcess({ ...COUNT, parse }), { to: 3 }, options);
    return samples[0]!;
  }

  test('by a mistake in its code is a red flag that says where', async () => {
    const detail = await detailOf((text) => (text as unknown as { trimmed(): number }).trimmed()); // parse
    assert.match(detail, new RegExp(`^malformed: text\\.trimmed is not a function ${placeOf('parse')}$`));
  });

  test('on purpose is a red flag with its words alone', async () => {
    const detail = await detailOf(() => {
      throw new Error('no number');
    });
    assert.equal(detail, 'malformed: no number');
  });

  test('is told in a single decision in the same way', async () => {
    const parse = (text: string) => (text as unknown as { list: string[] }).list.length;
    const decision = await decide(
      { prompt: 'How many?', parse },
      { model: scriptedModel(() => '1'), k: 1, maxVotes: 1 },
    );
    assert.deepEqual([decision.type, Object.keys(decision.flags ?? {})], ['undecided', ['malformed']]);
  });
});

test('a change of what is given is told with its line', async () => {
  const message = await reasonWith({
    start: () => ({ seen: [] }) as never,
    prompt: () => ({ user: 'What comes after 1?' }),
    apply: (state) => {
      (state as unknown as { seen: number[] }).seen.push(1); // change
      return state;
    },
  });
  assert.match(
    message,
    new RegExp(`\`apply\` changed \`state\\.seen\\[0\\]\`, which it was given ${placeOf('change')}: `),
  );
});

test('without a frame of the user the message is that of the error alone', () => {
  for (const thrown of ['a text', undefined, null, { stack: 7 }, Object.assign(new Error('m'), { stack: undefined })]) {
    assert.equal(userFrameOf(thrown), undefined);
  }
  const own = Object.assign(new Error('deep inside'), {
    stack: 'Error: deep inside\n    at f (node:internal/x:1:2)\n    at <anonymous>:1:1\n    at Array.map (<anonymous>)',
  });
  assert.equal(describeThrown(own), 'deep inside');
});
