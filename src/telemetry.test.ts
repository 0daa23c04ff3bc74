// These tests prove the following: where no provider is registered nothing is listened to; where one is, a run, its steps and
// their samples are spans in one tree, named and counted as the conventions for generative AI say, with the times of the run's
// clock; the metrics add up to the result; no text of a prompt, a reply or a candidate is in anything unless asked for; a paused
// run leaves no span open; a hosted model is told from one of an own server and one on this machine.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Context, context, metrics, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { SampleEntry } from './core/journal.ts';
import type { Model } from './core/model.ts';
import { defineProcess } from './core/process.ts';
import { textOf } from './core/prompt-parts.ts';
import { memoryJournal } from './journals/memory.ts';
import type { RunOptions } from './options.ts';
import { run } from './run.ts';
import { openTelemetry } from './telemetry.ts';
import { virtualClock } from './testing/virtual-clock.ts';

const START_MS = Date.UTC(2026, 10, 26);

const countdown = defineProcess<{ from: number }, number, number>({
  name: 'countdown',
  version: '1',
  start: ({ from }) => from,
  isDone: (state) => state === 0,
  prompt: (state) => ({ user: `secret prompt: what is ${state} minus 1?` }),
  parse: (text, state) => {
    if (!/\d/.test(text)) throw new Error(`no digit at ${state}`);
    return Number(/\d+/.exec(text)![0]);
  },
  apply: (_, action) => action,
});

/** Answers after 100 ms: with a flag at first, then wrong once, then right. */
function model(clock: ReturnType<typeof virtualClock>, id = 'openai/gpt-x'): Model {
  let calls = 0;
  return {
    id,
    price: { inputUsdPerMTok: 1_000, outputUsdPerMTok: 10_000 },
    generate: async ({ prompt }) => {
      await clock.sleep(100);
      const state = Number(/\d+/.exec(textOf(prompt.user))![0]);
      const replies = ['secret nonsense', `secret ${state}9`];
      const text = replies[calls++] ?? `secret ${state - 1}`;
      return { text, finishReason: 'stop', inputTokens: 20, outputTokens: 5, latencyMs: 100 };
    },
  };
}

let spans: InMemorySpanExporter;
let exported: InMemoryMetricExporter;
let reader: PeriodicExportingMetricReader;

function register(): void {
  spans = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }));
  exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  reader = new PeriodicExportingMetricReader({
    exporter: exported,
    exportIntervalMillis: 1e9,
    exportTimeoutMillis: 1e8,
  });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  const active = new AsyncLocalStorage<Context>();
  const manager: Parameters<typeof context.setGlobalContextManager>[0] = {
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: (given, work, self, ...args) => active.run(given, () => work.apply(self, args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
}

async function play(change: Partial<RunOptions> = {}, from = 3) {
  const clock = virtualClock(START_MS);
  const options = { model: model(clock), k: 2, journal: memoryJournal(), runId: 'r-1', clock, speculate: 0, ...change };
  return run(countdown, { from }, options);
}

async function pointsOf(name: string): Promise<DataPoint<number | Histogram>[]> {
  await reader.forceFlush();
  const scopes = exported.getMetrics().at(-1)?.scopeMetrics ?? [];
  const metric = scopes.flatMap((scope) => scope.metrics).find(({ descriptor }) => descriptor.name === name);
  return (metric?.dataPoints ?? []) as DataPoint<number | Histogram>[];
}

const sumOf = (points: readonly DataPoint<number | Histogram>[]) =>
  points.reduce((sum, { value }) => sum + (typeof value === 'number' ? value : (value.sum ?? 0)), 0);
const msOf = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1_000 + nanoseconds / 1e6 - START_MS;
const named = (name: RegExp) => spans.getFinishedSpans().filter((span) => name.test(span.name));
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;

describe('without a provider', () => {
  it('nothing is listened to, and a run goes as ever', async () => {
    const clock = virtualClock();
    const options = { process: 'countdown', clock, baseUrl: undefined, folder: '/' };
    assert.equal(await openTelemetry(options), undefined);
    assert.equal((await play()).status, 'done');
  });
});

describe('with providers', () => {
  beforeEach(register);
  afterEach(() => {
    trace.disable();
    metrics.disable();
    context.disable();
  });

  it('a run, its steps and samples are spans in one tree, at the times of its clock', async () => {
    const seen: string[] = [];
    const outer = trace.getTracer('caller').startSpan('caller');
    const result = await context.with(trace.setSpan(context.active(), outer), () =>
      play({ onEvent: ({ type }) => seen.push(type) }),
    );
    assert.ok(seen.includes('step-decided'), 'the caller still hears of everything');
    const [whole] = named(/^invoke_workflow countdown$/);
    assert.equal(parentOf(whole!), outer.spanContext().spanId);
    assert.deepEqual(whole!.attributes, {
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.workflow.name': 'countdown',
      'mdap.run.id': 'r-1',
      'mdap.run.first_step': 0,
      'mdap.run.is_resumed': false,
      'mdap.run.status': 'done',
    });
    const steps = named(/^mdap\.step$/);
    assert.deepEqual(
      steps.map(({ attributes }) => [attributes['mdap.step.index'], attributes['mdap.step.votes']]),
      [
        [0, 4],
        [1, 2],
        [2, 2],
      ],
    );
    assert.equal(steps[0]!.attributes['mdap.step.candidates'], 2);
    assert.equal(steps[1]!.attributes['mdap.step.candidates'], 1);
    const samples = named(/^chat gpt-x$/);
    assert.equal(samples.length, result.samples);
    for (const sample of samples) {
      const step = steps.find(
        ({ attributes }) => attributes['mdap.step.index'] === sample.attributes['mdap.step.index'],
      )!;
      assert.equal(parentOf(sample), step.spanContext().spanId);
      assert.equal(parentOf(step), whole!.spanContext().spanId);
      assert.equal(sample.kind, SpanKind.CLIENT);
      assert.equal(msOf(sample.endTime) - msOf(sample.startTime), 100);
      assert.ok(msOf(step.startTime) <= msOf(sample.startTime) && msOf(step.endTime) >= msOf(sample.endTime));
      assert.ok(msOf(whole!.startTime) <= msOf(step.startTime) && msOf(whole!.endTime) >= msOf(step.endTime));
    }
    assert.deepEqual(samples[0]!.attributes, {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-x',
      'gen_ai.request.temperature': 0,
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.output_tokens': 5,
      'mdap.step.index': 0,
      'mdap.sample.draw': 0,
      'mdap.sample.variant': 'main',
      'mdap.sample.flag': 'malformed',
      'mdap.cost_usd': 0.07,
    });
  });

  it('the metrics add up to the result', async () => {
    const result = await play();
    assert.equal(sumOf(await pointsOf('mdap.samples')), result.samples);
    assert.equal(sumOf(await pointsOf('mdap.flags')), result.flagged);
    assert.equal(sumOf(await pointsOf('mdap.step.votes')), result.votes);
    assert.ok(Math.abs(sumOf(await pointsOf('mdap.cost')) - result.costUsd!) < 1e-9);
    const contested = (await pointsOf('mdap.step.votes')).map(({ attributes, value }) => [
      attributes['mdap.step.is_contested'],
      (value as Histogram).count,
    ]);
    assert.deepEqual(contested, [
      [true, 1],
      [false, 2],
    ]);
    const tokens = await pointsOf('gen_ai.client.token.usage');
    assert.deepEqual(
      tokens.map(({ attributes, value }) => [attributes['gen_ai.token.type'], (value as Histogram).sum]),
      [
        ['input', result.tokens.input],
        ['output', result.tokens.output],
      ],
    );
    assert.equal((tokens[0]!.value as Histogram).buckets.boundaries.at(-1), 67_108_864);
    const [duration] = await pointsOf('gen_ai.client.operation.duration');
    assert.equal((duration!.value as Histogram).buckets.boundaries.at(-1), 81.92);
    assert.ok(Math.abs((duration!.value as Histogram).sum! - 0.1 * result.samples) < 1e-9);
  });

  it('hold no text of prompts, replies or candidates unless asked for', async () => {
    await play();
    const all = () =>
      JSON.stringify(spans.getFinishedSpans().map(({ name, attributes, events }) => [name, attributes, events]));
    assert.doesNotMatch(all(), /secret|39/);
    spans.reset();
    await play({ telemetry: { content: true } });
    assert.match(all(), /secret nonsense/);
    assert.doesNotMatch(all(), /secret prompt/);
    const [first] = named(/^chat/).filter(({ attributes }) => attributes['mdap.sample.candidate'] === '39');
    assert.deepEqual(JSON.parse(String(first!.attributes['gen_ai.output.messages'])), [
      { role: 'assistant', parts: [{ type: 'text', content: 'secret 39' }], finish_reason: 'stop' },
    ]);
  });

  it('are told nothing where the run says so', async () => {
    await play({ telemetry: false });
    assert.deepEqual(spans.getFinishedSpans(), []);
  });

  it('a run that pauses at an undecided step ends its span', async () => {
    const result = await play({ maxVotes: 2 }, 1);
    assert.equal(result.status, 'paused');
    const [step] = named(/^mdap\.step$/);
    assert.equal(step!.attributes['mdap.step.votes'], undefined);
    const [whole] = named(/^invoke_workflow/);
    assert.equal(whole!.attributes['mdap.run.status'], 'paused');
    assert.equal(whole!.status.code, SpanStatusCode.UNSET);
  });

  it('a run that stops is an error, without the words of the process', async () => {
    const broken = {
      ...countdown,
      apply: () => {
        throw new Error('secret state');
      },
    };
    const clock = virtualClock(START_MS);
    const result = await run(broken, { from: 1 }, { model: model(clock), k: 1, journal: memoryJournal(), clock });
    assert.equal(result.status, 'stopped');
    const [whole] = named(/^invoke_workflow/);
    assert.deepEqual(whole!.status, { code: SpanStatusCode.ERROR });
  });

  it('tell where a model is, with no more of a URL than host and port', async () => {
    const sample = { temperature: 0, finishReason: 'stop', latencyMs: 1, costUsd: null, stepIndex: 0, draw: 0 };
    const told = async (id: string, baseUrl?: string, change: Partial<SampleEntry> = {}) => {
      spans.reset();
      const options = { process: 'p', clock: virtualClock(START_MS), baseUrl, folder: process.cwd() };
      const onEvent = (await openTelemetry(options))!;
      onEvent({ type: 'sample-landed', sample: { ...sample, model: id, variant: 'main', ...change } as SampleEntry });
      const [span] = named(/^chat/);
      const { attributes, kind } = span!;
      const server = attributes['server.address'] && `${attributes['server.address']}:${attributes['server.port']}`;
      return [attributes['gen_ai.provider.name'], attributes['gen_ai.request.model'], server, kind];
    };
    const { CLIENT, INTERNAL } = SpanKind;
    const url = 'https://user:secret@models.example/v1?key=secret';
    assert.deepEqual(await told('mistral/large'), ['mistral_ai', 'large', undefined, CLIENT]);
    assert.deepEqual(await told('groq/a/b'), ['groq', 'a/b', undefined, CLIENT]);
    assert.deepEqual(await told('Qwen/Q3', url), ['openai', 'Qwen/Q3', 'models.example:443', CLIENT]);
    assert.deepEqual(await told('q', 'http://127.0.0.1:8080/v1'), ['openai', 'q', '127.0.0.1:8080', CLIENT]);
    assert.deepEqual(await told('gguf:models/q.gguf', url), ['llama.cpp', 'gguf:models/q.gguf', undefined, INTERNAL]);
    assert.deepEqual(await told('simulated:p=0.9'), ['mdap', 'simulated:p=0.9', undefined, INTERNAL]);
    await told('q', undefined, { kind: 'judgement', judged: 'secret', variant: 'verifier' });
    const [judged] = named(/^chat/);
    assert.equal(judged!.attributes['mdap.sample.variant'], 'verifier');
    assert.doesNotMatch(JSON.stringify(judged!.attributes), /secret/);
  });
});
