/**
 * `httpPost` brings back what `fetch` does: the same status, headers and text, whatever a server sends; it sends what it is
 * given, over connections that it keeps; a failure of the network is a `CallFailure` with its cause, one within the body stands
 * in the reply, an abort rejects with its reason and ends the request; a redirect is an answer, proxies are followed as their rules say.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { UsageError } from '../core/errors.ts';
import { CallFailure } from './call-failures.ts';
import { type HttpReply, type HttpTarget, httpPost } from './http-post.ts';
import { isLoopback, proxySettings } from './proxy-settings.ts';

type Answer = (response: ServerResponse, request: IncomingMessage, body: string) => void;

async function serve(t: TestContext, answer: Answer, host = '127.0.0.1') {
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    answer(response, request, body);
  });
  server.on('connection', (socket) => sockets.add(socket));
  await once(server.listen(0, host), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const name = host.includes(':') ? `[${host}]` : host;
  return { server, sockets, url: new URL(`http://${name}:${(server.address() as AddressInfo).port}/v1?a=b`) };
}

function post(url: URL, options: Partial<HttpTarget> = {}): Promise<HttpReply> {
  return httpPost({ url, headers: {}, ...options })('Grüße').reply;
}

function told(headers: Iterable<[string, string]>): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !/^(date|keep-alive)$/.test(name)));
}

describe('httpPost', () => {
  test('brings back what fetch does', async (t) => {
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => response.end('{"a":1}'),
      (response) => response.writeHead(200, { 'x-a': 'ä', 'X-B': 'b' }).end('Grüße \u0000'),
      (response) => response.writeHead(200, { 'content-length': '0' }).end(),
      (response) => response.writeHead(204).end(),
      (response) => response.writeHead(429, 'Slow Down', { 'retry-after': '7' }).end('later'),
      (response) => response.writeHead(529).end('x'.repeat(100_000)),
      (response) => response.writeHead(200).end(Buffer.from([0xff, 0x61])),
      (response) => response.writeHead(304).end(),
      (response) => {
        response.writeEarlyHints({ link: '</a>; rel=preload' });
        response.end('after a hint');
      },
      (response) => {
        response.write('in ');
        setImmediate(() => response.end('parts'));
      },
    ];
    let index = 0;
    const { url } = await serve(t, (response) => answers[index]!(response));
    for (; index < answers.length; index++) {
      const { status, headers, body } = await post(url);
      const expected = await fetch(url, { method: 'POST', body: 'Grüße' });
      assert.equal(status, expected.status, `${index}`);
      assert.deepEqual(told(Object.entries(headers)), told(expected.headers), `${index}`);
      assert.equal(body, await expected.text(), `${index}`);
    }
  });

  test('sends path, headers and text, to an IPv6 address too', async (t) => {
    for (const host of ['127.0.0.1', '::1']) {
      const { url } = await serve(
        t,
        (response, { url, method, headers }, body) => {
          const {
            authorization,
            'content-type': type,
            'content-length': length,
            'accept-encoding': encoding,
          } = headers;
          response.end(JSON.stringify({ url, method, authorization, type, length, encoding, body }));
        },
        host,
      );
      const headers = { authorization: 'Bearer k', 'content-type': 'application/json' };
      assert.deepEqual(JSON.parse((await post(url, { headers })).body as string), {
        url: '/v1?a=b',
        method: 'POST',
        authorization: 'Bearer k',
        type: 'application/json',
        length: '7',
        encoding: 'identity',
        body: 'Grüße',
      });
    }
  });

  test('has many calls in flight, over as many connections, and keeps these', async (t) => {
    const MANY = 256;
    const waiting: ServerResponse[] = [];
    const { url, sockets } = await serve(t, (response, _, body) => {
      response.setHeader('x-body', body);
      // Nobody is answered before all have asked.
      if (waiting.push(response) === MANY) for (const one of waiting.splice(0)) one.end('ok');
    });
    const send = httpPost({ url, headers: {} });
    for (let round = 0; round < 2; round++) {
      const replies = await Promise.all(Array.from({ length: MANY }, (_, call) => send(`${call}`).reply));
      assert.deepEqual(
        replies.map(({ headers }) => headers['x-body']),
        Array.from({ length: MANY }, (_, call) => `${call}`),
      );
      // A connection is free again once all that its reply has started is done.
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(sockets.size, MANY);
  });

  test('reads what is compressed without having asked for it, as far as it goes', async (t) => {
    const encoders = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync };
    for (const [encoding, encode] of Object.entries(encoders)) {
      const texts = ['hello', 'x'.repeat(17 * 2 ** 20)];
      const { url } = await serve(t, (response) =>
        response.writeHead(200, { 'content-encoding': encoding }).end(encode(texts.shift()!)),
      );
      assert.equal((await post(url)).body, 'hello');
      assert.ok((await post(url)).body instanceof Error, encoding);
    }
  });

  test('has the failure in the reply where the body breaks off, goes on for ever, or is not what it says', async (t) => {
    const megabyte = Buffer.alloc(2 ** 20);
    const { url } = await serve(t, (response, { headers }) => {
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
    const expected = { short: /closed|terminated/, garbage: /incorrect header/, endless: /more than 16 MiB/ };
    for (const [kind, message] of Object.entries(expected)) {
      const { status, body } = await post(url, { headers: { 'x-kind': kind } });
      assert.equal(status, 200);
      assert.ok(body instanceof Error, kind);
      assert.match(body.message, message);
    }
  });

  test('rejects with the cause of a network failure', async (t) => {
    const { url } = await serve(t, (response) => response.socket?.resetAndDestroy());
    const failed = (code: RegExp) => (thrown: unknown) =>
      thrown instanceof CallFailure && code.test(String((thrown.cause as { code?: string }).code));
    await assert.rejects(post(url), failed(/ECONNRESET|EPIPE|UND_ERR_SOCKET/));
    await assert.rejects(post(new URL('http://127.0.0.1:1/')), failed(/ECONNREFUSED/));
  });

  test('rejects with the reason of an abort, and hangs up', async (t) => {
    const reason = new Error('no longer needed');
    const isReason = (thrown: unknown) => thrown === reason;
    const hangs = [() => {}, (response: ServerResponse) => response.writeHead(200).write('{"a":')];
    for (const hang of hangs) {
      let asked = (_: ServerResponse) => {};
      const arrived = new Promise<ServerResponse>((resolve) => {
        asked = resolve;
      });
      const { url } = await serve(t, (response) => {
        hang(response);
        asked(response);
      });
      const call = httpPost({ url, headers: {} })('');
      const rejected = assert.rejects(call.reply, isReason);
      const closed = once(await arrived, 'close');
      call.abort(reason);
      await rejected;
      await closed;
    }
  });

  test('an abort before the request is sent sends nothing', async (t) => {
    const { url, server } = await serve(t, (response) => response.end());
    let requests = 0;
    server.on('request', () => requests++);
    const reason = new Error('no longer needed');
    const send = httpPost({ url, headers: {} });
    const call = send('first');
    call.abort(reason);
    await assert.rejects(call.reply, (thrown) => thrown === reason);
    assert.equal((await send('second').reply).status, 200);
    assert.equal(requests, 1);
  });

  test('takes a redirect for an answer: nothing is sent to where it leads', async (t) => {
    let asked = 0;
    const { url: other } = await serve(t, (response) => response.end(`${asked++}`));
    for (const status of [301, 302, 303, 307, 308]) {
      const { url } = await serve(t, (response) =>
        response.writeHead(status, { location: other.href }).end('elsewhere'),
      );
      const reply = await post(url, { headers: { authorization: 'Bearer k' } });
      assert.deepEqual([reply.status, reply.headers.location, reply.body], [status, other.href, 'elsewhere']);
    }
    assert.equal(asked, 0);
  });
});

describe('a proxy', () => {
  /** Stands for a host elsewhere, which the proxy alone knows: nobody resolves it. */
  const ELSEWHERE = 'models.invalid';
  const elsewhere = (url: URL) => new URL(url.href.replace('127.0.0.1', ELSEWHERE));

  /** Forwards plain requests, and opens tunnels; tells of both. */
  async function serveProxy(t: TestContext) {
    const seen: string[] = [];
    const { server, url } = await serve(t, (response, { method, url, headers }, body) => {
      seen.push(`${method} ${url} ${headers['proxy-authorization'] ?? ''}`);
      const onward = requestHttp(url!.replace(ELSEWHERE, '127.0.0.1'), { method, headers }, (reply) => {
        response.writeHead(reply.statusCode!, reply.headers);
        reply.pipe(response);
      });
      onward.end(body);
    });
    server.on('connect', ({ url, headers }, socket: Socket) => {
      seen.push(`CONNECT ${url} ${headers['proxy-authorization'] ?? ''}`);
      const [host, port] = url!.split(':');
      assert.equal(host, ELSEWHERE);
      const onward = connect(Number(port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    return { seen, origin: url.origin, host: url.host };
  }

  test('is asked in place of the server, as the environment says', async (t) => {
    const proxy = await serveProxy(t);
    const url = elsewhere((await serve(t, (response, _, body) => response.end(`told ${body}`))).url);
    /** What the proxy saw; without it nothing comes back. */
    const ask = async (environment: Record<string, string>) => {
      proxy.seen.length = 0;
      const asked = post(url, { proxy: proxySettings(environment) });
      const body = await asked.then(
        (reply) => reply.body,
        (thrown) => assert.ok(thrown instanceof CallFailure),
      );
      assert.equal(body, proxy.seen.length === 0 ? undefined : 'told Grüße');
      return proxy.seen.slice();
    };
    const forwarded = [`POST ${url} `];
    assert.deepEqual(await ask({}), []);
    assert.deepEqual(await ask({ HTTP_PROXY: proxy.origin }), forwarded);
    assert.deepEqual(await ask({ http_proxy: proxy.origin, HTTP_PROXY: 'http://127.0.0.1:1' }), forwarded);
    assert.deepEqual(await ask({ HTTPS_PROXY: proxy.origin }), []);
    for (const noProxy of [ELSEWHERE, '.invalid', '*', `other,${url.host}`]) {
      assert.deepEqual(await ask({ HTTP_PROXY: proxy.origin, NO_PROXY: noProxy }), [], noProxy);
    }
    assert.deepEqual(await ask({ HTTP_PROXY: proxy.origin, NO_PROXY: 'other' }), forwarded);
    const basic = Buffer.from('me:secret').toString('base64');
    assert.deepEqual(await ask({ HTTP_PROXY: `http://me:secret@${proxy.host}` }), [`POST ${url} Basic ${basic}`]);
  });

  test('is not asked for this machine', async (t) => {
    const proxy = await serveProxy(t);
    const proxied = { proxy: proxySettings({ HTTP_PROXY: proxy.origin, NO_PROXY: 'other' }) };
    const { url } = await serve(t, (response, _, body) => response.end(`direct ${body}`));
    for (const host of ['127.0.0.1', 'localhost', '127.1']) {
      const asked = new URL(url.href.replace('127.0.0.1', host));
      assert.equal((await post(asked, proxied)).body, 'direct Grüße', host);
      assert.deepEqual(proxy.seen, [], host);
    }
  });

  test('is for every host but those of this machine', () => {
    const hostnameOf = (host: string) => new URL(`http://${host}:8080/v1`).hostname;
    for (const host of [
      'localhost',
      'LocalHost.',
      'a.localhost',
      '127.0.0.1',
      '127.8.9.10',
      '[::1]',
      '0.0.0.0',
      '[::]',
    ]) {
      assert.ok(isLoopback(hostnameOf(host)), host);
    }
    assert.ok(isLoopback(hostnameOf('[::ffff:127.0.0.1]')));
    for (const host of [
      'localhost.example',
      'my-localhost',
      '128.0.0.1',
      '127.example',
      '[::2]',
      '10.127.0.1',
      '[fe80::1]',
    ]) {
      assert.ok(!isLoopback(hostnameOf(host)), host);
    }
  });

  test('gets a tunnel for https', async (t) => {
    const proxy = await serveProxy(t);
    // Speaks no TLS: that the tunnel leads there is what is told.
    const url = elsewhere((await serve(t, (response) => response.end())).url);
    const secure = new URL(`https://${url.host}/v1`);
    await assert.rejects(post(secure, { proxy: proxySettings({ HTTPS_PROXY: proxy.origin }) }), CallFailure);
    assert.deepEqual(proxy.seen, [`CONNECT ${url.host} `]);
  });

  test('that is down is a network failure, without its password', async (t) => {
    const url = elsewhere((await serve(t, (response) => response.end())).url);
    const proxy = proxySettings({ HTTP_PROXY: 'http://me:secret@127.0.0.1:1' });
    await assert.rejects(post(url, { proxy }), (thrown) => {
      assert.ok(thrown instanceof CallFailure);
      assert.ok(!`${thrown.message} ${thrown.cause}`.includes('secret'));
      return true;
    });
  });

  test('that is no URL is refused at once, without its text', () => {
    for (const proxy of ['me:secret@proxy', 'proxy:3128', 'ftp://secret']) {
      assert.throws(
        () => proxySettings({ HTTPS_PROXY: proxy }),
        (thrown) => thrown instanceof UsageError && !thrown.message.includes('secret'),
      );
    }
    assert.equal(proxySettings({ HTTP_PROXY: ' ', NO_PROXY: 'host' }), undefined);
  });
});
