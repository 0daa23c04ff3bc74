// These tests are about the functions of a process, whatever calls them. They prove:
//  1. Each that changes a value it was given is refused, at its first calls, with its name and what it changed; the value is
//     again what it was. So is code that is not in strict mode, and a `verify` that changes something while it waits.
//  2. Each that returns a promise is refused as that, except `verify`.
//  3. What is refused once is refused from then on.
//  4. A change that is made late is found at one of the next 4,096 calls.
//  5. Functions that keep their promise get the very values they are given, and what they return or throw comes back.
//  6. Any change of any JSON value is undone.
//  7. `effect` works on a copy of the action.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import * as fc from '../../test/properties.ts';
import { ProcessError } from './errors.ts';
import { type AnyProcess, defineProcess } from './process.ts';
import { RedFlag, readReply, redFlag } from './red-flags.ts';

interface State {
  readonly at: { step: number };
  readonly seen: number[];
}

const state = (): State => ({ at: { step: 1 }, seen: [3, 1, 2] });
const action = () => ({ list: [2, 1], name: 'a' });

const DEFINITION = {
  name: 'pure',
  version: '1',
  start: () => state(),
  isDone: () => false,
  prompt: () => ({ user: 'go on' }),
  parse: () => action(),
  apply: (before: State) => before,
};

/** Of each function, how it is reached and with what it is called; by the path at which a definition has it. */
const CALLS: Readonly<Record<string, (process: AnyProcess) => unknown>> = {
  'start input': ({ start }) => start(GIVEN.input),
  'steps input': ({ steps }) => steps!(GIVEN.input),
  'isDone state': ({ isDone }) => isDone(GIVEN.state),
  'prompt state': ({ prompt }) => prompt(GIVEN.state),
  'parse state': ({ parse }) => parse('text', GIVEN.state),
  'check action': ({ check }) => check!(GIVEN.action, GIVEN.state),
  'check state': ({ check }) => check!(GIVEN.action, GIVEN.state),
  'key action': ({ key }) => key(GIVEN.action),
  'apply state': ({ apply }) => apply(GIVEN.state, GIVEN.action, GIVEN.observation),
  'apply action': ({ apply }) => apply(GIVEN.state, GIVEN.action, GIVEN.observation),
  'apply observation': ({ apply }) => apply(GIVEN.state, GIVEN.action, GIVEN.observation),
  'result state': ({ result }) => result!(GIVEN.state),
  'role state': ({ role }) => role!(GIVEN.state),
  'reference state': ({ reference }) => reference!(GIVEN.state),
  'reply action': ({ reply }) => reply!(GIVEN.action, GIVEN.state),
  'verification.verify state': ({ verification }) => verification!.verify!(GIVEN.action, GIVEN.state),
  'verification.isVerifiable state': ({ verification }) => verification!.isVerifiable!(GIVEN.state),
  'verification.verifyPrompt action': ({ verification }) => verification!.verifyPrompt!(GIVEN.action, GIVEN.state),
  'independence.focus state': ({ independence }) => independence!.focus!(GIVEN.state),
  'independence.next state': ({ independence }) => independence!.next!(GIVEN.state),
  'simulation.mistakes state': ({ simulation }) => simulation!.mistakes!(GIVEN.state),
  'simulation.madeOf state': ({ simulation }) => simulation!.madeOf!(GIVEN.state),
  'simulation.errorShare state': ({ simulation }) => simulation!.errorShare!(GIVEN.state),
  'view.render state': ({ view }) => view!.render!(GIVEN.state),
  'view.outline state': ({ view }) => view!.outline!(GIVEN.state),
};
const GIVEN = { input: { list: [1] }, state: state(), action: action(), observation: { list: [1] } };
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  parse: ['text', 'state'],
  check: ['action', 'state'],
  apply: ['state', 'action', 'observation'],
  reply: ['action', 'state'],
  'verification.verify': ['action', 'state'],
  'verification.verifyPrompt': ['action', 'state'],
};

/** A process with this function in that place. */
function withPart(path: string, part: (...args: never[]) => unknown): AnyProcess {
  const [group, field] = path.split('.');
  const changes = field === undefined ? { [path]: part } : { [group!]: { [field]: part } };
  return defineProcess({ ...DEFINITION, ...changes } as never);
}

function refusal(call: () => unknown, code: string): string {
  let message = '';
  assert.throws(call, (thrown) => {
    assert.ok(thrown instanceof ProcessError, String(thrown));
    assert.deepEqual([thrown.code, thrown.recovery], [code, 'stop']);
    message = thrown.message;
    return true;
  });
  return message;
}

describe('a function that changes what it is given', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    const [path, parameter] = name.split(' ') as [string, keyof typeof GIVEN];
    test(`is refused: \`${path}\` with its ${parameter}`, () => {
      const place = (PARAMETERS[path] ?? [parameter]).indexOf(parameter);
      const changes = (...args: Record<string, number[]>[]) => {
        const given = args[place]!;
        given[parameter === 'state' ? 'seen' : 'list']!.sort().push(9);
      };
      const before = structuredClone(GIVEN);
      const process = withPart(path, changes as never);
      const message = refusal(() => call(process), 'impure');
      const changed = parameter === 'state' ? 'seen[0]' : parameter === 'action' ? 'list[0]' : 'list[1]';
      const advice = name === 'apply state' ? 'return a new state, as in { ...state, … }' : 'work on a copy';
      assert.ok(
        message.startsWith(
          `process "pure": \`${path}\` changed \`${parameter}.${changed}\`, which it was given: ${advice}.`,
        ),
        message,
      );
      assert.deepEqual(GIVEN, before, 'it is again what it was');
    });
  }

  test('is refused in the forms of a variant too', () => {
    const spoil = (...args: unknown[]) => {
      (args.at(-1) as State).at.step++;
    };
    const asked = { name: 'table', prompt: () => ({ user: '' }) };
    for (const part of ['prompt', 'parse', 'reply'] as const) {
      const { forms } = defineProcess({
        ...DEFINITION,
        variants: [{ ...asked, [part]: spoil }],
      } as never) as AnyProcess;
      const call = {
        prompt: () => forms[1]!.prompt(GIVEN.state),
        parse: () => forms[1]!.parse('', GIVEN.state),
        reply: () => forms[1]!.reply!(GIVEN.action, GIVEN.state),
      }[part];
      assert.match(
        refusal(call, 'impure'),
        new RegExp(`\\\`${part} of variant table\\\` changed \\\`state.at.step\\\``),
      );
    }
  });

  test('is refused also in code that is not in strict mode, which a frozen state would not stop', () => {
    const apply = new Function('state', 'state.seen.push(4); state.at.step++; return state') as never;
    const process = withPart('apply', apply);
    const before = state();
    assert.match(
      refusal(() => process.apply(before, null), 'impure'),
      /changed `state\.at\.step`/,
    );
    assert.deepEqual(before, state());
  });

  test('is refused also where it throws behind the change', () => {
    const before = state();
    const process = withPart('parse', ((_: string, given: State) => {
      given.seen.pop();
      throw redFlag('malformed', 'no');
    }) as never);
    assert.match(
      refusal(() => process.parse('', before), 'impure'),
      /`parse` changed `state\.seen\[2\]`/,
    );
    assert.deepEqual(before, state());
  });

  test('is not taken for a red flag of the reply', () => {
    const { parse, key } = withPart('key', (({ list }: { list: number[] }) => list.sort().join()) as never);
    refusal(() => readReply('text', { parse: (text) => parse(text, state()), key }), 'impure');
  });

  test('is refused also where it changes something while it waits', async () => {
    const before = state();
    const process = withPart('verification.verify', (async (_: unknown, given: State) => {
      await null;
      given.seen.length = 0;
      return true;
    }) as never);
    await assert.rejects(
      async () => process.verification!.verify!(action(), before),
      (thrown) => thrown instanceof ProcessError && thrown.code === 'impure' && /state\.seen\[0\]/.test(thrown.message),
    );
    assert.deepEqual(before, state());
  });

  test('is refused from then on, also with what it would not change', () => {
    const process = withPart('apply', ((before: State) => {
      if (before.at.step === 1) before.at.step = 2;
      return before;
    }) as never);
    const first = refusal(() => process.apply(state(), null), 'impure');
    assert.equal(
      refusal(() => process.apply({ at: { step: 5 }, seen: [] }, null), 'impure'),
      first,
    );
  });

  test('is found within 4,096 calls where it begins late', () => {
    let calls = 0;
    const process = withPart('apply', ((before: State) => {
      if (++calls > 10_000) before.at.step++;
      return before;
    }) as never);
    const given = state();
    refusal(() => {
      while (calls < 20_000) process.apply(given, null);
    }, 'impure');
    assert.ok(calls > 10_000 && calls <= 10_000 + 4_098, `${calls}`);
  });
});

describe('a function that returns a promise', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    const path = name.split(' ')[0]!;
    if (path === 'verification.verify') continue;
    test(`is refused: \`${path}\``, () => {
      const message = refusal(
        () => call(withPart(path, async () => Promise.reject(new Error('not to be seen')))),
        'asynchronous',
      );
      assert.match(message, new RegExp(`^process "pure": \`${path}\` returned a promise; it must be synchronous: `));
    });
  }

  test('is what `verify` may be', async () => {
    assert.equal(await CALLS['verification.verify state']!(withPart('verification.verify', async () => true)), true);
    await assert.rejects(
      async () => CALLS['verification.verify state']!(withPart('verification.verify', async () => assert.fail('no'))),
      /^AssertionError.*: no$/,
    );
  });
});

describe('a function that keeps its promises', () => {
  test('gets what it is given and gives what it returns, at whatever call', () => {
    const got: unknown[] = [];
    const process = withPart('apply', ((...args: unknown[]) => {
      got.push(args);
      return args[0];
    }) as never);
    const [before, decided, observation] = [state(), action(), { seen: [] }];
    for (let call = 0; call < 5_000; call++) assert.equal(process.apply(before, decided, observation), before);
    assert.ok(
      got.every((args) => Array.isArray(args) && args[0] === before && args[1] === decided && args[2] === observation),
    );
  });

  test('may throw whatever it likes', () => {
    const flag = redFlag('illegal', 'no');
    const process = withPart('parse', (() => {
      throw flag;
    }) as never);
    assert.throws(
      () => process.parse('', state()),
      (thrown) => thrown === flag && flag instanceof RedFlag,
    );
  });

  test('may be given what is no JSON', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    for (const odd of [loop, new Map([[1, 2]]), { big: 1n }, undefined, null, 5, 'text', () => 1]) {
      assert.equal(withPart('apply', ((before: unknown) => before) as never).apply(odd, null), odd);
    }
  });

  test('is watched once, however often it is defined again', () => {
    const process = withPart('apply', ((before: State) => before) as never);
    const again = defineProcess({ ...process, name: 'again' });
    assert.equal(again.apply, process.apply);
    assert.equal(again.forms[0]!.prompt, process.prompt);
  });
});

test('any change of any JSON value is undone', () => {
  const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  fc.assert(
    fc.property(json, json, fc.nat(), (value, other, place) => {
      const given = [value, { value }];
      const before = JSON.stringify(given);
      const objects = objectsIn(given);
      const target = objects[place % objects.length]! as Record<string, unknown>;
      const process = withPart('isDone', (() => {
        const names = Object.keys(target);
        if (place % 3 === 0 && names.length > 0) delete target[names[place % names.length]!];
        else target[place % 2 === 0 ? 'added' : (names[0] ?? '0')] = other;
        if (Array.isArray(target) && place % 5 === 0) target.length += place % 4;
        return false;
      }) as never);
      try {
        process.isDone(given);
      } catch (thrown) {
        assert.ok(thrown instanceof ProcessError && thrown.code === 'impure', String(thrown));
      }
      assert.equal(JSON.stringify(given), before);
    }),
  );
});

function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

test('`effect` works on a copy of the action, as it comes back from the journal', async () => {
  const given = action();
  const process = withPart('effect', (async (copy: { list: number[]; name: string }) => {
    assert.deepEqual(copy, action());
    copy.list.sort();
    return copy.list;
  }) as never);
  const context = { idempotencyKey: 'r/0', signal: new AbortController().signal };
  assert.deepEqual(await process.effect!(given, context), [1, 2]);
  assert.deepEqual(given, action());
});

test('a schema is not watched: it gets no state', () => {
  const { parse: _, ...rest } = DEFINITION;
  const process = defineProcess({ ...rest, schema: z.object({ to: z.number() }) });
  assert.deepEqual(process.parse('{"to":1}', state()), { to: 1 });
});
