import { UsageError } from '../core/errors.ts';

/** The options of undici's `EnvHttpProxyAgent`; an empty text means none. */
export interface ProxySettings {
  /** It is used for https too if there is no `httpsProxy`. */
  readonly httpProxy: string;
  readonly httpsProxy: string;
  /** Hosts that are called directly, as in `10.0.0.7,.example.com:8080`; `*` for all. This machine always is (`isLoopback`). */
  readonly noProxy: string;
}

/**
 * Whether a host, as `URL.hostname` has it, is this machine. Such a host is asked directly whatever the environment says, as Go
 * and browsers have it: a proxy on another machine would look for the server there, and one on this machine gains nothing. No
 * variable asks for the contrary, and `NO_PROXY` is easily set without it.
 */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/** Servers that listen everywhere tell 0.0.0.0 and [::] as their address. `URL` writes `127.1` as 127.0.0.1. */
const LOOPBACK = /^((.+\.)?localhost\.?|127(\.\d+){3}|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[\da-f]{2}:[\da-f]+\])$/;

/**
 * Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`; the same names in lower case take precedence.
 * @returns undefined if no proxy is set
 * @throws {UsageError} if a proxy is not a URL.
 */
export function proxySettings(environment: Readonly<Record<string, string | undefined>>): ProxySettings | undefined {
  const settingOf = (name: string) => (environment[name.toLowerCase()] ?? environment[name] ?? '').trim();
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) {
    const proxy = settingOf(name);
    if (proxy !== '' && !/^https?:$/.test(URL.parse(proxy)?.protocol ?? '')) {
      // The value is not repeated in the message, because it may contain a password.
      throw new UsageError(
        `${name}: expected a URL as in http://proxy:3128, got something else. Correct it, or unset it.`,
      );
    }
  }
  const settings = {
    httpProxy: settingOf('HTTP_PROXY'),
    httpsProxy: settingOf('HTTPS_PROXY'),
    noProxy: settingOf('NO_PROXY'),
  };
  return settings.httpProxy === '' && settings.httpsProxy === '' ? undefined : settings;
}

/** The name of the variable that sets a proxy for servers behind https, or for others if it is the only one; undefined without one. */
export function proxyVariable(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const names = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'];
  return names.find((name) => (environment[name] ?? '').trim() !== '');
}
