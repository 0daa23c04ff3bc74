import type { Price } from '../core/model.ts';
import { systemClock } from '../defaults.ts';
import {
  type ReachableModels,
  type ReachableProvider,
  type ReachableServer,
  reachableModels,
} from '../models/reachable-models.ts';
import { plural, printable, printableJson } from './terminal.ts';

const DEFAULT_COLUMNS = 80;
/** More models of one server are only counted. */
const MAX_MODELS_SHOWN = 20;
const NONE =
  'No key is set, no server answers, and no model file is near. Set a key (OPENAI_API_KEY, with `npm install ' +
  '@ai-sdk/openai@latest`), start a server (`ollama serve`), or try simulated:p=0.99, or tiny with process hanoi-short, which need neither.';
const NOTE_INDENT = ' '.repeat(6);
/** A price and the blanks around it, of a usual model. */
const DETAIL_CHARS = 26;

export async function modelsCommand({ json }: { readonly json?: boolean }): Promise<number> {
  const found = await reachableModels({ environment: process.env, clock: systemClock, folder: process.cwd() });
  const columns = process.stdout.columns ?? DEFAULT_COLUMNS;
  process.stdout.write(json ? `${printableJson(found)}\n` : describeModels(found, columns));
  return 0;
}

/** A name, what stands beside it, and what stands below. */
type Line = readonly [name: string, detail: string, note?: string];

interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** Lists the models by where they are, in lines of at most so many columns where names allow it. */
export function describeModels({ providers, servers, files, silent }: ReachableModels, columns: number): string {
  const sections: Section[] = [
    ...servers.map(serverSection),
    ...(providers.length === 0
      ? []
      : [{ title: 'Providers (an example of each)', lines: providers.map(providerLine) }]),
    ...(files.length === 0
      ? []
      : [{ title: 'Files', lines: files.map(({ model, bytes }): Line => [model, showBytes(bytes)]) }]),
  ];
  if (sections.length === 0) return wrapped(NONE, columns, '');
  const shown = sections.map(({ title, lines }) => `${wrapped(title, columns, '')}${layOut(lines, columns)}`);
  const quiet = silent.length === 0 ? '' : wrapped(`No answer from ${silent.join(', ')}.`, columns, '');
  const legend = wrapped('Prices are US dollars per million tokens. A name goes after --model.', columns, '');
  return `${shown.join('\n')}\n${quiet}${legend}`;
}

function serverSection({ title, baseUrl, keyVariable, models, server }: ReachableServer): Section {
  const key = keyVariable === null ? '' : `, key in ${keyVariable}`;
  const heading = printable(`${title}: ${baseUrl}${key}`);
  if (models === null) return { title: heading, lines: [[`${server}/NAME`, 'not asked: it is on the internet']] };
  if (models.length === 0) return { title: heading, lines: [['no models', '']] };
  const lines = models.slice(0, MAX_MODELS_SHOWN).map(({ model, price }): Line => [model, showPrice(price)]);
  const further = models.length - lines.length;
  return { title: heading, lines: further === 0 ? lines : [...lines, [`and ${plural(further, 'more model')}`, '']] };
}

function providerLine({ example, keyVariable, expectedVariable, packageName, installed }: ReachableProvider): Line {
  const missing = [
    ...(keyVariable === null ? [`set ${expectedVariable}`] : []),
    ...(installed === null ? [`npm install ${packageName}@latest`] : []),
  ];
  const state = missing.length === 0 ? `key in ${keyVariable}` : `needs: ${missing.join('; ')}`;
  return [example.model, showPrice(example.price), state];
}

function showPrice(price: Price | null): string {
  if (price === null) return 'price unknown';
  const { inputUsdPerMTok, outputUsdPerMTok } = price;
  if (inputUsdPerMTok === 0 && outputUsdPerMTok === 0) return '$0';
  return `${showRate(inputUsdPerMTok)} in, ${showRate(outputUsdPerMTok)} out`;
}

/** With cents, and with what is less than a cent if there is some. */
function showRate(usd: number): string {
  const cents = usd.toFixed(2);
  return `$${Number(cents) === usd ? cents : Number(usd.toPrecision(4))}`;
}

function showBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  const power = Math.min(units.length - 1, bytes < 1_000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 ? value : value.toPrecision(3)} ${units[power]}`;
}

/** Names with their details beside them, or below them where the line would be too long. */
function layOut(lines: readonly Line[], columns: number): string {
  const width = Math.max(0, ...lines.map(([name]) => name.length).filter((chars) => chars <= columns - DETAIL_CHARS));
  return lines
    .map(([name, detail, note]) => {
      const shown = printable(name);
      const below = note === undefined ? '' : wrapped(note, columns, NOTE_INDENT);
      if (detail === '') return `  ${shown}\n${below}`;
      const beside = `  ${shown.padEnd(width)}  ${detail}`;
      if (shown.length <= width && beside.length <= columns) return `${beside}\n${below}`;
      return `  ${shown}\n${wrapped(detail, columns, NOTE_INDENT)}${below}`;
    })
    .join('');
}

/** Breaks a text between words. */
function wrapped(text: string, columns: number, indent: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(indent + word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line) => `${line}\n`).join('');
}
