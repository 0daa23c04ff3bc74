/** A hosted provider whose package of the AI SDK is `@ai-sdk/NAME`. */
export interface KeyedProvider {
  /** Variables from which its package reads its key, the usual one first. */
  readonly keyVariables: readonly string[];
  /** A small model of it, as an example. */
  readonly example: string;
}

/** The hosted providers of the AI SDK that need a key, by the names of their packages. */
export const KEYED_PROVIDERS: Readonly<Record<string, KeyedProvider>> = {
  openai: { keyVariables: ['OPENAI_API_KEY'], example: 'gpt-4.1-mini' },
  anthropic: { keyVariables: ['ANTHROPIC_API_KEY'], example: 'claude-haiku-4-5' },
  google: { keyVariables: ['GOOGLE_GENERATIVE_AI_API_KEY'], example: 'gemini-2.5-flash' },
  'google-vertex': { keyVariables: ['GOOGLE_VERTEX_API_KEY'], example: 'gemini-2.5-flash' },
  azure: { keyVariables: ['AZURE_API_KEY'], example: 'gpt-4.1-mini' },
  'amazon-bedrock': {
    keyVariables: ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_ACCESS_KEY_ID'],
    example: 'anthropic.claude-3-5-haiku-20241022-v1:0',
  },
  mistral: { keyVariables: ['MISTRAL_API_KEY'], example: 'mistral-small-latest' },
  groq: { keyVariables: ['GROQ_API_KEY'], example: 'llama-3.1-8b-instant' },
  deepseek: { keyVariables: ['DEEPSEEK_API_KEY'], example: 'deepseek-chat' },
  xai: { keyVariables: ['XAI_API_KEY'], example: 'grok-3-mini' },
  cohere: { keyVariables: ['COHERE_API_KEY'], example: 'command-r-08-2024' },
  togetherai: {
    keyVariables: ['TOGETHER_API_KEY', 'TOGETHER_AI_API_KEY'],
    example: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
  },
  fireworks: { keyVariables: ['FIREWORKS_API_KEY'], example: 'accounts/fireworks/models/deepseek-v3' },
  perplexity: { keyVariables: ['PERPLEXITY_API_KEY'], example: 'sonar' },
  cerebras: { keyVariables: ['CEREBRAS_API_KEY'], example: 'llama3.1-8b' },
};

/** The variable of these that is set, and not to an empty text. */
export function setVariable(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  return names.find((name) => (environment[name] ?? '').trim() !== '');
}
