/** It brings back what `fetch` does, except that it follows no redirect, and that a body that does not end breaks off. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createOpenAI } from '@ai-sdk/openai';
import { ModelError } from '../core/errors.ts';
import { systemClock } from '../defaults.ts';
import { aiSdkModel } from './ai-sdk.ts';
import { boundedFetch, MAX_REPLY_BYTES } from './bounded-fetch.ts';

async function serve(t: TestContext, answer: (response: ServerResponse, path: string) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(response, request.url!));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sendForEver(response: ServerResponse): void {
  const megabyte = Buffer.alloc(2 ** 20, 'x');
  const more = () => {
    while (!response.destroyed && response.write(megabyte));
  };
  response.on('drain', more);
  more();
}

const ourFetch = boundedFetch();

describe('boundedFetch', () => {
  it('brings back status, headers and body as they are', async (t) => {
    const url = await serve(t, (response, path) => {
      if (path === '/none') response.writeHead(204).end();
      else if (path === '/zip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('Grüße'));
      else response.writeHead(429, { 'retry-after': '7' }).end('later');
    });
    for (const path of ['/none', '/zip', '/later']) {
      const ours = await ourFetch(url + path, { method: 'POST', body: 'x' });
      const theirs = await fetch(url + path, { method: 'POST', body: 'x' });
      assert.equal(ours.status, theirs.status);
      assert.equal(ours.url, theirs.url);
      assert.equal(ours.headers.get('retry-after'), theirs.headers.get('retry-after'));
      assert.equal(await ours.text(), await theirs.text());
    }
  });

  it('takes a body up to the limit, and breaks off behind it, also where it is compressed', async (t) => {
    const url = await serve(t, (response, path) => {
      if (path === '/whole') response.end(Buffer.alloc(MAX_REPLY_BYTES, 'x'));
      else if (path === '/bomb') {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(MAX_REPLY_BYTES + 1)));
      } else sendForEver(response);
    });
    assert.equal((await (await ourFetch(`${url}/whole`)).text()).length, MAX_REPLY_BYTES);
    for (const path of ['/bomb', '/endless']) {
      await assert.rejects(async () => (await ourFetch(url + path)).text(), /more than 16 MiB/);
    }
  });
});

describe('a provider of the AI SDK with it', () => {
  const ask = async (baseURL: string): Promise<ModelError> => {
    const provider = createOpenAI({ baseURL, apiKey: 'sk-0123456789', fetch: ourFetch });
    const model = aiSdkModel({ model: provider.languageModel('m'), clock: systemClock });
    const { signal } = new AbortController();
    const failure = await model
      .generate({ prompt: { user: 'hi' }, temperature: 0, maxOutputTokens: 9, draw: 0, signal })
      .catch((thrown: unknown) => thrown);
    assert.ok(failure instanceof ModelError, String(failure));
    return failure;
  };

  it('names where a redirect leads, and goes nowhere', async (t) => {
    let asked = 0;
    const other = await serve(t, (response) => response.end(String(asked++)));
    const failure = await ask(await serve(t, (response) => response.writeHead(307, { location: other }).end()));
    assert.deepEqual([failure.code, failure.recovery, failure.statusCode], ['rejected', 'pause', 307]);
    assert.ok(failure.message.includes(`leads to "${other}/", where`), failure.message);
    assert.equal(asked, 0);
  });

  it('fails on a reply that does not end', async (t) => {
    const failure = await ask(await serve(t, sendForEver));
    assert.equal(failure.recovery, 'retry');
    assert.match(failure.message, /more than 16 MiB/);
  });
});
