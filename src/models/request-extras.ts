/** What each request of a model has beside its prompt and the settings of its draw. */
export interface RequestExtras {
  /** The model samples from the most likely tokens that together have this share of the probability. @default the server's */
  readonly topP?: number;
  /** The provider's name for the service that answers, such as `flex`. @default the server's */
  readonly serviceTier?: string;
  /** Headers; they win over those that are sent otherwise. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Fields to merge into the body of requests to a base URL; they win over those that are sent otherwise. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** Options of the provider of an AI SDK model, by its name. */
  readonly providerOptions?: Readonly<Record<string, unknown>>;
}

/** `auto`: as many as there are at once, where the server takes `n`. */
export type SamplesPerRequest = 'auto' | 1;
