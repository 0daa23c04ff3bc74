/**
 * `mdap map` in processes of its own, over a server that lets it down:
 * 1. With 30 % of the calls failing, in every way there is, and killed (SIGKILL) five times at moments from a seed, the same
 *    command goes on each time; in the end every item is decided as it is without faults, and stands in the output once, in
 *    order.
 * 2. What was paid is what the journal counts, and at most the calls in flight at each kill beyond it (J6).
 * 3. A budget is exceeded by no more than the calls in flight.
 * 4. A key that is refused costs one call. A server that goes down costs the calls in flight, ten failures and its probes, and
 *    the map goes on when it is back; where it is down from the start, the same command goes on later.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../src/core/random.ts';
import { systemClock } from '../src/defaults.ts';
import { type OpenAiServer, type OpenAiServerOptions, openAiServer } from '../src/testing/openai-server.ts';
import { mdapProcess, tempFolder } from './fixtures/cli-child.ts';

const AT_ONCE = 8;
/** Few that hold up all others for a second, or one for half a second. */
const FAULTS = { 500: 0.09, half: 0.06, json: 0.06, reset: 0.06, 429: 0.01, hang: 0.02 };
const LATENCY = { medianMs: 10, sigma: 0.5 };
/**
 * Where no call hangs. A process that a busy machine holds up for half a second gives up calls whose replies have arrived: they
 * are paid, and not counted.
 */
const PATIENT = ['--timeout-ms', '60000'];
/** Tests that wait for their children most of the time. */
const concurrency = 4;

describe('a map over a server that lets it down', { concurrency }, () => {
  test('30 % faults and five kills change no result, and cost no more than the calls in flight', async (t) => {
    const bills = new Bills(t, 32);
    const server = await bills.serve({ faults: FAULTS, latency: LATENCY });
    const random = createRandom(7);
    for (let kill = 0; kill < 5; kill++) {
      const { code } = await bills.map({ killAfter: 4 + Math.floor(16 * random()) });
      assert.equal(code, null, 'it was killed before it ended');
    }
    const { items, samples, wasted, wrongSteps } = await bills.finish();
    assert.deepEqual([items, wrongSteps], [{ done: 32, undecided: 0, invalid: 0 }, null]);
    const { answers, requests } = server.stats;
    const failed = requests - (answers[200] ?? 0);
    assert.ok(failed / requests > 0.2, JSON.stringify(answers));
    bills.assertPaid({ samples, wasted, kills: 5 });
  });

  test('a budget holds through faults and a kill, and a higher one goes on', async (t) => {
    const bills = new Bills(t, 30);
    const server = await bills.serve({ faults: { 500: 0.15, half: 0.1, reset: 0.05 }, latency: LATENCY });
    const budget = ['--budget-calls', '50', ...PATIENT];
    assert.equal((await bills.map({ killAfter: 20, options: budget })).code, null);
    const { code, stdout, stderr } = await bills.map({ options: budget });
    const paused = JSON.parse(stdout);
    assert.deepEqual([code, paused.status], [3, 'paused'], stderr);
    assert.match(paused.reason, /budget/);
    assert.ok(paused.samples + (paused.wasted?.samples ?? 0) <= 50);
    // It does not know of what was in flight when it was killed.
    const paid = server.stats.choices;
    assert.ok(paid <= 50 + 2 * AT_ONCE, `${paid} paid`);
    const { samples, wasted } = await bills.finish(['--budget-calls', '1000', ...PATIENT]);
    bills.assertPaid({ samples, wasted, kills: 1 });
  });

  test('it ends its work although nobody reads its messages any more', async (t) => {
    const bills = new Bills(t, 20);
    await bills.serve({ faults: { 500: 0.3 }, latency: LATENCY });
    await bills.finish(PATIENT, '', (child) => child.stderr!.destroy());
  });

  test('a key that is refused costs one call', async (t) => {
    const bills = new Bills(t, 20);
    const server = await bills.serve({ apiKey: 'right' });
    const { code, stderr } = await bills.map({ key: 'wrong', options: PATIENT });
    assert.equal(code, 3);
    assert.match(stderr, /paused: .*HTTP 401.*set MDAP_API_KEY/);
    assert.equal(server.stats.requests, 1);
    await bills.finish(PATIENT, 'right');
    assert.deepEqual([server.stats.choices, server.stats.answers[401]], [bills.leastCalls, 1]);
  });

  test('a server that goes down is left alone, and the map goes on when it is back', async (t) => {
    const bills = new Bills(t, 60);
    await bills.serve({ latency: { medianMs: 50, sigma: 0.5 } });
    const { promise: isAskedMuch, resolve } = Promise.withResolvers<void>();
    bills.onRequest = (count) => {
      if (count === 80) resolve();
    };
    const finished = bills.finish(['--max-concurrency', '32']);
    await isAskedMuch;
    const down = await bills.restart({ faults: { reset: 1 } });
    // Time for its probes, after half a second at the least, a second, two.
    await sleep(3_000);
    const { requests } = down.stats;
    await bills.restart({ latency: LATENCY });
    // A server that has been started again counts its calls from the first one: it may leave out a flagged reply.
    const { samples } = await finished;
    assert.ok(samples >= 3 * 60, `${samples} samples`);
    // All that were in flight when the tenth failed, and the probes.
    assert.ok(requests >= 1 && requests <= 10 + 31 + 4, `${requests} calls while it was down`);
  });

  test('a server that is down from the start pauses the map, and the same command goes on later', async (t) => {
    const bills = new Bills(t, 20);
    const down = await bills.serve({ faults: { reset: 1 } });
    const { code, stderr } = await bills.map({ options: ['--max-retries', '1'] });
    assert.equal(code, 3);
    assert.match(stderr, /paused: .*cannot reach http.*The same command again resumes it/);
    assert.equal(down.stats.requests, 2);
    await down.close();
    assert.equal((await bills.map({ options: ['--max-retries', '1'] })).code, 3);
    await bills.restart({ latency: LATENCY });
    await bills.finish();
  });
});

interface Mapped {
  readonly samples: number;
  readonly wasted: { readonly samples: number; readonly cancelled: number } | null;
  readonly items: unknown;
  readonly wrongSteps: number | null;
}

/** A file of bills, a server that reads them, and the command that maps one over the other. */
class Bills {
  readonly #context: TestContext;
  readonly #folder: string;
  readonly #count: number;
  #server: OpenAiServer | undefined;
  /** Told how many answers have been asked for. */
  onRequest: (count: number) => void = () => {};
  #requests = 0;

  constructor(context: TestContext, count: number) {
    this.#context = context;
    this.#count = count;
    this.#folder = tempFolder(context);
    const lines = Array.from({ length: count }, (_, id) =>
      JSON.stringify({ id, text: `Bill ${id} for ${nameOf(id)}` }),
    );
    writeFileSync(this.#file('bills.jsonl'), `${lines.join('\n')}\n`);
  }

  /** Three votes that agree for each, and two more where one errs. */
  get leastCalls(): number {
    const ids = Array.from({ length: this.#count }, (_, id) => id);
    return ids.reduce((sum, id) => sum + 3 + 2 * Number(errsAt(id)) + Number(babblesAt(id)), 0);
  }

  async serve(options: Omit<OpenAiServerOptions, 'answer' | 'clock' | 'random'>): Promise<OpenAiServer> {
    const server = await openAiServer({
      ...options,
      clock: systemClock,
      random: createRandom(3),
      answer: ({ user, repetition }) => {
        this.onRequest(++this.#requests);
        const id = Number(/Bill (\d+) for/.exec(user)?.[1]);
        const isWrong = repetition === 0 && errsAt(id);
        const name = isWrong ? 'nobody' : nameOf(id);
        const text = repetition === 1 && babblesAt(id) ? `It is ${name}.` : JSON.stringify({ number: id, name });
        return { text, finishReason: 'stop', inputTokens: 100, outputTokens: 10, latencyMs: 0 };
      },
    });
    this.#context.after(() => server.close());
    this.#server = server;
    return server;
  }

  /** Another server in its place. */
  async restart(options: Parameters<Bills['serve']>[0]): Promise<OpenAiServer> {
    await this.#server?.close();
    return this.serve({ ...options, port: Number(new URL(this.#baseUrl).port) });
  }

  /** @param options.killAfter answers that this process has asked for when it is killed */
  map(
    options: {
      readonly killAfter?: number;
      readonly key?: string;
      readonly options?: readonly string[];
      readonly onStart?: (child: ChildProcess) => void;
    } = {},
  ) {
    let child: ChildProcess | undefined;
    const { killAfter, key = '' } = options;
    if (killAfter !== undefined) {
      const last = this.#requests + killAfter;
      this.onRequest = (count) => {
        if (count === last) child?.kill('SIGKILL');
      };
    }
    const files = ['--input', this.#file('bills.jsonl'), '--output', this.#file('names.jsonl')];
    const schema = ['--schema', '{"number":"integer","name":"string"}'];
    const limits = ['--max-concurrency', String(AT_ONCE), '--timeout-ms', '500', '--max-retries', '30', '--seed', '5'];
    const model = ['--base-url', this.#baseUrl, '--model', 'bills', '--price', '0.1,0.4'];
    const args = [
      'map',
      'extract',
      ...files,
      ...schema,
      ...model,
      '--k',
      '3',
      '--escalate',
      'none',
      ...limits,
      '--json',
    ];
    return mdapProcess([...args, ...(options.options ?? [])], {
      cwd: this.#folder,
      environment: { MDAP_API_KEY: key },
      onStart: (started) => {
        child = started;
        options.onStart?.(started);
      },
    });
  }

  /** The same command, to its end: each item once, in order, and right. */
  async finish(options: readonly string[] = [], key = '', onStart?: (child: ChildProcess) => void): Promise<Mapped> {
    const { code, stdout, stderr } = await this.map({ options, key, onStart });
    assert.equal(code, 0, stderr);
    const lines = readFileSync(this.#file('names.jsonl'), 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)).map(({ index, id, result }) => ({ index, id, result })),
      Array.from({ length: this.#count }, (_, id) => ({ index: id, id, result: { number: id, name: nameOf(id) } })),
    );
    return JSON.parse(stdout);
  }

  assertPaid({ samples, wasted, kills }: Pick<Mapped, 'samples' | 'wasted'> & { readonly kills: number }): void {
    const paid = this.#server?.stats.choices ?? 0;
    const known = samples + (wasted?.samples ?? 0);
    assert.ok(paid >= known, `${paid} paid, ${known} counted`);
    const most = known + (wasted?.cancelled ?? 0) + kills * AT_ONCE;
    assert.ok(paid <= most, `${paid} paid, ${known} counted, ${kills} kills`);
  }

  get #baseUrl(): string {
    return this.#server!.baseUrl;
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }
}

function nameOf(id: number): string {
  return ['Ada Byron', 'Alan Turing', 'Grace Hopper'][id % 3]!;
}

/** Its first answer is wrong. */
function errsAt(id: number): boolean {
  return id % 7 === 3;
}

/** Its second answer is none. */
function babblesAt(id: number): boolean {
  return id % 11 === 5;
}
