/**
 * What servers send when they do not answer, word for word, and the verdict on it: whose fault it is, whether to wait and how
 * long, what a person should do. No message holds a key, in whatever form; short keys and our own advice stay readable.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from '../../test/properties.ts';
import { ModelError } from '../core/errors.ts';
import { virtualClock } from '../testing/virtual-clock.ts';
import { CallFailure, Failures, type FailuresOptions } from './call-failures.ts';

const URL_OF_CALL = 'https://host.example/v1/chat/completions';

function failureOf(thrown: Error, options: Partial<FailuresOptions> = {}, hasFiles = false): ModelError {
  const failure = new Failures({ id: 'm', clock: virtualClock(), ...options }).classify(thrown, hasFiles);
  assert.ok(failure instanceof ModelError, String(failure));
  return failure;
}

interface Wire {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function verdictOn(
  { status, body, headers = {} }: Wire,
  options?: Partial<FailuresOptions>,
  hasFiles = false,
): ModelError {
  const responseBody = typeof body === 'string' ? body : JSON.stringify(body);
  const facts = { statusCode: status, responseHeaders: headers, responseBody, url: URL_OF_CALL };
  return failureOf(new CallFailure('no completion', facts), options, hasFiles);
}

/** Answers of servers, by who sends them. */
const WIRE = {
  'Anthropic, no credit': {
    status: 400,
    body: {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message:
          'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
      },
    },
  },
  'OpenAI, no credit': {
    status: 429,
    body: {
      error: {
        message: 'You exceeded your current quota, please check your plan and billing details.',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      },
    },
  },
  'DeepSeek, no credit': { status: 402, body: { error: { message: 'Insufficient Balance', type: 'unknown_error' } } },
  'Google, wrong key': {
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'API key not valid. Please pass a valid API key.',
        status: 'INVALID_ARGUMENT',
        details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }],
      },
    },
  },
  'Google compatible, wrong key': {
    status: 400,
    body: [{ error: { code: 400, message: 'Please pass a valid API key', details: [{ reason: 'API_KEY_INVALID' }] } }],
  },
  'OpenAI, wrong key': {
    status: 401,
    body: { error: { message: 'Incorrect API key provided: no-key.', code: 'invalid_api_key' } },
  },
  'Azure, filter': {
    status: 400,
    body: {
      error: {
        message:
          "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.",
        type: null,
        param: 'prompt',
        code: 'content_filter',
        status: 400,
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      },
    },
  },
  'OpenAI, usage policy': {
    status: 400,
    body: {
      error: {
        message: 'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
        type: 'invalid_request_error',
        code: 'invalid_prompt',
      },
    },
  },
  'OpenRouter, moderation': {
    status: 403,
    body: {
      error: {
        code: 403,
        message: 'Your chosen model requires moderation and your input was flagged for "violence".',
        metadata: { reasons: ['violence'], flagged_input: 'a text...', provider_name: 'OpenAI' },
      },
    },
  },
  'a gateway, for legal reasons': { status: 451, body: 'Unavailable For Legal Reasons' },
  'OpenAI, too long': {
    status: 400,
    body: {
      error: {
        message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
  },
  'Anthropic, too long': {
    status: 400,
    body: {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' },
    },
  },
  'llama.cpp, too long': {
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
      },
    },
  },
  'OpenAI, more than a minute takes': {
    status: 429,
    body: {
      error: {
        message:
          'Request too large for m in organization o on tokens per min (TPM): Limit 10000, Requested 12000. The input or output tokens must be reduced in order to run successfully.',
        type: 'tokens',
        code: 'rate_limit_exceeded',
      },
    },
  },
  'DeepSeek, filter': {
    status: 400,
    body: { error: { message: 'Content Exists Risk', type: 'invalid_request_error', param: null } },
  },
  'nginx, too large': { status: 413, body: '<html><h1>413 Request Entity Too Large</h1></html>' },
  'FastAPI, does not fit': {
    status: 422,
    body: {
      detail: [{ type: 'string_type', loc: ['body', 'messages', 0, 'content'], msg: 'Input should be a string' }],
    },
  },
  'OpenAI, parameter': {
    status: 400,
    body: {
      error: {
        message:
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        type: 'invalid_request_error',
        param: 'max_tokens',
        code: 'unsupported_parameter',
      },
    },
  },
  'OpenAI, value': {
    status: 400,
    body: {
      error: {
        message:
          "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
        type: 'invalid_request_error',
        param: 'temperature',
        code: 'unsupported_value',
      },
    },
  },
  'Google, unknown field': {
    status: 400,
    body: [{ error: { code: 400, message: 'Invalid JSON payload received. Unknown name "seed": Cannot find field.' } }],
  },
  'Anthropic, unknown field': {
    status: 400,
    body: {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'seed: Extra inputs are not permitted' },
    },
  },
  'LiteLLM, parameter': {
    status: 400,
    body: {
      error: {
        message:
          "litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0. Only temperature=1 is supported.",
        type: 'None',
        param: null,
        code: '400',
      },
    },
  },
  'Mistral, extra field': {
    status: 422,
    body: { detail: [{ type: 'extra_forbidden', loc: ['body', 'seed'], msg: 'Extra inputs are not permitted' }] },
  },
  'OpenAI, no such model': {
    status: 404,
    body: {
      error: { message: 'The model `x` does not exist', type: 'invalid_request_error', code: 'model_not_found' },
    },
  },
  'Anthropic, overloaded': {
    status: 529,
    body: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  },
  'Anthropic, overloaded within 200': {
    status: 200,
    body: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  },
  'OpenRouter, 502 within 200': { status: 200, body: { error: { code: 502, message: 'Provider returned error' } } },
  'OpenRouter, 429 within 200': { status: 200, body: { error: { code: 429, message: 'Rate limit exceeded' } } },
  'OpenRouter, 402 within 200': { status: 200, body: { error: { code: '402', message: 'Insufficient credits' } } },
  'OpenRouter, a choice that failed': {
    status: 200,
    body: {
      choices: [
        {
          finish_reason: 'error',
          message: { role: 'assistant', content: 'half' },
          error: { code: 502, message: 'Upstream idle timeout exceeded' },
        },
      ],
    },
  },
  'a gateway, a choice that failed': {
    status: 200,
    body: { choices: [{ finish_reason: 'error', message: { role: 'assistant', content: 'half' } }] },
  },
  'OpenRouter, what its provider said': {
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'Provider returned error',
        metadata: {
          raw: '{"error":{"message":"maximum context length is 4096 tokens","code":"context_length_exceeded"}}',
        },
      },
    },
  },
  'a proxy that wants a password': { status: 407, body: '' },
  'some 400': { status: 400, body: { error: { message: 'bad request' } } },
  'some 403': { status: 403, body: { error: { message: 'Forbidden' } } },
} satisfies Record<string, Wire>;

const OURS = 'pause';
const THEIRS = 'retry';
const EXPECTED: Record<keyof typeof WIRE, [code: string, recovery: string, rest?: object, advice?: RegExp]> = {
  'Anthropic, no credit': ['no-credit', OURS, {}, /"Your credit balance.*top it up/],
  'OpenAI, no credit': ['no-credit', OURS],
  'DeepSeek, no credit': ['no-credit', OURS],
  'Google, wrong key': ['authentication', OURS, {}, /"API key not valid.*set SOME_KEY/],
  'Google compatible, wrong key': ['authentication', OURS],
  'OpenAI, wrong key': ['authentication', OURS],
  'Azure, filter': ['refused', OURS, { isOfPrompt: true }, /content management policy.*change what it says/],
  'OpenAI, usage policy': ['refused', OURS, { isOfPrompt: true }],
  'OpenRouter, moderation': ['refused', OURS, { isOfPrompt: true }, /flagged for \\"violence/],
  'a gateway, for legal reasons': ['refused', OURS, { isOfPrompt: true }],
  'OpenAI, too long': ['rejected', OURS, { isOfPrompt: true }, /shorten it/],
  'Anthropic, too long': ['rejected', OURS, { isOfPrompt: true }, /shorten it/],
  'llama.cpp, too long': ['rejected', OURS, { isOfPrompt: true }, /shorten it/],
  'OpenAI, more than a minute takes': ['rejected', OURS, { isOfPrompt: true }, /shorten it/],
  'DeepSeek, filter': ['refused', OURS, { isOfPrompt: true }],
  'nginx, too large': ['rejected', OURS, { isOfPrompt: true }, /shorten it/],
  'FastAPI, does not fit': ['rejected', OURS, { isOfPrompt: true }, /"messages\.0\.content: Input should be a string"/],
  'OpenAI, parameter': ['rejected', OURS, { parameter: 'max_tokens' }, /does not take "max_tokens".*maxOutputTokens/],
  'OpenAI, value': ['rejected', OURS, { parameter: 'temperature' }, /options\.temperature/],
  'Google, unknown field': ['rejected', OURS, { parameter: 'seed' }, /ask another model/],
  'Anthropic, unknown field': ['rejected', OURS, { parameter: 'seed' }],
  'LiteLLM, parameter': ['rejected', OURS, { parameter: 'temperature' }],
  'Mistral, extra field': ['rejected', OURS, { parameter: 'seed' }],
  'OpenAI, no such model': ['rejected', OURS, {}, /check the model name/],
  'Anthropic, overloaded': ['unavailable', THEIRS],
  'Anthropic, overloaded within 200': ['unavailable', THEIRS, { statusCode: 529 }],
  'OpenRouter, 502 within 200': ['unavailable', THEIRS, { statusCode: 502 }, /HTTP 200, which means 502/],
  'OpenRouter, 429 within 200': ['rate-limit', THEIRS, { statusCode: 429 }, /lower options\.maxConcurrency/],
  'OpenRouter, 402 within 200': ['no-credit', OURS],
  'OpenRouter, a choice that failed': ['unavailable', THEIRS, {}, /"Upstream idle timeout exceeded"/],
  'a gateway, a choice that failed': ['unavailable', THEIRS, {}, /ended by an error/],
  'OpenRouter, what its provider said': ['rejected', OURS, { isOfPrompt: true }, /maximum context length is 4096/],
  'a proxy that wants a password': ['authentication', OURS, {}, /HTTPS_PROXY/],
  'some 400': ['rejected', OURS, { isOfPrompt: false }, /check the model name, the base URL and the options/],
  'some 403': ['authentication', OURS, { isOfPrompt: false }],
};

describe('an answer that is no completion', () => {
  for (const [name, [code, recovery, rest = {}, advice = /./]] of Object.entries(EXPECTED)) {
    it(`means what it says: ${name}`, () => {
      const failure = verdictOn(WIRE[name as keyof typeof WIRE], { keyName: 'SOME_KEY' });
      assert.deepEqual([failure.code, failure.recovery], [code, recovery], failure.message);
      for (const [field, value] of Object.entries(rest)) {
        assert.equal(failure[field as keyof ModelError], value, `${field}: ${failure.message}`);
      }
      assert.match(failure.message, advice);
      if (code !== 'rejected') assert.equal(failure.parameter, undefined);
    });
  }

  it('to a request with a picture says whether the model or the picture is at fault', () => {
    const refusals: [status: number, message: string][] = [
      [400, 'Invalid content type. image_url is only supported by certain models.'],
      [400, 'Image input modality is not enabled for models/gemma-3-1b-it'],
      [404, 'No endpoints found that support image input'],
      [400, 'tiny is not a multimodal model'],
      [400, 'At most 0 image(s) may be provided in one request.'],
      [500, 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj'],
      [500, 'Failed to create new sequence: this model is missing data required for image input'],
      [400, "'messages[0].content' must be a string"],
      [422, 'messages[0]: unknown variant `image_url`, expected `text` at line 1 column 42'],
      [400, "This model doesn't support the image content block that you provided."],
      [400, 'unsupported content[].type'],
      [400, 'Model does not support images. Please use a model that does.'],
      [400, 'This model does not support PDF documents.'],
    ];
    for (const [status, message] of refusals) {
      const wire = { status, body: { error: { message } } };
      const { code, recovery, isOfPrompt } = verdictOn(wire, {}, true);
      assert.deepEqual([code, recovery, isOfPrompt], ['unsupported', 'pause', false], message);
      // It says nothing of a prompt without one.
      assert.notEqual(verdictOn(wire).code, 'unsupported', message);
    }
    const faults: [status: number, message: string][] = [
      [400, 'Could not process image'],
      [
        400,
        "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png'].",
      ],
      [400, 'messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes'],
      [400, 'Unable to process input image. Please retry or report in https://developers.generativeai.google'],
      [400, 'The PDF specified is password protected.'],
      [413, 'image too large'],
    ];
    for (const [status, message] of faults) {
      const { code, isOfPrompt } = verdictOn({ status, body: { error: { message } } }, {}, true);
      assert.deepEqual([code, isOfPrompt], ['rejected', true], message);
    }
    for (const message of ['The server had an error', 'Failed to load model file: it exceeds the memory']) {
      const down = verdictOn({ status: 500, body: { error: { message } } }, {}, true);
      assert.deepEqual([down.code, down.recovery], ['unavailable', 'retry'], message);
    }
  });

  it('does not bring the content of a picture into a message', () => {
    const base64 = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37) % 256)).toString('base64');
    for (const text of [`Invalid url: data:image/png;base64,${base64}`, `{"data":"${base64}"}`]) {
      const { message } = verdictOn({ status: 400, body: { error: { message: text } } }, {}, true);
      assert.ok(!message.includes(base64.slice(0, 20)), message);
    }
  });

  it('names a parameter only where one is at fault', () => {
    for (const name of ['OpenAI, too long', 'Azure, filter', 'FastAPI, does not fit', 'some 400'] as const) {
      assert.equal(verdictOn(WIRE[name]).parameter, undefined, name);
    }
  });

  it('says where a redirect leads, without its query, and is not tried again', () => {
    const headers = { location: 'https://elsewhere.example/login?token=abc' };
    for (const status of [301, 302, 303, 307, 308]) {
      const failure = verdictOn({ status, body: '', headers });
      assert.deepEqual([failure.code, failure.recovery, failure.isOfPrompt], ['rejected', 'pause', false]);
      assert.match(
        failure.message,
        /leads to "https:\/\/elsewhere\.example\/login", where neither the prompt nor the key/,
      );
    }
    assert.match(
      verdictOn({ status: 308, body: '', headers: { location: '/v2' } }).message,
      /leads to "https:\/\/host\.example\/v2"/,
    );
  });

  it('is judged without an exception, whatever it is', () => {
    const value = fc.oneof(fc.constantFrom(null, 7, '', 'x', [], {}, true, 502, '429', [{}]), fc.jsonValue());
    const error = fc.record(
      { message: value, code: value, type: value, param: value, details: value, metadata: value, innererror: value },
      { requiredKeys: [] },
    );
    const document = fc.oneof(
      fc.record({ error: fc.oneof(error, value), detail: value, choices: value }, { requiredKeys: [] }),
      fc.array(fc.record({ error })),
      value,
    );
    fc.assert(
      fc.property(fc.constantFrom(200, 204, 307, 400, 403, 404, 429, 500, 529, 700), document, (status, body) => {
        const { code, recovery, message } = verdictOn({ status, body });
        assert.ok(code !== undefined && recovery !== undefined);
        assert.ok(!message.includes('undefined') || JSON.stringify(body).includes('undefined'), message);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the wait that a server asks for', () => {
  const google = (retryDelay: unknown) => ({
    error: {
      code: 429,
      message: 'You exceeded your current quota.',
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }],
    },
  });
  const waitOf = (body: unknown, headers: Record<string, string> = {}, nowMs = 0) => {
    const failure = verdictOn({ status: 429, body, headers }, { clock: { ...virtualClock(), now: () => nowMs } });
    assert.equal(failure.code, 'rate-limit');
    return failure.retryAfterMs;
  };

  it('is read from a body of Google', () => {
    assert.equal(waitOf(google('40s')), 40_000);
    assert.equal(waitOf(google('2.5s')), 2_500);
    assert.equal(waitOf(google({ seconds: '3', nanos: 500_000_000 })), 3_500);
    for (const none of ['soon', null, {}, '', [], 'NaN']) assert.equal(waitOf(google(none)), undefined);
  });

  it('is read from words', () => {
    const words: [string, number | undefined][] = [
      ['Rate limit reached for m in organization o on tokens per min (TPM). Please try again in 6m0s.', 360_000],
      ['Please try again in 20s. Visit the page to learn more.', 20_000],
      ['Please try again in 1.898s.', 1_898],
      ['Please try again in 350ms.', 350],
      ['Please retry in 40.5s.', 40_500],
      ['Please retry after 26 seconds.', 26_000],
      ['Too many requests: wait 2 minutes and try once more', 120_000],
      ['try again in 1h2m3s', 3_723_000],
      ['try again in 1 hour and 30 minutes', 5_400_000],
      ['limit of 30 requests, try again later', undefined],
      ['try again in 5 months', undefined],
      ['30s', undefined],
    ];
    for (const [message, waitMs] of words) assert.equal(waitOf({ error: { message } }), waitMs, message);
  });

  it('is the reset of the limit of which nothing remains', () => {
    const used = { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-remaining-tokens': '512' };
    const resets = { 'x-ratelimit-reset-requests': '12ms', 'x-ratelimit-reset-tokens': '6m0s' };
    assert.equal(waitOf({}, { ...used, ...resets }), 12);
    assert.equal(waitOf({}, { ...used, ...resets, 'x-ratelimit-remaining-tokens': '0' }), 360_000);
    assert.equal(waitOf({}, { ...resets, 'x-ratelimit-remaining-requests': '3' }), undefined);
    const anthropic = {
      'anthropic-ratelimit-input-tokens-remaining': '0',
      'anthropic-ratelimit-input-tokens-reset': '1970-01-01T00:00:30Z',
    };
    assert.equal(waitOf({}, anthropic, 10_000), 20_000);
    const openRouter = {
      error: { message: 'Rate limit', metadata: { headers: { 'X-RateLimit-Reset': '1741305600000' } } },
    };
    assert.equal(waitOf(openRouter, {}, 1_741_305_595_000), 5_000);
    assert.equal(waitOf({}, { 'x-ratelimit-reset': '1741305600' }, 1_741_305_595_000), 5_000);
    assert.equal(waitOf({}, { 'ratelimit-reset': '17' }), 17_000);
    assert.equal(waitOf({}, { 'x-ratelimit-reset': 'soon' }), undefined);
  });

  it('is the header of the answer before all else', () => {
    assert.equal(waitOf(google('40s'), { 'retry-after': '7', 'x-ratelimit-reset': '90' }), 7_000);
    assert.equal(waitOf(google('40s'), { 'retry-after': '' }), 40_000);
  });
});

describe('a message', () => {
  const KEY = 'sk-proj-+/aB9=zzzzzzzzzzzzzz';
  const said = (text: string, secrets: string[]) =>
    verdictOn({ status: 400, body: { error: { message: text } } }, { secrets }).message;

  it('holds no key, as it is or in a URL, in JSON or in base64 at any place', () => {
    const encoded = encodeURIComponent(KEY);
    const forms = [KEY, encoded, encoded.replace(/%../g, (code) => code.toLowerCase())];
    for (const before of ['', 'u:', ':', 'user:']) {
      forms.push(
        Buffer.from(`${before}${KEY}`).toString('base64'),
        Buffer.from(`${before}${KEY}:x`).toString('base64url'),
      );
    }
    for (const form of forms) {
      const message = said(`wrong: <${form}>`, [KEY]);
      assert.match(message, /wrong: <.{0,8}\[key\].{0,6}>/, form);
      assert.ok(!message.includes('zzzzz') && !message.includes('enp6enp6'), message);
    }
  });

  it('stays readable with the short keys of local servers', () => {
    const text = 'max_tokens: none of the models ollama/x, EMPTY, lm-studio';
    const message = said(text, ['none', 'x', 'ollama', 'EMPTY', 'lm-studio', 'k', '']);
    assert.ok(message.includes(text) && message.includes('check') && !message.includes('[key]'), message);
  });

  it('has our own advice, and the name of the model, unchanged', () => {
    const secrets = ['check the', 'options.baseUrl', 'model m: ', 'resume when'];
    assert.match(said('no', secrets), /^model m: .*: check the model name, the base URL and the options\.$/);
  });

  it('names the proxy where a host is not found', () => {
    const cause = Object.assign(new Error('getaddrinfo ENOTFOUND host.example'), { code: 'ENOTFOUND' });
    const failed = new CallFailure('no reply', { url: URL_OF_CALL, cause });
    const { code, message } = failureOf(failed, { environment: { HTTPS_PROXY: 'http://me:secret@proxy:3128' } });
    assert.equal(code, 'unavailable');
    assert.match(message, /ENOTFOUND.*HTTPS_PROXY.*NODE_USE_ENV_PROXY=1/);
    assert.ok(!message.includes('secret'));
    assert.match(failureOf(failed).message, /Is it running\?$/);
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const down = new CallFailure('no reply', { url: URL_OF_CALL, cause: refused });
    assert.match(
      failureOf(down, { environment: { http_proxy: 'http://proxy' } }).message,
      /Is it running, and the proxy in http_proxy\?/,
    );
  });
});
