// These tests are about process definitions. They prove:
//  1. What is missing, of the wrong type or unknown is named, with what was expected and what came; a field that has moved,
//     with where it is now.
//  2. Defaults: the key is canonical JSON; with `schema` the reply is one JSON document, strictly, and nothing else.
//  3. A schema that validates asynchronously is refused for actions, and accepted for the input.
//  4. An input that does not fit is refused with every issue and its path.
//  5. The forms of a step are the process itself, named main, and its variants, which take from it what they do not give.
//  6. The self-test of variants finds the first form that does not read its own right reply as the reference's action, or
//     whose reading the check refuses, and says what it read instead; it asks nothing of a process without reference, nor
//     of a form without reply.
//  7. Several steps a sample are a process under another name, and one is the process itself; a process that does not say
//     how, and a number that is none, are refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { z } from 'zod';
import { UsageError } from './errors.ts';
import {
  type AnyProcess,
  defineProcess,
  inSubtasks,
  type ProcessDefinition,
  testVariants,
  type Variant,
} from './process.ts';
import { RedFlag, redFlag } from './red-flags.ts';
import { parseInput } from './schema.ts';

interface Move {
  readonly from: number;
  readonly to: number;
}

const moveSchema = z.strictObject({ from: z.number().int(), to: z.number().int() });

const definition: ProcessDefinition<unknown, number, Move> = {
  name: 'test',
  version: '1',
  start: () => 0,
  isDone: () => true,
  prompt: () => ({ user: 'go on' }),
  apply: (state) => state + 1,
  schema: moveSchema,
};

function defined(changes: object): AnyProcess {
  return defineProcess({ ...definition, ...changes });
}

function refuses(changes: object, message: RegExp): void {
  assert.throws(
    () => defined(changes),
    (thrown) => thrown instanceof UsageError && message.test(thrown.message),
  );
}

function malformed(process: AnyProcess, text: string, detail: RegExp): void {
  assert.throws(
    () => process.parse(text, 0),
    (thrown) => thrown instanceof RedFlag && thrown.code === 'malformed' && detail.test(thrown.detail),
    text,
  );
}

/** A Standard Schema that is not zod's. */
function schemaOf<T>(validate: (value: unknown) => StandardSchemaV1.Result<T> | Promise<StandardSchemaV1.Result<T>>) {
  return { '~standard': { version: 1 as const, vendor: 'test', validate } };
}

test('a definition without name or version is refused', () => {
  refuses({ name: undefined }, /^process "\(unnamed\)": expected `name` to be a non-empty string, got undefined\.$/);
  refuses({ name: '' }, /^process "": expected `name` to be a non-empty string, got string\.$/);
  refuses({ name: 7 }, /expected `name` to be a non-empty string, got number\./);
  refuses({ version: undefined }, /^process "test": expected `version` to be a non-empty string, got undefined\.$/);
  refuses({ version: 1 }, /expected `version` to be a non-empty string, got number\./);
});

test('each function that a process needs is asked for by name', () => {
  for (const field of ['start', 'isDone', 'prompt', 'apply']) {
    for (const value of [undefined, null, 'text', {}]) {
      const message = `^process "test": expected \`${field}\` to be a function, got ${typeof value}\\.$`;
      refuses({ [field]: value }, new RegExp(message));
    }
  }
});

test('a function that a process may have must be one', () => {
  for (const field of [
    'steps',
    'parse',
    'check',
    'key',
    'effect',
    'result',
    'role',
    'reference',
    'reply',
    'subtasks',
  ]) {
    assert.doesNotThrow(() => defined({ [field]: undefined }));
    refuses({ [field]: 3 }, new RegExp(`^process "test": expected \`${field}\` to be a function, got number\\.$`));
    refuses({ [field]: null }, new RegExp(`expected \`${field}\` to be a function, got object\\.$`));
  }
});

const GROUPS = {
  verification: ['verify', 'isVerifiable', 'verifyPrompt'],
  independence: ['focus', 'next'],
  simulation: ['mistakes', 'madeOf', 'errorShare'],
  view: ['render', 'outline'],
};

test('a group of fields may be there or not, and each of its fields must be a function', () => {
  for (const [group, fields] of Object.entries(GROUPS)) {
    for (const value of [undefined, {}, ...fields.map((field) => ({ [field]: () => [] }))]) {
      assert.doesNotThrow(() => defined({ [group]: value }));
    }
    refuses(
      { [group]: null },
      new RegExp(`^process "test": expected \`${group}\` to be an object with .*, got object\\.$`),
    );
    for (const field of fields) {
      const message = `^process "test": \`${group}\`: expected \`${field}\` to be a function, got number\\.$`;
      refuses({ [group]: { [field]: 3 } }, new RegExp(message));
    }
  }
});

test('a field under the name or in the place that it had before is refused, and the message says where it is now', () => {
  for (const [group, fields] of Object.entries(GROUPS)) {
    for (const field of fields) {
      const message = `^process "test": \`${field}\` is now \`${group}: \\{ ${field} \\}\`: write it there\\.$`;
      refuses({ [field]: () => [] }, new RegExp(message));
    }
  }
  refuses({ schema: undefined, action: moveSchema }, /^process "test": `action` is now `schema`: write it there\.$/);
});

test('a field that is unknown is refused, with the nearest one that is known', () => {
  refuses({ promt: () => 'go on' }, /^process "test": unknown field "promt": did you mean "prompt"\?$/);
  refuses({ is_done: () => true }, /unknown field "is_done": did you mean "isDone"\?$/);
  refuses({ anything: undefined }, /^process "test": unknown field "anything"\.$/);
  refuses({ simulation: { mistake: () => [] } }, /: `simulation`: unknown field "mistake": did you mean "mistakes"\?$/);
});

test('a process may be defined again, with changes', () => {
  const process = defineProcess({ ...defined({ view: { render: () => '<svg/>' } }), name: 'again' });
  assert.deepEqual([process.name, process.forms.length, process.view?.render?.(0)], ['again', 1, '<svg/>']);
});

test('a schema must be one', () => {
  for (const field of ['input', 'schema']) {
    refuses(
      { [field]: { type: 'object' } },
      new RegExp(`expected \`${field}\` to be a Standard Schema, .*, got object\\.$`),
    );
  }
});

test('either a parser or a schema of the action is needed', () => {
  refuses(
    { schema: undefined },
    /expected `parse` \(a function\) or `schema` \(a schema of the reply\), got neither\.$/,
  );
  assert.doesNotThrow(() => defined({ schema: undefined, parse: () => ({ from: 0, to: 1 }) }));
});

test('what is given is kept, and the definition itself is not changed', () => {
  const frozen = Object.freeze({ ...definition, key: () => 'mine', reply: () => 'reply' });
  const process = defineProcess(frozen);
  assert.equal(process.key({ from: 0, to: 1 }), 'mine');
  assert.equal(process.reply?.({ from: 0, to: 1 }, 0), 'reply');
  assert.equal(process.start(undefined), 0);
});

test('by default two actions are one candidate when their canonical JSON is equal', () => {
  const process = defined({});
  assert.equal(process.key({ to: 2, from: 1 }), process.key({ from: 1, to: 2 }));
  assert.notEqual(process.key({ from: 1, to: 2 }), process.key({ from: 2, to: 1 }));
});

test('with a schema, a reply is one JSON document that fits it', () => {
  const process = defined({});
  assert.deepEqual(process.parse(' {"to": 2, "from": 1}\n', 0), { from: 1, to: 2 });
  assert.deepEqual(process.parse(process.reply!({ from: 1, to: 2 }, 0), 0), { from: 1, to: 2 });
});

test('with a schema, anything around or in place of the document is malformed', () => {
  const process = defined({});
  for (const text of [
    '',
    'The answer is {"from": 1, "to": 2}',
    '```json\n{"from": 1, "to": 2}\n```',
    '{"from": 1, "to": 2} {"from": 1, "to": 2}',
    '{"from": 1, "to": 2',
    "{'from': 1, 'to': 2}",
    '{"from": 1, "to": 2,}',
    'NaN',
  ]) {
    malformed(process, text, /^expected one JSON document and nothing else: /);
  }
});

test('with a schema, a document that does not fit is malformed, and the flag says where', () => {
  const process = defined({});
  malformed(process, '{"from": 1}', /^to: /);
  malformed(process, '{"from": "1", "to": 2.5}', /^from: .*; to: /);
  malformed(process, '{"from": 1, "to": 2, "why": ""}', /why/);
  malformed(process, '{"from": 1, "to": 2, "__proto__": {}}', /__proto__/);
  malformed(process, '[1, 2]', /object/);
  malformed(process, 'null', /./);
});

test('the action is what the schema makes of the document', () => {
  const process = defined({ schema: z.object({ from: z.coerce.number(), to: z.number().default(9) }) });
  assert.deepEqual(process.parse('{"from": "3", "other": 1}', 0), { from: 3, to: 9 });
});

test('a parser takes the place of a schema, and leaves the reply to the process', () => {
  const process = defined({ schema: undefined, parse: () => ({ from: 5, to: 6 }) });
  assert.deepEqual(process.parse('anything', 0), { from: 5, to: 6 });
  assert.equal(process.reply, undefined);
});

test('an action schema that validates asynchronously is refused when it is first used', () => {
  const process = defined({ schema: schemaOf(async (value) => ({ value })) });
  assert.throws(
    () => process.parse('{}', 0),
    (thrown) => thrown instanceof UsageError && /synchronous schema in `schema`.*asynchronously/.test(thrown.message),
  );
});

test('paths of issues are written with dots, keys as objects included', () => {
  const issues = [{ message: 'too far', path: ['moves', 1, { key: 'to' }] }, { message: 'no good' }];
  const process = defined({ schema: schemaOf(() => ({ issues })) });
  malformed(process, '{}', /^moves\.1\.to: too far; no good$/);
});

test('without an input schema the input is taken as it is', async () => {
  const input = { disks: 'many' };
  assert.equal(await parseInput(defined({}), input), input);
});

test('the input is what the schema makes of it, asynchronously or not', async () => {
  const schema = z.object({ disks: z.coerce.number().default(3) });
  assert.deepEqual(await parseInput(defined({ input: schema }), { disks: '4' }), { disks: 4 });
  assert.deepEqual(await parseInput(defined({ input: schema }), {}), { disks: 3 });
  const slow = schemaOf(async (value) => ({ value: [value] }));
  assert.deepEqual(await parseInput(defined({ input: slow }), 1), [1]);
});

test('an input that does not fit is refused with the process, every issue and its path', async () => {
  const input = z.object({ disks: z.number().int().min(1), pegs: z.array(z.string()) });
  await assert.rejects(parseInput(defined({ input }), { disks: 0, pegs: ['a', 1] }), (thrown) => {
    assert.ok(thrown instanceof UsageError);
    assert.match(thrown.message, /^the input does not fit process "test": disks: .*>=1.*; pegs\.1: .*string/);
    return true;
  });
  await assert.rejects(parseInput(defined({ input }), undefined), /does not fit process "test": /);
});

const prompt = () => ({ user: 'go on, please' });

test('the first form is the process itself; variants take from it what they do not give', () => {
  const parse = () => ({ from: 3, to: 4 });
  const variants: Variant<number, Move>[] = [
    { name: 'polite', prompt },
    { name: 'other', prompt, parse, reply: () => 'other' },
  ];
  const process = defined({ variants });
  const [main, polite, other] = process.forms;
  assert.deepEqual(
    process.forms.map(({ name }) => name),
    ['main', 'polite', 'other'],
  );
  assert.deepEqual([main?.prompt, main?.parse, main?.reply], [process.prompt, process.parse, process.reply]);
  assert.deepEqual([polite?.prompt(0), polite?.parse, polite?.reply], [prompt(), process.parse, process.reply]);
  assert.deepEqual([other?.parse('', 0), other?.reply?.({ from: 1, to: 2 }, 0)], [parse(), 'other']);
  assert.equal(defined({}).forms.length, 1);
});

test('a variant needs a prompt, and a name of its own', () => {
  for (const name of [undefined, '', 7, 'main']) {
    refuses({ variants: [{ name, prompt }] }, /^process "test": expected each variant to have a name of its own/);
  }
  const twice = { name: 'twice', prompt };
  refuses({ variants: [twice, twice] }, /a name of its own, not "main", got "twice"\.$/);
  refuses({ variants: [{ name: 'mute' }] }, /expected `prompt` of variant "mute" to be a function, got undefined\.$/);
});

describe('the self-test of variants', () => {
  const right: Move = { from: 1, to: 2 };
  const reply = ({ from, to }: Move) => `${from} to ${to}`;
  const parse = (text: string): Move => {
    const found = /^(\d) to (\d)$/.exec(text);
    if (found === null) throw redFlag('malformed', 'expected a move');
    return { from: Number(found[1]), to: Number(found[2]) };
  };
  const withVariant = (variant: Partial<Variant<number, Move>>, changes: object = {}) =>
    defined({ reference: () => right, variants: [{ name: 'words', prompt, parse, reply, ...variant }], ...changes });
  const finds = (process: AnyProcess, name: string, got: RegExp) => {
    assert.throws(
      () => testVariants(process, 0),
      (thrown) => {
        assert.ok(thrown instanceof UsageError);
        const [, found] =
          new RegExp(
            `^process "test": variant "${name}" does not read its own right reply as the reference's action: ` +
              'expected (?:\\S+), got (.*)\\. Correct its `parse` or `reply`\\.$',
          ).exec(thrown.message) ?? assert.fail(thrown.message);
        assert.match(found!, got);
        return true;
      },
    );
  };

  test('passes where every form reads its own reply', () => {
    testVariants(withVariant({}), 0);
    testVariants(defined({ reference: () => right }), 0);
  });

  test('an action counts by its key', () => {
    const swapped = { parse: (text: string) => ({ to: parse(text).to, from: parse(text).from }) };
    testVariants(withVariant(swapped), 0);
    testVariants(withVariant({ parse: () => ({ from: 9, to: 2 }) }, { key: ({ to }: Move) => String(to) }), 0);
  });

  test('names the form that reads another action', () => {
    const backwards = (text: string) => ({ from: parse(text).to, to: parse(text).from });
    finds(withVariant({ parse: backwards }), 'words', /^\{"from":2,"to":1\}$/);
    finds(withVariant({ reply: () => '7 to 8' }), 'words', /^\{"from":7,"to":8\}$/);
    finds(withVariant({}, { schema: undefined, parse: backwards, reply }), 'main', /^\{"from":2,"to":1\}$/);
  });

  test('names the first of several', () => {
    const variants = ['a', 'b', 'c'].map((name) => ({ name, prompt, parse, reply: name === 'a' ? reply : () => '' }));
    finds(withVariant({}, { variants }), 'b', /^the red flag malformed: expected a move$/);
  });

  test('says which red flag it was, of the parser or of the check', () => {
    finds(withVariant({ reply: () => 'one to two' }), 'words', /^the red flag malformed: expected a move$/);
    const check = () => redFlag('illegal', 'the way is closed');
    finds(withVariant({}, { check }), 'main', /^the red flag illegal: the way is closed$/);
  });

  test('the check sees what the key does not', () => {
    const changes = {
      key: ({ to }: Move) => String(to),
      check: ({ from }: Move, state: number) => (from === state + 1 ? undefined : redFlag('illegal', `from ${from}`)),
    };
    testVariants(withVariant({}, changes), 0);
    finds(withVariant({ parse: () => ({ from: 9, to: 2 }) }, changes), 'words', /^the red flag illegal: from 9$/);
  });

  test('a parser or reply that throws is named too', () => {
    const fail = () => {
      throw new TypeError('no such peg');
    };
    finds(withVariant({ parse: fail }), 'words', /no such peg/);
    finds(withVariant({ reply: fail }), 'words', /no such peg/);
  });

  test('is about the state it is given', () => {
    const process = withVariant({ parse: (text, state) => (state === 3 ? right : { ...parse(text), to: 0 }) });
    testVariants(process, 3);
    finds(process, 'words', /^\{"from":1,"to":0\}$/);
  });

  test('asks nothing of a process without reference, nor of a form without reply', () => {
    testVariants(withVariant({ parse: () => ({ from: 0, to: 0 }) }, { reference: undefined }), 0);
    const wrong = () => ({ from: 0, to: 0 });
    testVariants(withVariant({ parse: wrong, reply: undefined }, { schema: undefined, parse: wrong }), 0);
  });
});

describe('several steps a sample', () => {
  const one: ProcessDefinition<number, number, number> = {
    name: 'count',
    version: '1',
    start: (input) => input,
    isDone: (state) => state === 0,
    prompt: (state) => ({ user: String(state) }),
    parse: Number,
    apply: (state, action) => state - action,
  };
  const named = (name: string) => defineProcess({ ...one, subtasks: (m) => defineProcess({ ...one, name: name + m }) });
  const refuses = (process: AnyProcess, m: number, message: RegExp) =>
    assert.throws(
      () => inSubtasks(process, m),
      (thrown) => thrown instanceof UsageError && message.test(thrown.message),
    );

  test('are a process under a name of its own, and one is the process itself', () => {
    const process = named('count-by-');
    assert.equal(inSubtasks(process, 3).name, 'count-by-3');
    assert.equal(inSubtasks(process, 1), process);
    assert.equal(inSubtasks(defineProcess(one), 1).name, 'count');
  });

  test('are refused where the process does not say how, and where the number or the name is none', () => {
    refuses(defineProcess(one), 2, /^process "count": expected `subtasks`, which says how to take 2 steps at once/);
    for (const m of [0, -1, 1.5, Number.NaN]) refuses(named('by-'), m, /^stepsPerSubtask: expected a whole number/);
    const same = defineProcess({ ...one, subtasks: () => defineProcess(one) });
    refuses(same, 2, /a name of its own, got the same: call it "count-by-2"/);
    assert.throws(() => defineProcess({ ...one, subtasks: 2 as never }), /expected `subtasks` to be a function/);
  });
});
