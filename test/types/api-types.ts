// Compiled by `npm run check:types`, never run: what the compiler must infer, and what it must refuse. Where inference is lost
// an `@ts-expect-error` has nothing to expect, or an assignment fails.
import { openai } from '@ai-sdk/openai';
import { type Decision, decide, defineProcess, map, run, scriptedModel, start } from 'mdap';
import { z } from 'zod';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>): void => {};

const options = { model: scriptedModel([]) };

const counting = defineProcess({
  name: 'counting',
  version: '1',
  start: ({ from }: { from: number }) => ({ left: from }),
  isDone: ({ left }) => left === 0,
  prompt: ({ left }) => ({ user: String(left) }),
  parse: (text) => Number(text),
  apply: ({ left }, action) => ({ left: left - action }),
});

const sorted = defineProcess({
  name: 'sorted',
  version: '1',
  input: z.object({ words: z.string().transform((text) => text.split(' ')), limit: z.number().default(3) }),
  start: ({ words, limit }) => ({ words, limit, place: 0 }),
  isDone: ({ words, place }) => place === words.length,
  prompt: ({ words, place }) => ({ user: words[place]! }),
  schema: z.object({ kind: z.enum(['noun', 'verb']) }),
  apply: (state, { kind }) => ({ ...state, place: state.place + (kind === 'noun' ? 1 : 2) }),
});

const acting = defineProcess({
  name: 'acting',
  version: '1',
  start: (seats: number) => ({ seats }),
  isDone: ({ seats }) => seats === 0,
  prompt: () => ({ user: 'which?' }),
  parse: (text) => text.length,
  effect: async (action) => ({ booked: action > 0 }),
  apply: ({ seats }, _action, seen) => ({ seats: seen?.booked ? seats - 1 : seats }),
});

const summed = defineProcess({
  name: 'summed',
  version: '1',
  start: (numbers: number[]) => ({ numbers, sum: 0 }),
  isDone: ({ numbers }) => numbers.length === 0,
  prompt: ({ numbers }) => ({ user: String(numbers[0]) }),
  parse: (text) => Number(text),
  apply: ({ numbers, sum }, action) => ({ numbers: numbers.slice(1), sum: sum + action }),
  result: ({ sum }) => ({ sum }),
});

export async function runs(): Promise<void> {
  const { state } = await run(counting, { from: 3 }, options);
  same<typeof state, { left: number }>(true);
  // @ts-expect-error: the input is a number
  await run(counting, { from: '3' }, options);
  // @ts-expect-error: an input is needed
  await run(counting, {}, options);
  // What a caller passes is what the schema reads, not what it makes of it.
  await run(sorted, { words: 'b a' }, options);
  // @ts-expect-error: words are one text
  await run(sorted, { words: ['b', 'a'] }, options);
  await run(acting, 3, options);
  // @ts-expect-error: no such option
  await run(acting, 3, { ...options, kk: 3 });
  await run(acting, 3, { model: openai('gpt-4.1-mini'), panel: [openai('gpt-4.1-nano'), 'simulated'] });
  // @ts-expect-error: a number is no model
  await run(acting, 3, { model: 3 });
}

export async function starts(): Promise<void> {
  const started = await start(counting, { from: 3 }, options);
  same<typeof started.id, string>(true);
  for await (const event of started.events) {
    if (event.type === 'step-decided') event.decision.stepIndex.toFixed();
    if (event.type === 'events-missed') event.count.toFixed();
  }
  const { state } = await started.result;
  same<typeof state, { left: number }>(true);
  // @ts-expect-error: the input is a number
  await start(counting, { from: '3' }, options);
}

export async function maps(): Promise<void> {
  for await (const result of map(sorted, [{ words: 'a b' }, { words: 'c', limit: 1 }], options)) {
    if (result.status === 'done') same<typeof result.result, { kind: 'noun' | 'verb' }>(true);
    else same<typeof result.reason, string>(true);
  }
  for await (const result of map(summed, [[1, 2], [3]], options)) {
    if (result.status === 'done') same<typeof result.result, { sum: number }>(true);
  }
  // @ts-expect-error: the inputs are numbers
  map(acting, ['x'], options);
  // @ts-expect-error: one input is no iterable of them
  map(acting, 3, options);
  const { items } = await map(acting, [3], options).result;
  items?.done.toFixed();
}

export async function decisions(): Promise<void> {
  const decided = await decide({ prompt: 'x', schema: z.object({ total: z.number() }) }, options);
  if (decided.type === 'decided') same<typeof decided, Decision<{ total: number }>>(true);
  const parsed = await decide({ prompt: { system: 's', user: 'x' }, parse: (text) => text.length }, options);
  if (parsed.type === 'decided') same<typeof parsed.action, number>(true);
  // @ts-expect-error: neither parse nor schema
  await decide({ prompt: 'x' }, options);
  // @ts-expect-error: both of them
  await decide({ prompt: 'x', parse: (text: string) => text, schema: z.string() }, options);
  // @ts-expect-error: a single decision has no run to choose k for
  await decide({ prompt: 'x', parse: (text: string) => text }, { ...options, k: 'auto' });
  const parse = (text: string) => text;
  const url = new URL('https://host.example/a.png');
  const data = new Uint8Array();
  await decide(
    {
      prompt: {
        user: [
          { type: 'text', text: 'x' },
          { type: 'file', path: 'a.png' },
        ],
      },
      parse,
    },
    options,
  );
  await decide(
    {
      prompt: {
        user: [
          { type: 'file', url, mediaType: 'image/png' },
          { type: 'file', data },
        ],
      },
      parse,
    },
    options,
  );
  // @ts-expect-error: a file is in one place
  await decide({ prompt: { user: [{ type: 'file', data, path: 'a.png' }] }, parse }, options);
  // @ts-expect-error: bytes are no text
  await decide({ prompt: { user: [{ type: 'file', data: 'AAAA' }] }, parse }, options);
}

// @ts-expect-error: an action is a number here
defineProcess({ ...counting, key: (action: string) => action });
