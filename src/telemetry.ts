import type * as OpenTelemetry from '@opentelemetry/api';
import type { Attributes, Context, HrTime, Span } from '@opentelemetry/api';
import type { Clock } from './core/clock.ts';
import type { OnEvent, RunEvent } from './core/events.ts';
import type { SampleEntry, StepEntry } from './core/journal.ts';
import { importPackage } from './models/import-package.ts';
import type { TelemetryOptions } from './options/journal.ts';

type Api = typeof OpenTelemetry;

/** The key under which all copies of `@opentelemetry/api` in this program keep the providers registered with them. */
const REGISTRY = Symbol.for('opentelemetry.js.api.1');

/**
 * Turns the events of one run into spans (the run, its steps, their samples) and metrics, for the providers that are
 * registered with `@opentelemetry/api`. Names are those of the OpenTelemetry conventions for generative AI, as of
 * November 2026 (github.com/open-telemetry/semantic-conventions-genai, `chat` and `invoke_workflow`), and `mdap.*` for the
 * rest. The run's span is a child of the one that is active now.
 *
 * A sample of a step that was voted on ahead is reported, and timed, when its step comes to be decided.
 * @param options.baseUrl the base URL of the models, where they have one
 * @returns a listener of the run's events; undefined where no provider is registered, in which case nothing is loaded
 * @throws {UsageError} when a provider is registered but `@opentelemetry/api` cannot be found.
 */
export async function openTelemetry(
  options: TelemetryOptions & {
    readonly process: string;
    readonly clock: Clock;
    readonly baseUrl: string | undefined;
    /** The user's folder, whose packages are looked at first. */
    readonly folder: string;
  },
): Promise<OnEvent | undefined> {
  const registry = (globalThis as { [REGISTRY]?: { readonly trace?: unknown; readonly metrics?: unknown } })[REGISTRY];
  if (registry?.trace === undefined && registry?.metrics === undefined) return undefined;
  const missing =
    'telemetry: an OpenTelemetry provider is registered, but @opentelemetry/api is found neither in this folder nor beside ' +
    'mdap: npm install @opentelemetry/api, or set `telemetry: false`.';
  const api = (await importPackage('@opentelemetry/api', { folder: options.folder, missing })) as unknown as Api;
  const telemetry = new RunTelemetry(api, options);
  return (event) => telemetry.record(event);
}

class RunTelemetry {
  readonly #api: Api;
  readonly #tracer: ReturnType<Api['trace']['getTracer']>;
  readonly #metrics: ReturnType<typeof createMetrics>;
  readonly #clock: Clock;
  readonly #process: string;
  readonly #server: Attributes;
  readonly #hasContent: boolean;
  readonly #outer: Context;
  readonly #models = new Map<string, AskedModel>();
  /** The spans of the steps that are not decided yet, of which there are few. */
  readonly #steps = new Map<number, { readonly span: Span; readonly context: Context }>();
  #run: { readonly span: Span; readonly context: Context } | undefined;

  constructor(api: Api, options: Parameters<typeof openTelemetry>[0]) {
    this.#api = api;
    this.#tracer = api.trace.getTracer('mdap');
    this.#metrics = createMetrics(api);
    this.#clock = options.clock;
    this.#process = options.process;
    this.#server = options.baseUrl === undefined ? {} : serverOf(options.baseUrl);
    this.#hasContent = options.content ?? false;
    this.#outer = api.context.active();
  }

  record(event: RunEvent): void {
    switch (event.type) {
      case 'run-started':
        this.#startRun(event);
        return;
      case 'sample-landed':
        this.#addSample(event.sample);
        return;
      case 'step-escalated':
        this.#stepAt(event.stepIndex, 0).span.addEvent(
          'mdap.step.escalated',
          { 'mdap.step.rung': event.to, 'mdap.step.reason': event.reason },
          this.#now(),
        );
        this.#metrics.escalations.add(1, { 'mdap.process': this.#process, 'mdap.step.rung': event.to });
        return;
      case 'call-failed':
        // The provider's message is left out, since it may quote the prompt.
        this.#metrics.failures.add(1, { 'mdap.process': this.#process, 'mdap.is_final': event.retryInMs === null });
        return;
      case 'request-adapted': {
        const attributes = { 'gen_ai.request.model': event.model, 'mdap.request.parameter': event.parameter };
        this.#run?.span.addEvent('mdap.request.adapted', attributes, this.#now());
        return;
      }
      case 'drift-alarmed': {
        const { what, events, steps, rate } = event;
        const attributes = { 'mdap.what': what, 'mdap.events': events, 'mdap.steps': steps, 'mdap.rate': rate };
        this.#run?.span.addEvent('mdap.drift', attributes, this.#now());
        return;
      }
      case 'step-decided':
        this.#endStep(event.decision);
        return;
      case 'run-ended':
        this.#endRun(event);
        return;
      default:
        return;
    }
  }

  #startRun({ runId, stepIndex, isResumed }: RunEvent & { type: 'run-started' }): void {
    const attributes = {
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.workflow.name': this.#process,
      'mdap.run.id': runId,
      'mdap.run.first_step': stepIndex,
      'mdap.run.is_resumed': isResumed,
    };
    const options = { attributes, startTime: this.#now() };
    this.#run = this.#open(`invoke_workflow ${this.#process}`, options, this.#outer);
  }

  #addSample(sample: SampleEntry): void {
    const { flag, latencyMs, costUsd, inputTokens, outputTokens, temperature, finishReason, draw } = sample;
    const model = this.#modelOf(sample.model);
    const { context } = this.#stepAt(sample.stepIndex, latencyMs);
    const span = this.#tracer.startSpan(
      model.spanName,
      {
        kind: model.isRemote ? this.#api.SpanKind.CLIENT : this.#api.SpanKind.INTERNAL,
        startTime: this.#now(-latencyMs),
        attributes: {
          ...model.attributes,
          ...(temperature === undefined ? {} : { 'gen_ai.request.temperature': temperature }),
          'gen_ai.response.finish_reasons': [finishReason],
          ...(inputTokens === undefined ? {} : { 'gen_ai.usage.input_tokens': inputTokens }),
          ...(outputTokens === undefined ? {} : { 'gen_ai.usage.output_tokens': outputTokens }),
          'mdap.step.index': sample.stepIndex,
          'mdap.sample.draw': draw,
          'mdap.sample.variant': sample.variant,
          ...(flag === undefined ? {} : { 'mdap.sample.flag': flag.code }),
          ...(costUsd === null ? {} : { 'mdap.cost_usd': costUsd }),
          ...(this.#hasContent ? contentOf(sample) : {}),
        },
      },
      context,
    );
    span.end(this.#now());
    const { samples, flags, cost, tokens, durations } = this.#metrics;
    const named = { ...model.attributes, 'mdap.process': this.#process };
    samples.add(1, named);
    if (flag !== undefined) flags.add(1, { ...named, 'mdap.sample.flag': flag.code });
    if (costUsd !== null) cost.add(costUsd, named);
    if (inputTokens !== undefined) tokens.record(inputTokens, { ...model.attributes, 'gen_ai.token.type': 'input' });
    if (outputTokens !== undefined) tokens.record(outputTokens, { ...model.attributes, 'gen_ai.token.type': 'output' });
    durations.record(latencyMs / 1_000, model.attributes);
  }

  #endStep(decision: StepEntry): void {
    const { stepIndex, tally, settledBy, costUsd, wrong, votes, samples } = decision;
    const { span } = this.#stepAt(stepIndex, decision.latencyMs);
    span.setAttributes({
      'mdap.step.votes': votes,
      'mdap.step.samples': samples,
      'mdap.step.candidates': tally?.length ?? Math.min(1, votes),
      ...(settledBy === undefined ? {} : { 'mdap.step.settled_by': settledBy }),
      ...(costUsd === null ? {} : { 'mdap.cost_usd': costUsd }),
      ...(wrong === undefined ? {} : { 'mdap.step.is_wrong': wrong }),
      ...(this.#hasContent ? { 'mdap.step.action': JSON.stringify(decision.action) } : {}),
    });
    span.end(this.#now());
    this.#steps.delete(stepIndex);
    const attributes = { 'mdap.process': this.#process, 'mdap.step.is_contested': tally !== undefined };
    this.#metrics.votes.record(votes, attributes);
  }

  #endRun({ status }: RunEvent & { type: 'run-ended' }): void {
    // A pause leaves some steps undecided.
    for (const { span } of this.#steps.values()) span.end(this.#now());
    this.#steps.clear();
    this.#run?.span.setAttribute('mdap.run.status', status);
    if (status === 'stopped') this.#run?.span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    this.#run?.span.end(this.#now());
  }

  /** Returns the span of a step. It is opened by the first event of the step, as of `ageMs` ago. */
  #stepAt(stepIndex: number, ageMs: number) {
    let step = this.#steps.get(stepIndex);
    if (step === undefined) {
      const options = { attributes: { 'mdap.step.index': stepIndex }, startTime: this.#now(-ageMs) };
      step = this.#open('mdap.step', options, this.#run?.context ?? this.#outer);
      this.#steps.set(stepIndex, step);
    }
    return step;
  }

  #open(name: string, options: { attributes: Attributes; startTime: HrTime }, parent: Context) {
    const span = this.#tracer.startSpan(name, options, parent);
    return { span, context: this.#api.trace.setSpan(parent, span) };
  }

  #modelOf(id: string): AskedModel {
    let model = this.#models.get(id);
    if (model === undefined) {
      model = askedModel(id, this.#server);
      this.#models.set(id, model);
    }
    return model;
  }

  /** Returns the time as seconds and nanoseconds: OpenTelemetry may take a plain number as time since the program started. */
  #now(shiftMs = 0): HrTime {
    const ms = this.#clock.now() + shiftMs;
    const seconds = Math.floor(ms / 1_000);
    return [seconds, Math.floor((ms - 1_000 * seconds) * 1e6)];
  }
}

function createMetrics({ metrics }: Api) {
  const meter = metrics.getMeter('mdap');
  return {
    votes: meter.createHistogram('mdap.step.votes', {
      description: 'Votes that a step took until it was decided; its count is that of the steps.',
      unit: '{vote}',
      advice: { explicitBucketBoundaries: [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 64, 128] },
    }),
    samples: meter.createCounter('mdap.samples', { description: 'Samples that landed.', unit: '{sample}' }),
    flags: meter.createCounter('mdap.flags', { description: 'Samples with a red flag.', unit: '{sample}' }),
    cost: meter.createCounter('mdap.cost', { description: 'Price of the samples, where it is known.', unit: 'USD' }),
    escalations: meter.createCounter('mdap.escalations', {
      description: 'Steps that were handed on to further voters.',
      unit: '{step}',
    }),
    failures: meter.createCounter('mdap.call.failures', { description: 'Calls that failed.', unit: '{call}' }),
    // The names, units and boundaries of these two are those of the conventions.
    tokens: meter.createHistogram('gen_ai.client.token.usage', {
      description: 'Number of input and output tokens used.',
      unit: '{token}',
      advice: { explicitBucketBoundaries: Array.from({ length: 14 }, (_, power) => 4 ** power) },
    }),
    durations: meter.createHistogram('gen_ai.client.operation.duration', {
      description: 'GenAI operation duration.',
      unit: 's',
      advice: { explicitBucketBoundaries: Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power) },
    }),
  };
}

interface AskedModel {
  readonly spanName: string;
  readonly isRemote: boolean;
  readonly attributes: Attributes;
}

/** The conventions' names of providers whose packages have other names. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = {
  'amazon-bedrock': 'aws.bedrock',
  azure: 'azure.ai.openai',
  google: 'gcp.gemini',
  'google-vertex': 'gcp.vertex_ai',
  mistral: 'mistral_ai',
  moonshotai: 'moonshot_ai',
  xai: 'x_ai',
};

/**
 * Derives the attributes of a model from its id: `provider/model`, `gguf:PATH`, `simulated:...`, or a name that the server at
 * the base URL knows.
 */
function askedModel(id: string, server: Attributes): AskedModel {
  const local = /^(gguf|simulated):/.exec(id)?.[1] ?? (id === 'simulated' ? id : undefined);
  const isServers = local === undefined && server['server.address'] !== undefined;
  const [, provider, hosted] = /^([a-z0-9-]+)\/(.+)$/.exec(id) ?? [];
  const isHosted = local === undefined && !isServers && provider !== undefined;
  const model = isHosted ? hosted! : id;
  // A server at a base URL has the interface of OpenAI, whichever provider it belongs to.
  const name = isHosted
    ? (PROVIDER_NAMES[provider] ?? provider)
    : isServers
      ? 'openai'
      : local === 'gguf'
        ? 'llama.cpp'
        : 'mdap';
  return {
    spanName: `chat ${model}`,
    isRemote: isHosted || isServers,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': name,
      'gen_ai.request.model': model,
      ...(isServers ? server : {}),
    },
  };
}

/** Returns the host and port alone, since a URL may hold a password. */
function serverOf(baseUrl: string): Attributes {
  const url = URL.parse(baseUrl);
  if (url === null) return {};
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { 'server.address': url.hostname, 'server.port': port };
}

/** Returns the text of a sample as attributes. No event has the prompt, which can be made again from state and process. */
function contentOf({ text, finishReason, candidate }: SampleEntry): Attributes {
  const message = { role: 'assistant', parts: [{ type: 'text', content: text }], finish_reason: finishReason };
  return {
    'gen_ai.output.messages': JSON.stringify([message]),
    ...(candidate === undefined ? {} : { 'mdap.sample.candidate': candidate }),
  };
}
