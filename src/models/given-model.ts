import type { LanguageModelV4 } from '@ai-sdk/provider';
import type { Model } from '../core/model.ts';

/** A model as callers give it: its name, a `Model`, or as a model of the AI SDK (`openai('gpt-4.1-mini')`). */
export type GivenModel = string | Model | LanguageModelV4;

/** A model of any version of the SDK. */
export function isAiSdkModel(given: unknown): given is LanguageModelV4 {
  return typeof (given as Partial<LanguageModelV4> | undefined)?.doGenerate === 'function';
}

/** The id of the same model on the command line. */
export function nameOfModel(given: GivenModel): string {
  if (typeof given === 'string') return given;
  return isAiSdkModel(given) ? `${providerOf(given)}/${given.modelId}` : given.id;
}

/** The interface of the AI SDK that is called. */
const INTERFACE = 'v4';

/** What is wrong with a model of another interface of the AI SDK, and what to do; undefined if nothing is. */
export function interfaceProblem(model: LanguageModelV4): string | undefined {
  const version = String(model.specificationVersion);
  if (version === INTERFACE) {
    const isNamed = typeof model.provider === 'string' && typeof model.modelId === 'string';
    return isNamed ? undefined : 'expected an AI SDK model with `provider` and `modelId`, got one without.';
  }
  const expected = `expected an AI SDK model of version ${INTERFACE}, got`;
  if (Number(version.slice(1)) > Number(INTERFACE.slice(1))) {
    return `${expected} the newer ${version}: update mdap, or install an older version of the provider package.`;
  }
  const named = typeof model.provider === 'string' ? providerOf(model) : '';
  const provider = /^[a-z0-9-]+$/.test(named) ? named : 'NAME';
  return (
    `${expected} ${version}, an older interface: install the current version of its provider package, as in ` +
    `\`npm install @ai-sdk/${provider}@latest\` (without @latest, npm chooses an old one on Node before 22).`
  );
}

/** The provider's name: `openai` for `openai.responses`. */
export function providerOf({ provider }: LanguageModelV4): string {
  return provider.split('.')[0]!;
}
