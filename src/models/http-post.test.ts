/**
 * `httpPost` is to its caller what `fetch` is: the same status, headers and body, whatever a server sends; it sends what it
 * is given; a failure of the network is a `TypeError` with its cause, an abort its reason; what it does not do itself is done.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { httpPost } from './http-post.ts';

async function serve(
  t: TestContext,
  answer: (response: ServerResponse, request: IncomingMessage, body: string) => void,
): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    answer(response, request, body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1?a=b`;
}

const post = (init: RequestInit = {}): RequestInit => ({ method: 'POST', body: 'Grüße', ...init });

async function told(response: Response) {
  const { status, statusText, ok } = response;
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !/^(date|keep-alive)$/.test(name)));
  return { status, statusText, ok, headers, body: await response.text() };
}

describe('httpPost', () => {
  test('brings back what fetch does', async (t) => {
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => response.end('{"a":1}'),
      (response) => response.writeHead(200, { 'x-a': 'ä', 'set-cookie': 'a=1' }).end('Grüße \u0000'),
      (response) => response.writeHead(200, { 'content-length': '0' }).end(),
      (response) => response.writeHead(204).end(),
      (response) => response.writeHead(429, 'Slow Down', { 'retry-after': '7' }).end('later'),
      (response) => response.writeHead(529).end('x'.repeat(100_000)),
      (response) => {
        response.write('in ');
        setImmediate(() => response.end('parts'));
      },
    ];
    let index = 0;
    const url = await serve(t, (response) => answers[index]!(response));
    for (; index < answers.length; index++) {
      assert.deepEqual(await told(await httpPost(url, post())), await told(await fetch(url, post())), `${index}`);
    }
  });

  test('sends path, headers and text', async (t) => {
    const url = await serve(t, (response, { url, method, headers }, body) => {
      const { authorization, 'content-type': type, 'content-length': length } = headers;
      response.end(JSON.stringify({ url, method, authorization, type, length, body }));
    });
    const headers = { Authorization: 'Bearer k', 'content-type': 'application/json' };
    assert.deepEqual(await (await httpPost(url, post({ headers }))).json(), {
      url: '/v1?a=b',
      method: 'POST',
      authorization: 'Bearer k',
      type: 'application/json',
      length: '7',
      body: 'Grüße',
    });
  });

  test('reads what is compressed without having asked for it, as far as it goes', async (t) => {
    const encoders = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync };
    for (const [encoding, encode] of Object.entries(encoders)) {
      const texts = ['hello', 'x'.repeat(17 * 2 ** 20)];
      const url = await serve(t, (response) =>
        response.writeHead(200, { 'content-encoding': encoding }).end(encode(texts.shift()!)),
      );
      assert.equal(await (await httpPost(url, post())).text(), 'hello');
      await assert.rejects((await httpPost(url, post())).text());
    }
  });

  test('fails in its body where that breaks off, goes on for ever, or is not what it says', async (t) => {
    const megabyte = Buffer.alloc(2 ** 20);
    const url = await serve(t, (response, { headers }) => {
      const kind = headers['x-kind'];
      if (kind === 'short') response.writeHead(200, { 'content-length': '9' }).write('abc', () => response.destroy());
      else if (kind === 'garbage') response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip');
      else {
        const more = () => {
          while (!response.destroyed && response.write(megabyte));
        };
        response.on('drain', more);
        more();
      }
    });
    for (const kind of ['short', 'garbage', 'endless']) {
      const response = await httpPost(url, post({ headers: { 'x-kind': kind } }));
      assert.equal(response.status, 200);
      await assert.rejects(response.text(), kind);
    }
  });

  test('tells a failure of the network with its cause', async (t) => {
    const url = await serve(t, (response) => response.socket?.resetAndDestroy());
    const failed = (code: RegExp) => (thrown: unknown) =>
      thrown instanceof TypeError &&
      thrown.message === 'fetch failed' &&
      code.test(String((thrown.cause as { code?: string }).code));
    await assert.rejects(httpPost(url, post()), failed(/ECONNRESET|EPIPE/));
    await assert.rejects(httpPost('http://127.0.0.1:1/', post()), failed(/ECONNREFUSED/));
  });

  test('ends with the reason of its signal, before, while it waits, and within the body', async (t) => {
    const reason = new Error('no longer needed');
    const isReason = (thrown: unknown) => thrown === reason;
    await assert.rejects(httpPost('http://127.0.0.1:1/', post({ signal: AbortSignal.abort(reason) })), isReason);
    for (const hang of [() => {}, (response: ServerResponse) => response.writeHead(200).write('{"a":')]) {
      const controller = new AbortController();
      const url = await serve(t, (response) => {
        hang(response);
        setImmediate(() => controller.abort(reason));
      });
      await assert.rejects(httpPost(url, post({ signal: controller.signal })), isReason);
    }
  });

  test('follows its server elsewhere, and does what is no POST of a text', async (t) => {
    const url = await serve(t, (response, request, body) => {
      if (request.url === '/there') response.end(`${request.method} ${body}`);
      else response.writeHead(307, { location: '/there' }).end();
    });
    assert.equal(await (await httpPost(url, post())).text(), 'POST Grüße');
    const there = new URL('/there', url);
    assert.equal(await (await httpPost(there)).text(), 'GET ');
    assert.equal(await (await httpPost(there, { method: 'POST', body: Buffer.from('bytes') })).text(), 'POST bytes');
  });
});
