import { UsageError } from '../core/errors.ts';
import { setVariable } from './provider-keys.ts';
import { isLoopback } from './proxy-settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** An OpenAI-compatible server that is known by its name, as `ollama` in `ollama/qwen3:8b`. */
export interface NamedServer {
  /** The name that its makers write. */
  readonly title: string;
  /** Where it listens unless a variable says otherwise. */
  readonly baseUrl: string;
  /** Variables that say where it listens; the first one that is set is used. */
  readonly urlVariables: readonly string[];
  /** Variables with its key; the first one that is set is used. */
  readonly keyVariables: readonly string[];
  /** Whether it cannot be called without a key. */
  readonly needsKey: boolean;
  /** Whether it computes the replies itself. On this machine its calls then cost nothing. */
  readonly computes: boolean;
  /** Whether it is known to ignore how many choices a request asks for. */
  readonly ignoresCount?: boolean;
  /** Fields that its requests have beside those of others. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Whether it tells of a model what it takes as Ollama does (`/api/show`). */
  readonly showsModels?: boolean;
  /** What to do if nothing listens, as a sentence. */
  readonly start: string;
  /** The command that brings a model that it does not have. */
  readonly bring?: (model: string) => string;
}

/** It tells the cost of a call only to those who ask. */
export const OPENROUTER_FIELDS = { usage: { include: true } };
/** Its proxy may answer from a cache, and heeds no header against that (1.108.7). It sends the field to no provider. */
export const LITELLM_FIELDS = { cache: { 'no-cache': true } };

/**
 * The table of servers by name. Ports, variables and commands are those of each project's own documents; where a project has
 * no variable for its URL, it is `NAME_BASE_URL`.
 */
export const NAMED_SERVERS: Readonly<Record<string, NamedServer>> = {
  ollama: {
    title: 'Ollama',
    baseUrl: 'http://localhost:11434/v1',
    urlVariables: ['OLLAMA_HOST'],
    keyVariables: ['OLLAMA_API_KEY'],
    needsKey: false,
    computes: true,
    ignoresCount: true,
    showsModels: true,
    start: 'Start it with `ollama serve`, or set OLLAMA_HOST to where it runs.',
    bring: (model) => `ollama pull ${model}`,
  },
  lmstudio: {
    title: 'LM Studio',
    baseUrl: 'http://localhost:1234/v1',
    urlVariables: ['LMSTUDIO_BASE_URL', 'LM_STUDIO_API_BASE'],
    keyVariables: ['LMSTUDIO_API_KEY', 'LM_STUDIO_API_KEY'],
    needsKey: false,
    computes: true,
    start: 'Start it with `lms server start`, or set LMSTUDIO_BASE_URL to where it runs.',
  },
  vllm: {
    title: 'vLLM',
    baseUrl: 'http://localhost:8000/v1',
    urlVariables: ['VLLM_BASE_URL', 'HOSTED_VLLM_API_BASE'],
    keyVariables: ['VLLM_API_KEY'],
    needsKey: false,
    computes: true,
    start: 'Start it with `vllm serve MODEL`, or set VLLM_BASE_URL to where it runs.',
  },
  llamacpp: {
    title: 'llama.cpp',
    baseUrl: 'http://localhost:8080/v1',
    urlVariables: ['LLAMACPP_BASE_URL'],
    keyVariables: ['LLAMA_API_KEY'],
    needsKey: false,
    computes: true,
    start: 'Start it with `llama-server -m FILE.gguf`, or set LLAMACPP_BASE_URL to where it runs.',
  },
  openrouter: {
    title: 'OpenRouter',
    baseUrl: 'https://openrouter.ai/api/v1',
    urlVariables: ['OPENROUTER_BASE_URL'],
    keyVariables: ['OPENROUTER_API_KEY'],
    needsKey: true,
    computes: false,
    fields: OPENROUTER_FIELDS,
    start: 'Is there a connection to the internet, or a proxy that HTTPS_PROXY should name?',
  },
  litellm: {
    title: 'LiteLLM',
    baseUrl: 'http://localhost:4000/v1',
    urlVariables: ['LITELLM_BASE_URL', 'LITELLM_API_BASE', 'LITELLM_PROXY_API_BASE'],
    keyVariables: ['LITELLM_API_KEY', 'LITELLM_PROXY_API_KEY', 'LITELLM_MASTER_KEY'],
    needsKey: false,
    computes: false,
    fields: LITELLM_FIELDS,
    start: 'Start it with `litellm --config config.yaml`, or set LITELLM_BASE_URL to where it runs.',
  },
};

export function namedServer(name: string): NamedServer | undefined {
  return Object.hasOwn(NAMED_SERVERS, name) ? NAMED_SERVERS[name] : undefined;
}

/** Where a server is called and with which key. */
export interface ServerPlace {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  /** The variable that has the key, or the first one that could. */
  readonly keyName: string;
  /** It computes the replies itself, and does so on this machine: they cost nothing. */
  readonly isFree: boolean;
}

/** @throws {UsageError} if a variable has something that is no address. */
export function placeOf(server: NamedServer, environment: Environment): ServerPlace {
  const urlVariable = setVariable(server.urlVariables, environment);
  const keyVariable = setVariable(server.keyVariables, environment);
  const baseUrl =
    urlVariable === undefined ? server.baseUrl : baseUrlIn(environment[urlVariable]!.trim(), urlVariable, server);
  return {
    baseUrl,
    apiKey: keyVariable && environment[keyVariable],
    keyName: keyVariable ?? server.keyVariables[0]!,
    isFree: server.computes && isLoopback(new URL(baseUrl).hostname),
  };
}

/**
 * Reads an address as these variables have it: with or without scheme, port and path, as in `0.0.0.0`, `gpu:11434` and
 * `http://localhost:4000`. What a server listens on when it listens everywhere is this machine for its caller.
 */
function baseUrlIn(text: string, variable: string, server: NamedServer): string {
  const usual = new URL(server.baseUrl);
  const hasScheme = /^https?:\/\//i.test(text);
  const url = URL.parse(hasScheme ? text : `http://${text.replace(/^:(?=\d)/, 'localhost:')}`);
  if (url === null || /^[a-z][a-z\d+.-]*:\/\//i.test(text) !== hasScheme) {
    // The value is not repeated in the message, because it may contain a password.
    throw new UsageError(
      `${variable}: expected the address of ${server.title} as in ${server.baseUrl}, got something else.`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError(
      `${variable}: expected the address of ${server.title} as in ${server.baseUrl}, got one with a user, password, query ` +
        `or fragment: set the key in ${server.keyVariables[0]}.`,
    );
  }
  if (!hasScheme && !/:\d+(\/|$)/.test(text)) url.port = usual.port;
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = 'localhost';
  const path = url.pathname.replace(/\/+$/, '');
  return url.origin + (path === '' ? usual.pathname : path);
}
