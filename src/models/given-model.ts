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

/** The provider's name: `openai` for `openai.responses`. */
export function providerOf({ provider }: LanguageModelV4): string {
  return provider.split('.')[0]!;
}
