import { UsageError } from '../core/errors.ts';
import type { Model, ModelRequest, Sample } from '../core/model.ts';
import { promptTokens } from '../core/prompt-tokens.ts';
import { TYPICAL_CHARS_PER_TOKEN } from '../core/red-flags.ts';

/** A reply, or what `generate` throws. */
export type ScriptedReply = string | Partial<Sample> | Error;

/**
 * A model with scripted replies, for tests: they come in the order of the calls, or from a function of the request.
 * @throws {UsageError} from `generate` when it is called more often than there are replies.
 */
export function scriptedModel(
  script: readonly ScriptedReply[] | ((request: ModelRequest, call: number) => ScriptedReply | Promise<ScriptedReply>),
): Model & { readonly requests: readonly ModelRequest[] } {
  const requests: ModelRequest[] = [];
  return {
    id: 'scripted',
    price: { inputUsdPerMTok: 0, outputUsdPerMTok: 0 },
    readsSubject: true,
    requests,
    async generate(request) {
      const call = requests.push(request) - 1;
      const reply = typeof script === 'function' ? await script(request, call) : script[call];
      if (reply === undefined) throw new UsageError(`scripted: expected at most ${call} calls, got one more.`);
      if (reply instanceof Error) throw reply;
      const sample = typeof reply === 'string' ? { text: reply } : reply;
      const text = sample.text ?? '';
      return {
        finishReason: 'stop',
        inputTokens: Math.ceil(promptTokens({ user: request.prompt.user }, request.files)),
        outputTokens: Math.ceil(text.length / TYPICAL_CHARS_PER_TOKEN),
        latencyMs: 0,
        ...sample,
        text,
      };
    },
  };
}
