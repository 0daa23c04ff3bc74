import { UsageError } from '../core/errors.ts';
import { type Price, STRUCTURED } from '../core/model.ts';
import { DRESS_POLICIES } from '../core/reply-dress.ts';
import { type GivenModel, interfaceProblem, isAiSdkModel, nameOfModel } from '../models/given-model.ts';
import {
  aboveZero,
  anyWholeNumber,
  atLeastZero,
  flag,
  type Kind,
  listOf,
  number,
  oneOf,
  orWord,
  parseNumber,
  record,
  showGot,
  splitNames,
  text,
  wholeNumber,
} from './kinds.ts';
import { option } from './option.ts';
import { baseUrl, body, headers, jsonObject, reasoning, samplesPerRequest } from './request.ts';

/** A model, given by name or as an object. The journal keeps its name. */
export const model: Kind<GivenModel> = {
  hint: 'id',
  parse: (name) => name,
  problem: (value) => {
    if (typeof value === 'string' && value !== '') return undefined;
    if (isAiSdkModel(value)) return interfaceProblem(value);
    const { generate, id } = (value ?? {}) as { readonly generate?: unknown; readonly id?: unknown };
    if (typeof generate !== 'function') {
      return `expected a name, a model of the AI SDK or an object with \`id\` and \`generate\`, got ${showGot(value)}.`;
    }
    if (typeof id === 'string' && id !== '') return undefined;
    return `expected a model whose \`id\` is its name, by which the journal knows it, got the id ${showGot(id)}.`;
  },
  show: nameOfModel,
  toJson: nameOfModel,
};

export const models = listOf(model, { split: splitNames });

const price: Kind<Price> = {
  ...record<Price>(
    {
      inputUsdPerMTok: atLeastZero(),
      outputUsdPerMTok: atLeastZero(),
      cachedInputUsdPerMTok: atLeastZero(),
      cacheWriteUsdPerMTok: atLeastZero(),
    },
    { required: ['inputUsdPerMTok', 'outputUsdPerMTok'] },
  ),
  hint: 'in,out[,cached]',
  parse: (given) => {
    const parts = given.split(',').map(parseNumber);
    const isPrice = parts.length >= 2 && parts.length <= 3 && parts.every((one) => typeof one === 'number' && one >= 0);
    if (!isPrice) {
      throw new UsageError(
        `expected two or three numbers of at least 0, as in 0.15,0.60 or 0.15,0.60,0.075, got ${showGot(given)}.`,
      );
    }
    const [inputUsdPerMTok, outputUsdPerMTok, cachedInputUsdPerMTok] = parts;
    return { inputUsdPerMTok, outputUsdPerMTok, ...(parts.length === 3 && { cachedInputUsdPerMTok }) };
  },
  show: ({ inputUsdPerMTok, outputUsdPerMTok, cachedInputUsdPerMTok, cacheWriteUsdPerMTok }) => {
    // There is no text for this price.
    if (cacheWriteUsdPerMTok !== undefined) return undefined;
    return [inputUsdPerMTok, outputUsdPerMTok, cachedInputUsdPerMTok].filter((part) => part !== undefined).join(',');
  },
};

/** The model that is asked. */
export const MODEL = {
  /**
   * The model that is asked: simulated:p=0.99,v=0.97 (no network), provider/model (AI SDK), ollama/NAME (likewise
   * lmstudio, vllm, llamacpp, openrouter, litellm), gguf:FILE, or a name that the server at `baseUrl` knows.
   * @example 'openai/gpt-4.1-mini'
   */
  model: option(model, {
    group: 'Model',
    about:
      'The model that is asked: simulated:p=0.99,v=0.97 (no network), provider/model (AI SDK), ollama/NAME (likewise lmstudio, ' +
      'vllm, llamacpp, openrouter, litellm), gguf:FILE, or a name that the server at options.baseUrl knows.',
    example: 'openai/gpt-4.1-mini',
    isJournaled: true,
    isRequired: true,
  }),
  /**
   * An OpenAI-compatible server. Its key is read from MDAP_API_KEY or OPENAI_API_KEY. A query, such as
   * ?api-version=..., is kept without keys in it.
   * @example 'http://localhost:8080/v1'
   */
  baseUrl: option(baseUrl, {
    group: 'Model',
    about:
      'An OpenAI-compatible server. Its key is read from MDAP_API_KEY or OPENAI_API_KEY. A query, such as ?api-version=..., is ' +
      'kept without keys in it.',
    example: 'http://localhost:8080/v1',
    isJournaled: true,
  }),
  /**
   * Price of the model: US dollars per million input, output and, if they have a price of their own, cached input
   * tokens.
   * @default the list price, if it is known; 0 for models on this machine
   * @example '0.15,0.60'
   */
  price: option(price, {
    group: 'Model',
    about:
      'Price of the model: US dollars per million input, output and, if they have a price of their own, cached input tokens.',
    defaultAbout: 'the list price, if it is known; 0 for models on this machine',
    example: '0.15,0.60',
    isJournaled: true,
  }),
  /**
   * Maximum duration of one call.
   * In milliseconds.
   */
  timeoutMs: option(aboveZero(), {
    group: 'Model',
    about: 'Maximum duration of one call.',
    unit: 'milliseconds',
    hint: 'ms',
    isJournaled: true,
  }),
  /** Seed of a simulated model, of sampling on this machine, and of the pauses between retries. */
  seed: option(anyWholeNumber(), {
    group: 'Model',
    about: 'Seed of a simulated model, of sampling on this machine, and of the pauses between retries.',
    isJournaled: true,
  }),
  /**
   * The model samples from the most likely tokens that together have this share of the probability.
   * @default the server's
   */
  topP: option(
    number('a number above 0 and at most 1', (value) => value > 0 && value <= 1),
    {
      group: 'Model',
      about: 'The model samples from the most likely tokens that together have this share of the probability.',
      defaultAbout: "the server's",
      hint: 'p',
      isJournaled: true,
    },
  ),
  /**
   * The service tier of the provider that answers: flex or priority at OpenAI.
   * @default the server's
   * @example 'flex'
   */
  serviceTier: option(text('name'), {
    group: 'Model',
    about: 'The service tier of the provider that answers: flex or priority at OpenAI.',
    defaultAbout: "the server's",
    example: 'flex',
    isJournaled: true,
  }),
  /**
   * A header to send with each request; it may be given several times. The journal keeps no value that looks like a
   * key: give such a header again to resume. An object with all of them.
   * @example 'X-Title=mdap'
   */
  headers: option(headers, {
    group: 'Model',
    about:
      'A header to send with each request; it may be given several times. The journal keeps no value that looks like a key: ' +
      'give such a header again to resume.',
    aboutCode: 'An object with all of them.',
    example: 'X-Title=mdap',
    flag: 'header',
    isJournaled: true,
  }),
  /**
   * Fields to merge into the body of each request to the server at `baseUrl`.
   * @example '{"top_k":20}'
   */
  body: option(body, {
    group: 'Model',
    about: 'Fields to merge into the body of each request to the server at options.baseUrl.',
    example: '{"top_k":20}',
    isJournaled: true,
  }),
  /**
   * How many samples one request to an OpenAI-compatible server asks for: auto, as many as a step draws at once with
   * one prompt, so that the prompt is billed once, where the server can do that; or 1.
   * @default `auto`
   */
  samplesPerRequest: option(samplesPerRequest, {
    group: 'Model',
    about:
      'How many samples one request to an OpenAI-compatible server asks for: auto, as many as a step draws at once with one prompt, ' +
      'so that the prompt is billed once, where the server can do that; or 1.',
    default: 'auto',
    isJournaled: true,
  }),
  /** Options of the provider of an AI SDK model, by its name, as in { openai: { store: false } }. */
  providerOptions: option(
    { ...jsonObject(), parse: undefined, show: () => undefined },
    {
      group: 'Model',
      about: 'Options of the provider of an AI SDK model, by its name, as in { openai: { store: false } }.',
      flag: null,
      isJournaled: true,
    },
  ),
};

/** How samples are drawn from the model. */
export const SAMPLING = {
  /**
   * Maximum length of an answer, without the reasoning before it. A longer one is a red flag.
   * In tokens.
   * @default 750
   */
  maxOutputTokens: option(wholeNumber(), {
    group: 'Model',
    about: 'Maximum length of an answer, without the reasoning before it. A longer one is a red flag.',
    default: 750,
    unit: 'tokens',
    isJournaled: true,
  }),
  /**
   * Temperature of each voter's first sample on a step. none: the model's own.
   * @default 0
   */
  firstTemperature: option(orWord('none', atLeastZero()), {
    group: 'Model',
    about: "Temperature of each voter's first sample on a step. none: the model's own.",
    default: 0,
    hint: 't',
    isJournaled: true,
  }),
  /**
   * Temperature of all later samples. none: the model's own.
   * @default 0.1
   */
  temperature: option(orWord('none', atLeastZero()), {
    group: 'Model',
    about: "Temperature of all later samples. none: the model's own.",
    default: 0.1,
    hint: 't',
    isJournaled: true,
  }),
  /**
   * How much a reasoning model may reason before it answers: off, minimal, low, medium, high, or a maximum number of
   * tokens. Its tokens do not count towards `maxOutputTokens`.
   * @default as much as the model does by itself
   */
  reasoning: option(reasoning, {
    group: 'Model',
    about:
      'How much a reasoning model may reason before it answers: off, minimal, low, medium, high, or a maximum number of tokens. ' +
      'Its tokens do not count towards options.maxOutputTokens.',
    defaultAbout: 'as much as the model does by itself',
    isJournaled: true,
  }),
  /**
   * Whether models are held to the JSON Schema of the reply, for processes that have one: auto, if they can be; on, or
   * else the run pauses; off, never.
   * @default auto, and as before for runs that were started without it
   */
  structured: option(oneOf(STRUCTURED), {
    group: 'Model',
    about:
      'Whether models are held to the JSON Schema of the reply, for processes that have one: auto, if they can be; on, or else the ' +
      'run pauses; off, never.',
    defaultAbout: 'auto, and as before for runs that were started without it',
    isJournaled: true,
  }),
  /**
   * What becomes of a code fence, bold, backticks or reasoning around an answer: strip takes it off before the reply is
   * parsed, none leaves it, as in the paper.
   * @default `strip`
   */
  dress: option(oneOf(DRESS_POLICIES), {
    group: 'Advanced',
    about:
      'What becomes of a code fence, bold, backticks or reasoning around an answer: strip takes it off before the reply is ' +
      'parsed, none leaves it, as in the paper.',
    default: 'strip',
    isJournaled: true,
  }),
  /**
   * Count a reply as a vote although its server has sent it before, to another draw of the same step. By default that
   * is a red flag and pauses the run, because votes on copies of one reply say nothing.
   */
  acceptCopies: option(flag(), {
    group: 'Advanced',
    about:
      'Count a reply as a vote although its server has sent it before, to another draw of the same step. By default that is a ' +
      'red flag and pauses the run, because votes on copies of one reply say nothing.',
    isJournaled: true,
  }),
  /**
   * Take replies as complete whose server does not say that the model finished them. By default each is a red flag,
   * because it may have been cut off.
   */
  acceptUnfinished: option(flag(), {
    group: 'Advanced',
    about:
      'Take replies as complete whose server does not say that the model finished them. By default each is a red flag, because ' +
      'it may have been cut off.',
    isJournaled: true,
  }),
  /**
   * Maximum number of calls in flight.
   * @default 16
   */
  maxConcurrency: option(wholeNumber(), {
    group: 'Speed',
    about: 'Maximum number of calls in flight.',
    default: 16,
    isJournaled: true,
  }),
  /**
   * Maximum number of retries of a call that failed for a reason that may be temporary. An outage or a rate limit of
   * the account uses none of them: it is waited for, five minutes at most.
   * @default 5
   */
  maxRetries: option(wholeNumber({ min: 0 }), {
    group: 'Speed',
    about:
      'Maximum number of retries of a call that failed for a reason that may be temporary. An outage or a rate limit of the account ' +
      'uses none of them: it is waited for, five minutes at most.',
    default: 5,
    isJournaled: true,
  }),
  /**
   * Requests per minute that the provider allows the account. It applies to all runs of this program.
   * @default learned from the provider's answers
   */
  requestsPerMinute: option(aboveZero(), {
    group: 'Speed',
    about: 'Requests per minute that the provider allows the account. It applies to all runs of this program.',
    defaultAbout: "learned from the provider's answers",
    isJournaled: true,
  }),
  /**
   * Tokens per minute that the provider allows the account, input and output together.
   * @default learned from the provider's answers
   */
  tokensPerMinute: option(aboveZero(), {
    group: 'Speed',
    about: 'Tokens per minute that the provider allows the account, input and output together.',
    defaultAbout: "learned from the provider's answers",
    isJournaled: true,
  }),
};
