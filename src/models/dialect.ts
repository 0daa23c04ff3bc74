import type { Adaptation, ModelRequest, Reasoning, RequestSetting } from '../core/model.ts';
import type { Prompt } from '../core/process.ts';
import { withText } from '../core/prompt-parts.ts';

/** Efforts of reasoning as servers call them. */
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high'] as const;
export type Effort = (typeof EFFORTS)[number];

/** How requests are put to one model, as far as servers differ. It begins as most take them. */
export interface Dialect {
  /** Name of the maximum of tokens. */
  readonly limit: 'max_tokens' | 'max_completion_tokens';
  /** Settings that are not sent. */
  readonly omits: readonly RequestSetting[];
  /** Whether the system prompt stands before the first user's, because the model has no such role. */
  readonly foldsSystem: boolean;
  /**
   * What is sent in place of an effort that the server does not know; `template`: the chat template of the model is told not to
   * reason.
   */
  readonly efforts: Readonly<Partial<Record<Effort, Effort | 'template'>>>;
  /** The least effort that the server has named, for where its chat template cannot be told not to reason. */
  readonly leastEffort: Effort | undefined;
  /** Tokens for reasoning, because the model has been seen to reason unasked. */
  readonly seenReasoning: number;
  /** Most tokens that the maximum may have for reasoning. */
  readonly maxReasoning: number;
}

export const PLAIN_DIALECT: Dialect = {
  limit: 'max_tokens',
  omits: [],
  foldsSystem: false,
  efforts: {},
  leastEffort: undefined,
  seenReasoning: 0,
  maxReasoning: Number.POSITIVE_INFINITY,
};

/** Tokens for the reasoning of a model that reasons unasked. */
export const UNASKED_REASONING_TOKENS = 16_384;

/** Tokens for each effort: about twice what models use with it. What is not used costs nothing. */
const TOKENS_OF: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 2_048,
  low: 4_096,
  medium: 16_384,
  high: 32_768,
};

/** The effort that is nearest to what a request asks for. */
function effortOf(reasoning: Reasoning): Effort {
  if (reasoning === 'off') return 'none';
  if (typeof reasoning === 'string') return reasoning;
  return EFFORTS.find((effort) => reasoning <= TOKENS_OF[effort]) ?? 'high';
}

/** What the server is sent for the effort of a request; undefined for nothing. */
export function effortSent({ reasoning }: ModelRequest, { omits, efforts }: Dialect): Effort | 'template' | undefined {
  if (reasoning === undefined || omits.includes('reasoning')) return undefined;
  const effort = effortOf(reasoning);
  return efforts[effort] ?? effort;
}

/** The maximum of tokens on the wire: those of the answer, and some for reasoning before it, which most servers count as well. */
export function tokensSent(request: ModelRequest, dialect: Dialect): number {
  return request.maxOutputTokens + reasoningTokensSent(request, dialect);
}

export function reasoningTokensSent({ reasoning }: ModelRequest, { seenReasoning, maxReasoning }: Dialect): number {
  // A number is what its user wants to pay for.
  if (typeof reasoning === 'number') return Math.min(maxReasoning, reasoning);
  const asked = reasoning === undefined ? 0 : TOKENS_OF[effortOf(reasoning)];
  return Math.min(maxReasoning, Math.max(asked, seenReasoning));
}

/** The settings of a request that this dialect does not send; undefined if it sends them all. */
export function omittedOf(request: ModelRequest, { omits }: Dialect): readonly RequestSetting[] | undefined {
  if (omits.length === 0) return undefined;
  const omitted = omits.filter((setting) => request[setting] !== undefined);
  return omitted.length === 0 ? undefined : omitted;
}

/** Another dialect, and what is other in it. */
export interface Change {
  readonly dialect: Dialect;
  readonly adaptation: Adaptation;
}

/** What a server refused, by its words and by the parameter that it named. */
export interface Refusal {
  /** The message of the error, with the words of the server. */
  readonly message: string;
  readonly parameter: string | undefined;
  /** Whether it says of the request that it does not take it as it is. */
  readonly isRejection: boolean;
}

const SYSTEM_WORDS =
  /\bsystem (role|messages?|prompts?|instructions?)\b.{0,40}\bnot (be )?(supported|enabled|allowed)|not support.{0,20}['"`]?system['"`]?|developer instruction is not enabled/i;
/** The value is the fault, not the parameter: another one would be taken. */
const RANGE_WORDS =
  /\b(between|above|below|minimum|maximum|at (most|least)|(greater|less|more|higher|lower|larger) than|range|too (large|big|high|low|small))\b/i;
/** How providers and servers call the schema of a reply, and the grammar that they make of it. */
const SCHEMA_WORDS =
  /response[_ .]?(format|schema|json_?schema|mime_?type)|json[_ ]?schema|structured[_ ]outputs?|text\.format|output_(format|config)|input_schema|guided_(json|decoding)|\bgrammar\b/i;
const REFUSING_WORDS =
  /\b(un(supported|known|recognized|expected)|not (support|permitted|allowed)|n't support|deprecated|only|should be|invalid|literal_error|extra inputs)/i;
const TOO_LONG_WORDS = /\bcontext|too (large|big|high|long)|at most|exceed|maximum|greater than|> \d/i;
const PARAMETERS = ['temperature', 'seed', 'max_tokens', 'reasoning_effort', 'chat_template_kwargs'];

/** How to ask again so that the server may take it; undefined if nothing is known that could help. */
export function adaptedTo(
  refusal: Refusal,
  request: ModelRequest,
  dialect: Dialect,
  { hasTemplate }: { readonly hasTemplate: boolean },
): Change | undefined {
  const { message } = refusal;
  if (SYSTEM_WORDS.test(message)) return foldSystem(request, dialect);
  if (!refusal.isRejection) return undefined;
  const parameter =
    refusal.parameter ?? PARAMETERS.find((name) => REFUSING_WORDS.test(message) && message.includes(name));
  if (request.schema !== undefined && SCHEMA_WORDS.test(refusal.parameter ?? message)) {
    return withReason(omit('schema', request, dialect), message);
  }
  const name = parameter?.replace(/^.*\./, '').toLowerCase();
  if (parameter !== undefined && /reason|think|effort|chat_template/i.test(parameter)) {
    return reasonOtherwise(message, parameter, { request, dialect, hasTemplate });
  }
  if (name === 'temperature' || name === 'seed')
    return RANGE_WORDS.test(message) ? undefined : omit(name, request, dialect);
  if (name === 'max_tokens' && dialect.limit === 'max_tokens' && !TOO_LONG_WORDS.test(message)) {
    return {
      dialect: { ...dialect, limit: 'max_completion_tokens' },
      adaptation: {
        parameter: 'max_tokens',
        message: 'the server does not take max_tokens: it is sent max_completion_tokens',
      },
    };
  }
  const isOfLength = name === undefined || /tokens|messages|context/.test(name);
  return isOfLength && TOO_LONG_WORDS.test(message) ? leaveLessRoom(request, dialect) : undefined;
}

/** A schema may be refused for one keyword in it: the words of the server say which. */
function withReason(change: Change | undefined, message: string): Change | undefined {
  const words = / with ("(?:[^"\\]|\\.)*"): /.exec(message)?.[1];
  if (change === undefined || words === undefined) return change;
  const { dialect, adaptation } = change;
  return { dialect, adaptation: { ...adaptation, message: `${adaptation.message}. It said ${words}` } };
}

function omit(setting: RequestSetting, request: ModelRequest, dialect: Dialect): Change | undefined {
  if (request[setting] === undefined || dialect.omits.includes(setting)) return undefined;
  return {
    dialect: { ...dialect, omits: [...dialect.omits, setting] },
    adaptation: { parameter: setting, message: `the server does not take ${WORDS[setting]}: none is sent` },
  };
}

const WORDS: Readonly<Record<RequestSetting, string>> = {
  temperature: 'a temperature',
  reasoning: 'an effort of reasoning',
  schema: 'a schema of the reply',
  seed: 'a seed',
};

function foldSystem({ prompt }: ModelRequest, dialect: Dialect): Change | undefined {
  if (prompt.system === undefined || dialect.foldsSystem) return undefined;
  const message = 'the model has no system role: the system prompt is sent before the first prompt of the user';
  return { dialect: { ...dialect, foldsSystem: true }, adaptation: { parameter: 'system', message } };
}

/** None in the chat template where none is asked for, else the nearest effort that the server names, else nothing. */
function reasonOtherwise(
  message: string,
  parameter: string,
  {
    request,
    dialect,
    hasTemplate,
  }: { readonly request: ModelRequest; readonly dialect: Dialect; readonly hasTemplate: boolean },
): Change | undefined {
  const sent = effortSent(request, dialect);
  if (sent === undefined) return undefined;
  const wanted = effortOf(request.reasoning!);
  const nearest = sent === 'template' ? dialect.leastEffort : nearestEffort(sent, effortsIn(message, sent));
  const instead = hasTemplate && sent === 'none' ? 'template' : nearest;
  if (instead === undefined) return omit('reasoning', request, dialect);
  const done =
    instead === 'template' ? 'its chat template is told not to reason' : `it is sent ${JSON.stringify(instead)}`;
  const leastEffort = sent === 'none' ? nearest : dialect.leastEffort;
  return {
    dialect: { ...dialect, leastEffort, efforts: { ...dialect.efforts, [wanted]: instead } },
    adaptation: {
      parameter,
      message: `the server does not take ${parameter} for ${WANTED[wanted]} reasoning: ${done}`,
    },
  };
}

const WANTED: Readonly<Record<Effort, string>> = {
  none: 'no',
  minimal: 'minimal',
  low: 'little',
  medium: 'medium',
  high: 'much',
};

function effortsIn(message: string, sent: Effort): Effort[] {
  return EFFORTS.filter((effort) => effort !== sent && new RegExp(`['"\`]${effort}['"\`]`).test(message));
}

function nearestEffort(wanted: Effort, listed: readonly Effort[]): Effort | undefined {
  const place = (effort: Effort) => EFFORTS.indexOf(effort);
  return listed.toSorted((a, b) => Math.abs(place(a) - place(wanted)) - Math.abs(place(b) - place(wanted)))[0];
}

/** A server may allow less than an answer with so much reasoning before it. */
function leaveLessRoom(request: ModelRequest, dialect: Dialect): Change | undefined {
  const sent = reasoningTokensSent(request, dialect);
  if (sent === 0) return undefined;
  const left = sent > 1_024 ? Math.floor(sent / 4) : 0;
  const message = `the server allows fewer tokens: reasoning may take ${left} of them`;
  return { dialect: { ...dialect, maxReasoning: left }, adaptation: { parameter: dialect.limit, message } };
}

/** The prompt for a model that has no system role. */
export function folded({ system, turns = [], user }: Prompt): Prompt {
  if (system === undefined) return { turns, user };
  const [first, ...rest] = turns;
  if (first === undefined) return { user: withText(`${system}\n\n`, user, '') };
  return { turns: [{ ...first, user: `${system}\n\n${first.user}` }, ...rest], user };
}
