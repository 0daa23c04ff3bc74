import { UsageError } from '../core/errors.ts';
import type { Price } from '../core/model.ts';
import { DRESS_POLICIES } from '../core/reply-dress.ts';
import { type GivenModel, interfaceProblem, isAiSdkModel, nameOfModel } from '../models/given-model.ts';
import {
  aboveZero,
  anyWholeNumber,
  atLeastZero,
  type Kind,
  listOf,
  oneOf,
  parseNumber,
  record,
  showGot,
  splitNames,
  text,
  wholeNumber,
} from './kinds.ts';
import { option } from './option.ts';

/** A model, given by name or as an object. The journal keeps its name. */
export const model: Kind<GivenModel> = {
  hint: 'id',
  parse: (name) => name,
  problem: (value) => {
    if (typeof value === 'string' && value !== '') return undefined;
    if (isAiSdkModel(value)) return interfaceProblem(value);
    if (typeof (value as { generate?: unknown } | undefined)?.generate === 'function') return undefined;
    return `expected a name, a model of the AI SDK or an object with \`generate\`, got ${showGot(value)}.`;
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
   * An OpenAI-compatible server. Its key is read from MDAP_API_KEY or OPENAI_API_KEY.
   * @example 'http://localhost:8080/v1'
   */
  baseUrl: option(text('url'), {
    group: 'Model',
    about: 'An OpenAI-compatible server. Its key is read from MDAP_API_KEY or OPENAI_API_KEY.',
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
};

/** How samples are drawn from the model. */
export const SAMPLING = {
  /**
   * Maximum length of a reply. A longer one is a red flag.
   * In tokens.
   * @default 750
   */
  maxOutputTokens: option(wholeNumber(), {
    group: 'Model',
    about: 'Maximum length of a reply. A longer one is a red flag.',
    default: 750,
    unit: 'tokens',
    isJournaled: true,
  }),
  /**
   * Temperature of each voter's first sample on a step.
   * @default 0
   */
  firstTemperature: option(atLeastZero(), {
    group: 'Model',
    about: "Temperature of each voter's first sample on a step.",
    default: 0,
    hint: 't',
    isJournaled: true,
  }),
  /**
   * Temperature of all later samples.
   * @default 0.1
   */
  temperature: option(atLeastZero(), {
    group: 'Model',
    about: 'Temperature of all later samples.',
    default: 0.1,
    hint: 't',
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
