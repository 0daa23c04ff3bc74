import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Price } from '../core/model.ts';
import { findPackage } from './import-package.ts';
import { listModels } from './listed-models.ts';
import { NAMED_SERVERS, type NamedServer, placeOf } from './named-servers.ts';
import { catalogPrice, gatewayPrice, serverPrice } from './prices.ts';
import { KEYED_PROVIDERS, setVariable } from './provider-keys.ts';
import { isLoopback, proxySettings } from './proxy-settings.ts';

/** A server on this machine answers well within this time; one that does not is not worth waiting for. */
const PROBE_TIMEOUT_MS = 300;
/** Folders in which model files are looked for. */
const MODEL_FOLDERS = ['.', 'models', '.models'];
/** A model file in parts is named by its first one. */
const LATER_PART = /-(?!00001-of)\d{5}-of-\d{5}\.gguf$/i;

/** A model by the name that `--model` takes. */
interface ReachableModel {
  readonly model: string;
  /** Null if it is not known. */
  readonly price: Price | null;
}

export interface ReachableProvider {
  readonly provider: string;
  /** The variable that has its key, never the key; null if none is set. */
  readonly keyVariable: string | null;
  /** The variable in which its key is expected. */
  readonly expectedVariable: string;
  readonly packageName: string;
  /** The version of its package; null if that is not installed. */
  readonly installed: string | null;
  readonly example: ReachableModel;
}

export interface ReachableServer {
  readonly server: string;
  readonly title: string;
  readonly baseUrl: string;
  /** The variable that has its key, never the key; null if none is set. */
  readonly keyVariable: string | null;
  /** Null if it was not asked: it is elsewhere, and only its key is known. */
  readonly models: readonly ReachableModel[] | null;
}

interface ReachableFile {
  readonly model: string;
  readonly bytes: number;
}

/** What can be given as `--model` here and now. */
export interface ReachableModels {
  readonly providers: readonly ReachableProvider[];
  readonly servers: readonly ReachableServer[];
  readonly files: readonly ReachableFile[];
  /** Names of servers that were asked and gave no list of models. */
  readonly silent: readonly string[];
}

export interface ReachableModelsOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Folder beside which packages and model files are looked for. */
  readonly folder: string;
  /** @default NAMED_SERVERS */
  readonly servers?: Readonly<Record<string, NamedServer>>;
}

/**
 * Finds providers whose key is set or whose package is installed, servers on this machine that list their models, or elsewhere
 * if a variable says where, gateways whose key is set, and model files nearby. Nothing on the internet is asked.
 * @throws {UsageError} if a variable with the address of a server or proxy has something that is none.
 */
export async function reachableModels(options: ReachableModelsOptions): Promise<ReachableModels> {
  const named = Object.entries(options.servers ?? NAMED_SERVERS);
  const [providers, servers] = await Promise.all([
    Promise.all(Object.keys(KEYED_PROVIDERS).map((provider) => providerAt(provider, options))),
    Promise.all(named.map(([name, server]) => serverAt(name, server, options))),
  ]);
  const found = <T>(all: readonly (T | undefined)[]) => all.filter((one) => one !== undefined);
  return {
    providers: found(providers),
    servers: found(servers.filter((one) => typeof one !== 'string')),
    files: filesNear(options.folder),
    silent: servers.filter((one) => typeof one === 'string'),
  };
}

async function providerAt(
  provider: string,
  { environment, clock, folder }: ReachableModelsOptions,
): Promise<ReachableProvider | undefined> {
  const { keyVariables, example } = KEYED_PROVIDERS[provider]!;
  const packageName = `@ai-sdk/${provider}`;
  const keyVariable = setVariable(keyVariables, environment) ?? null;
  const installed = versionOf(packageName, findPackage(packageName, folder));
  if (keyVariable === null && installed === null) return undefined;
  const price = (await catalogPrice(provider, example, new Date(clock.now()))) ?? null;
  return {
    provider,
    keyVariable,
    expectedVariable: keyVariables[0]!,
    packageName,
    installed,
    example: { model: `${provider}/${example}`, price },
  };
}

/** Reads the version of a package from above its file; null if there is none. */
function versionOf(packageName: string, file: string | undefined): string | null {
  if (file === undefined) return null;
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (name === packageName) return String(version);
    } catch {
      // This folder has no description of a package.
    }
  }
  return 'unknown';
}

/** @returns the server, its name if it was asked and gave no list, undefined if it was not asked and cannot be called */
async function serverAt(
  server: string,
  { title, ...rest }: NamedServer,
  { environment, clock }: ReachableModelsOptions,
): Promise<ReachableServer | string | undefined> {
  const { baseUrl, apiKey, keyName, isFree } = placeOf({ title, ...rest }, environment);
  const keyVariable = apiKey === undefined ? null : keyName;
  const isNear = isLoopback(new URL(baseUrl).hostname) || setVariable(rest.urlVariables, environment) !== undefined;
  const found = { server, title, baseUrl, keyVariable };
  if (!isNear) return keyVariable === null ? undefined : { ...found, models: null };
  const proxy = proxySettings(environment);
  const limits = { clock, timeoutMs: PROBE_TIMEOUT_MS };
  const listed = await listModels({ baseUrl, apiKey, proxy }, limits).catch(() => undefined);
  if (listed === undefined) return server;
  const on = new Date(clock.now());
  const priceOf = async (model: string) => {
    if (isFree) return { inputUsdPerMTok: 0, outputUsdPerMTok: 0 };
    return rest.computes ? undefined : ((await serverPrice(rest.baseUrl, model, on)) ?? gatewayPrice(model, on));
  };
  const models = listed.map(async ({ id }) => ({ model: `${server}/${id}`, price: (await priceOf(id)) ?? null }));
  return { ...found, models: await Promise.all(models) };
}

function filesNear(folder: string): ReachableFile[] {
  return MODEL_FOLDERS.flatMap((near) => {
    try {
      const names = readdirSync(join(folder, near)).filter((name) => /\.gguf$/i.test(name) && !LATER_PART.test(name));
      return names.sort().flatMap((name) => {
        const stats = statSync(join(folder, near, name), { throwIfNoEntry: false });
        return stats?.isFile() ? [{ model: `gguf:${join(near, name)}`, bytes: stats.size }] : [];
      });
    } catch {
      // There is no such folder, or it cannot be read.
      return [];
    }
  });
}
