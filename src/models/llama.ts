import { open } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { ModelError, messageOf, UsageError } from '../core/errors.ts';
import type { Model, ModelRequest, Price, RequestSetting, Sample } from '../core/model.ts';
import type { Prompt } from '../core/process.ts';
import { hasFiles, textOf } from '../core/prompt-parts.ts';
import { createRandom, hashText, mix } from '../core/random.ts';
import type { JsonSchema } from '../core/reply-schema.ts';
import { PLAIN_DIALECT, tokensSent } from './dialect.ts';
import { importPackage } from './import-package.ts';
import { grammarOf } from './json-grammar.ts';
import { type NextTokens, pickToken, ReplyTrees } from './reply-tree.ts';

export interface LlamaModelOptions {
  /** Path of a GGUF file. */
  readonly file: string;
  readonly clock: Clock;
  /** A sample is a function of seed, prompt, temperature and draw number. @default 1 */
  readonly seed?: number;
  /** @default nothing, since it runs on this machine */
  readonly price?: Price;
  /** Folder in which node-llama-cpp is looked for first. @default only beside mdap itself */
  readonly folder?: string;
}

/** The temperature at which a model was trained to predict, for requests without one. */
const OWN_TEMPERATURE = 1;
/** Number of tokens that a draw chooses from: llama.cpp's own default. */
const TOP_TOKENS = 40;
/** Tokens of prompt and reply together; fewer if the model or the memory allows fewer. Prompts of steps are short. */
const MAX_CONTEXT_TOKENS = 8_192;
/** As `Model.whyNoFiles` has it. */
const WHY_NO_FILES =
  'is asked by text alone: serve it by llama-server with its `--mmproj` file, and use options.baseUrl, or choose another model';
/** Number of tokens of a prompt that are computed, kept and discarded together. */
const BLOCK_TOKENS = 32;
/** Maximum number of prompts whose replies are kept, about 1 KB each. */
const MAX_REPLY_NODES = 20_000;

/**
 * Runs a model in a GGUF file, through node-llama-cpp. Calls run one after the other on one sequence: the part that a
 * prompt shares with the one before stays computed, and so does the part that its replies share. (Parallel sequences
 * decode more tokens a second in total, but most draws of a step are the same, and then all but the first are free here.)
 * @throws {UsageError} if the file is not a model that can be loaded, or node-llama-cpp is not installed.
 */
export async function llamaModel(options: LlamaModelOptions): Promise<Model> {
  const { file, clock, price = { inputUsdPerMTok: 0, outputUsdPerMTok: 0 }, seed = 1, folder } = options;
  await requireGguf(file);
  const library = (await importPackage('node-llama-cpp', {
    folder,
    missing: 'gguf: models in files need the package node-llama-cpp; install it: npm install node-llama-cpp.',
  })) as unknown as LlamaCpp;
  const loaded = await load(library, file);
  const { model, wrapper } = loaded;
  const evaluator = new Evaluator(loaded.sequence);
  const grammars = new Grammars(loaded.llama);
  const replies = new ReplyTrees({ mostNodes: MAX_REPLY_NODES });
  let queue: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  function tokenize({ system, turns = [], user }: Prompt & { readonly user: string }): number[] {
    const { contextText } = wrapper.generateContextState({
      chatHistory: [
        ...(system === undefined ? [] : [{ type: 'system' as const, text: system }]),
        ...turns.flatMap((turn) => [
          { type: 'user' as const, text: turn.user },
          { type: 'model' as const, response: [turn.reply] },
        ]),
        { type: 'user', text: user },
        { type: 'model', response: [] },
      ],
    });
    return contextText.tokenize(model.tokenizer);
  }

  async function draw(request: ModelRequest): Promise<Omit<Sample, 'latencyMs'>> {
    const { prompt, temperature, signal } = request;
    const most = tokensSent(request, PLAIN_DIALECT);
    const { system = '', turns = [] } = prompt;
    const user = requireText(prompt);
    const key = JSON.stringify([prompt.system, user, ...turns.flatMap((turn) => [turn.user, turn.reply])]);
    const requireOpen = () => {
      signal.throwIfAborted();
      if (isClosed) throw new UsageError(`gguf: the model ${file} is closed.`);
    };
    requireOpen();
    const tree = replies.open(key, () => tokenize({ ...prompt, user }));
    const inputTokens = tree.prompt.length;
    const room = evaluator.mostTokens - inputTokens;
    if (room < 1) {
      throw new ModelError(
        `gguf: expected a prompt of less than ${evaluator.mostTokens} tokens, got ${inputTokens}: shorten it, or serve ` +
          'the model with a larger context (llama-server) and use options.baseUrl.',
        { code: 'rejected', recovery: 'pause' },
      );
    }
    const earlier = turns.reduce((hash, turn) => hashText(turn.reply, hashText(turn.user, hash)), hashText(system));
    const random = createRandom(mix(seed, hashText(user, earlier), request.draw));
    const maxTokens = Math.min(room, most);
    const grammar = request.schema === undefined ? undefined : await grammars.of(request.schema);
    const omitted = omittedOf(request, grammar);
    const path: number[] = [];
    const replyOf = (finishReason: 'stop' | 'length') => ({
      text: model.detokenize(finishReason === 'stop' ? path.slice(0, -1) : path, false, tree.prompt),
      finishReason,
      inputTokens,
      outputTokens: path.length,
      ...(omitted.length > 0 && { omitted }),
    });
    if (grammar !== undefined) {
      const grammarEvaluationState = new library.LlamaGrammarEvaluationState({ model, grammar });
      const sampling = {
        temperature: temperature ?? OWN_TEMPERATURE,
        seed: Math.floor(random() * 2 ** 32),
        grammarEvaluationState,
      };
      for await (const token of evaluator.reply(tree.prompt, sampling, requireOpen)) {
        path.push(token);
        if (model.isEogToken(token)) return replyOf('stop');
        if (path.length === maxTokens) break;
      }
      return replyOf('length');
    }
    for (let node = tree.root; path.length < maxTokens; ) {
      requireOpen();
      node.next ??= await evaluator.next(tree.prompt, path, requireOpen);
      const token = pickToken(node.next, temperature ?? OWN_TEMPERATURE, random);
      path.push(token);
      if (model.isEogToken(token)) return replyOf('stop');
      node = replies.descend(key, node, token);
    }
    return replyOf('length');
  }

  return {
    id: `gguf:${file}`,
    price,
    whyNoFiles: WHY_NO_FILES,
    async generate(request) {
      const { signal } = request;
      const startMs = clock.monotonicMs();
      const reply = queue.then(() => draw(request));
      queue = reply.catch(() => {});
      // On abort, a draw that waits for its turn ends at once.
      const sample = await Promise.race([reply, rejectedOnAbort(signal)]);
      return { ...sample, latencyMs: clock.monotonicMs() - startMs };
    },
    async close() {
      isClosed = true;
      await queue;
      await loaded.dispose();
    },
  };
}

/** A file has no effort to set: there is room for reasoning, and nothing more. */
function omittedOf({ reasoning, schema }: ModelRequest, grammar: LlamaGrammar | undefined): RequestSetting[] {
  const isFree = schema !== undefined && grammar === undefined;
  return [...(reasoning === undefined ? [] : (['reasoning'] as const)), ...(isFree ? (['schema'] as const) : [])];
}

/** The grammars of schemas, each made once. */
class Grammars {
  readonly #llama: Llama;
  readonly #made = new WeakMap<JsonSchema, Promise<LlamaGrammar | undefined>>();

  constructor(llama: Llama) {
    this.#llama = llama;
  }

  /** @returns undefined for one that llama.cpp does not take: then draws are not held to it */
  of(schema: JsonSchema): Promise<LlamaGrammar | undefined> {
    let made = this.#made.get(schema);
    if (made === undefined) {
      made = this.#llama.createGrammar({ grammar: grammarOf(schema) }).catch(() => undefined);
      this.#made.set(schema, made);
    }
    return made;
  }
}

/** @throws {ModelError} `unsupported` for a prompt with files. */
function requireText({ user }: Prompt): string {
  if (!hasFiles(user)) return textOf(user);
  throw new ModelError(`gguf: a model in a file ${WHY_NO_FILES}.`, { code: 'unsupported', recovery: 'pause' });
}

function rejectedOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function requireGguf(file: string): Promise<void> {
  const start = Buffer.alloc(4);
  try {
    await using handle = await open(file);
    await handle.read(start, 0, start.length);
  } catch (thrown) {
    const isMissing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UsageError(
      `gguf: expected the path of a model file, got ${JSON.stringify(file)}: ${isMissing ? 'there is no such file' : messageOf(thrown)}.`,
      { cause: thrown },
    );
  }
  if (start.toString('latin1') !== 'GGUF') {
    throw new UsageError(`gguf: expected a model file in GGUF format, but ${JSON.stringify(file)} is not one.`);
  }
}

async function load(library: LlamaCpp, file: string) {
  let complaint: string | undefined;
  try {
    const llama = await library.getLlama({
      // It never compiles: a missing binary is reported as missing.
      build: 'never',
      logLevel: 'error',
      logger: (_, message) => {
        complaint ??= message.trim();
      },
    });
    try {
      const model = await llama.loadModel({ modelPath: file });
      // The template in the file is the one that the model was trained with; without one, a guess from its name.
      const type = model.fileInfo.metadata.tokenizer?.chat_template === undefined ? 'auto' : 'jinjaTemplate';
      const wrapper = library.resolveChatWrapper(model, { type });
      // All threads spin until the slowest one is done: without a spare core, any other load slows each token down
      // many
      // times over.
      const threads = Math.max(1, llama.cpuMathCores - 1);
      const context = await model.createContext({ contextSize: { max: MAX_CONTEXT_TOKENS }, threads });
      return { llama, model, wrapper, sequence: context.getSequence(), dispose: () => llama.dispose() };
    } catch (thrown) {
      await llama.dispose();
      throw thrown;
    }
  } catch (thrown) {
    throw new UsageError(
      `gguf: ${JSON.stringify(file)} cannot be loaded: ${complaint ?? messageOf(thrown)}. If the file is complete, install ` +
        'node-llama-cpp again, or use a smaller model.',
      { cause: thrown },
    );
  }
}

/**
 * Computes the logits after a prompt and the reply so far. They do not depend on what was computed before: a prompt is computed
 * in blocks that start at multiples of their size, a reply token by token, and only whole blocks are kept for another
 * prompt. (Sums over other batches round differently, and a draw near a tie could change.)
 */
class Evaluator {
  readonly #sequence: LlamaSequence;
  /** Number of tokens of the sequence that were computed as a prompt. */
  #heldPrompt = 0;

  constructor(sequence: LlamaSequence) {
    this.#sequence = sequence;
  }

  /** Maximum tokens of prompt and reply together; with one more, node-llama-cpp would discard the beginning. */
  get mostTokens(): number {
    return this.#sequence.contextSize - 1;
  }

  /** @param proceed is called before each batch, and throws if the answer is no longer wanted */
  async next(prompt: readonly number[], path: readonly number[], proceed: () => void): Promise<NextTokens> {
    const rest = await this.#advance(prompt, [...prompt, ...path], proceed);
    const last: EvaluatedToken = [rest.at(-1)!, { generateNext: { logits: { filter: { includeTop: TOP_TOKENS } } } }];
    const outputs = await this.#sequence.controlledEvaluate([...rest.slice(0, -1), last]);
    return [...outputs.at(-1)!.next.logits!];
  }

  /** The tokens of a reply that is held to a grammar, as llama.cpp itself draws them. @param proceed as for `next` */
  async *reply(prompt: readonly number[], sampling: LlamaSampling, proceed: () => void): AsyncGenerator<number> {
    const rest = await this.#advance(prompt, prompt, proceed);
    const options = { ...sampling, topK: TOP_TOKENS, topP: 1, minP: 0, yieldEogToken: true };
    for await (const token of this.#sequence.evaluate(rest, options)) {
      yield token;
      proceed();
    }
  }

  /** Computes all but the last tokens, which are returned: they are one batch. */
  async #advance(prompt: readonly number[], tokens: readonly number[], proceed: () => void): Promise<number[]> {
    const sequence = this.#sequence;
    let at = this.#reusable(prompt, tokens);
    await sequence.adaptStateToTokens(tokens.slice(0, at), false);
    this.#heldPrompt = prompt.length;
    for (;;) {
      proceed();
      const end = at < prompt.length ? Math.min(prompt.length, nextMultiple(at, BLOCK_TOKENS)) : at + 1;
      if (end === tokens.length) return tokens.slice(at);
      await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, end));
      at = end;
    }
  }

  /** Number of tokens that need not be computed again. The last token always is, for its logits. */
  #reusable(prompt: readonly number[], tokens: readonly number[]): number {
    const held = this.#sequence.contextTokens;
    let common = 0;
    while (common < tokens.length - 1 && common < held.length && held[common] === tokens[common]) common++;
    if (this.#heldPrompt === prompt.length && common >= prompt.length) return common;
    const asPrompt = Math.min(common, this.#heldPrompt, prompt.length);
    return asPrompt - (asPrompt % BLOCK_TOKENS);
  }
}

function nextMultiple(of: number, size: number): number {
  return of - (of % size) + size;
}

/** The parts of node-llama-cpp that are used; its own types exist only if it is installed. */
interface LlamaCpp {
  getLlama(options: {
    build: 'never';
    logLevel: 'error';
    logger: (level: string, message: string) => void;
  }): Promise<Llama>;
  resolveChatWrapper(model: LlamaCppModel, options: { type: 'auto' | 'jinjaTemplate' }): ChatWrapper;
  readonly LlamaGrammarEvaluationState: new (options: {
    readonly model: LlamaCppModel;
    readonly grammar: LlamaGrammar;
  }) => LlamaGrammarEvaluationState;
}

interface LlamaGrammar {
  readonly grammar: string;
}

/** How far a reply has come in its grammar. */
interface LlamaGrammarEvaluationState {
  clone(): LlamaGrammarEvaluationState;
}

interface LlamaSampling {
  readonly temperature: number;
  /** 32 bits. */
  readonly seed: number;
  readonly grammarEvaluationState: LlamaGrammarEvaluationState;
}

interface Llama {
  readonly cpuMathCores: number;
  loadModel(options: { modelPath: string }): Promise<LlamaCppModel>;
  createGrammar(options: { grammar: string }): Promise<LlamaGrammar>;
  /** Disposes of its models and their contexts too. */
  dispose(): Promise<void>;
}

interface LlamaCppModel {
  readonly tokenizer: unknown;
  readonly fileInfo: { readonly metadata: { readonly tokenizer?: { readonly chat_template?: string } } };
  createContext(options: { contextSize: { max: number }; threads: number }): Promise<LlamaContext>;
  isEogToken(token: number): boolean;
  detokenize(tokens: readonly number[], specialTokens: boolean, lastTokens: readonly number[]): string;
}

interface LlamaContext {
  getSequence(): LlamaSequence;
}

type EvaluatedToken = number | [number, { generateNext: { logits: { filter: { includeTop: number } } } }];

interface LlamaSequence {
  readonly contextSize: number;
  readonly contextTokens: readonly number[];
  adaptStateToTokens(tokens: readonly number[], allowShift: boolean): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  evaluate(
    tokens: readonly number[],
    options: LlamaSampling & { topK: number; topP: number; minP: number; yieldEogToken: boolean },
  ): AsyncIterable<number>;
  controlledEvaluate(
    tokens: readonly EvaluatedToken[],
  ): Promise<readonly ({ readonly next: { readonly logits?: ReadonlyMap<number, number> } } | undefined)[]>;
}

interface ChatWrapper {
  generateContextState(options: {
    chatHistory: readonly (
      | { type: 'system' | 'user'; text: string }
      | { type: 'model'; response: readonly string[] }
    )[];
  }): { readonly contextText: { tokenize(tokenizer: unknown): number[] } };
}
