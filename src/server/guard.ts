import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { Refusal } from '../inspection/refusal.ts';

export interface GuardOptions {
  /** The address at which the server listens, without the port. */
  readonly host: string;
  /** The port, which is known once the server listens. */
  readonly port: () => number;
  /** The token that every client must present; undefined if none is needed. */
  readonly token: string | undefined;
}

/** A page of another site cannot send this header unless the server permits it beforehand, which this server refuses. */
const REQUEST_HEADER = 'x-mdap-request';

/**
 * Lets only those in who may read the journal. It refuses a Host that is not this server's, which was rebound to its address,
 * and an Origin that is not this server's, which asks across sites: both come from pages of other sites in the same browser.
 * The token keeps out others on the network.
 */
export function guard(options: GuardOptions): MiddlewareHandler {
  const { token, port } = options;
  const names = hostNames(options.host);
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (!names.some((name) => isHost(host, name, port()))) {
      throw new Refusal(
        403,
        'forbidden',
        `Host: expected ${names[0]}:${port()}, where this server listens, got ${JSON.stringify(host)}: open the address that ` +
          '`mdap ui` printed.',
      );
    }
    requireSameOrigin(c, host);
    if (token !== undefined) {
      const answer = checkToken(c, { token, port: port() });
      if (answer !== undefined) return answer;
    }
    if (c.req.method === 'POST') requireAsked(c);
    return next();
  };
}

/** Adds the headers that protect every answer, refusals included. */
export function protectiveHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { headers } = c.res;
    const isPicture = headers.get('content-type')?.startsWith('image/svg+xml') ?? false;
    headers.set('content-security-policy', isPicture ? PICTURE_POLICY : POLICY);
    headers.set('x-content-type-options', 'nosniff');
    headers.set('x-frame-options', 'DENY');
    headers.set('referrer-policy', 'no-referrer');
    headers.set('cross-origin-resource-policy', 'same-origin');
    headers.set('cross-origin-opener-policy', 'same-origin');
    if (isData(c.req.path) || c.res.status >= 400) headers.set('cache-control', 'no-store');
    // The pages name the other files, which a new version replaces.
    else if (headers.get('content-type')?.startsWith('text/html')) headers.set('cache-control', 'no-cache');
  };
}

const POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** As an image, a picture runs and loads nothing anyway. Opened by itself, it would be a page of this server. */
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/** Whether a path is anything but a file of the pages. */
export function isData(path: string): boolean {
  return /^\/(api|events)(\/|$)/.test(path);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Writes a host as it stands in a URL. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Returns the names by which clients may call the listening address; the first is the one to show. */
function hostNames(host: string): string[] {
  if (isLoopback(host)) return [...new Set([bracketed(host), 'localhost', '127.0.0.1', '[::1]'])];
  if (host !== '0.0.0.0' && host !== '::') return [bracketed(host)];
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
  return [...new Set([hostname(), 'localhost', ...addresses.map(bracketed)])];
}

function isHost(header: string, name: string, port: number): boolean {
  const wanted = name.toLowerCase();
  const got = header.toLowerCase();
  return got === `${wanted}:${port}` || (port === 80 && got === wanted);
}

function requireSameOrigin(c: Context, host: string): void {
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  const isForeign = origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`;
  // Requests for images and scripts have no Origin. Following a link to the pages is allowed.
  const isAcross = site !== undefined && site !== 'same-origin' && site !== 'none' && isData(c.req.path);
  if (!isForeign && !isAcross) return;
  throw new Refusal(
    403,
    'forbidden',
    `Origin: expected http://${host} or none, got ${JSON.stringify(origin ?? site)}: the journal is read by this server's own ` +
      'pages and by programs, not by other sites.',
  );
}

function requireAsked(c: Context): void {
  if (c.req.header(REQUEST_HEADER) !== '1') {
    throw new Refusal(
      403,
      'forbidden',
      `${REQUEST_HEADER}: expected the header \`${REQUEST_HEADER}: 1\` on requests that change something, got none.`,
    );
  }
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/json(;|$)/i.test(type)) {
    throw new Refusal(415, 'usage', `content-type: expected application/json, got ${JSON.stringify(type)}.`);
  }
}

/**
 * Checks the token of a client.
 * @returns an answer to give instead; undefined if the client may continue
 */
function checkToken(c: Context, { token, port }: { token: string; port: number }): Response | undefined {
  // All ports of a host share their cookies, so the name has the port. The value does not reveal the token, and remains valid
  // after a restart with the same token.
  const name = `mdap-${port}`;
  const session = createHmac('sha256', token).update('mdap ui').digest('base64url');
  const bearer = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (bearer !== undefined && isSame(bearer, token)) return undefined;
  if (isSame(getCookie(c, name) ?? '', session)) return undefined;
  const url = new URL(c.req.url);
  const given = url.searchParams.get('token');
  if (c.req.method === 'GET' && !isData(url.pathname) && given !== null && isSame(given, token)) {
    setCookie(c, name, session, { httpOnly: true, sameSite: 'Strict', path: '/' });
    url.searchParams.delete('token');
    // A path that starts with two slashes must not lead to another host.
    return c.redirect(`${url.pathname.replace(/^\/+/, '/')}${url.search}`, 303);
  }
  throw new Refusal(
    401,
    'unauthorized',
    'token: expected the one that `mdap ui` printed, as ?token=TOKEN in the address of the page, or as the header ' +
      `\`Authorization: Bearer TOKEN\`; got ${(bearer ?? given) ? 'another one' : 'none'}.`,
  );
}

/** Compares two texts in the same time, no matter where they differ. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
