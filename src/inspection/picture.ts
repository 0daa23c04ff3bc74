import { callPart } from '../core/call-part.ts';
import type { Json } from '../core/journal.ts';
import type { AnyProcess } from '../core/process.ts';
import { Refusal } from './refusal.ts';

/** `system` stands for the colour scheme that the viewer's browser asks for. */
export type PictureTheme = 'system' | 'light' | 'dark';

/** The page's colours, which `render` may use: `currentColor`, and the others as `var(--NAME, the colour outside of pages)`. */
export const PICTURE_COLORS = {
  light: {
    text: '#1b1f27',
    card: '#ffffff',
    muted: '#5c6472',
    line: '#dcdfe5',
    accent: '#2457c5',
    good: '#17733b',
    bad: '#b3261e',
    mark: '#ffe08a',
    'series-0': '#2457c5',
    'series-1': '#c2571a',
    'series-2': '#1d7f4c',
    'series-3': '#7b3fb5',
    'series-4': '#70788a',
  },
  dark: {
    text: '#e7eaf0',
    card: '#1d2128',
    muted: '#a0a8b6',
    line: '#343a45',
    accent: '#86adff',
    good: '#6fd396',
    bad: '#ff8f85',
    mark: '#6b5610',
    'series-0': '#7aa5ff',
    'series-1': '#f0985e',
    'series-2': '#63cf95',
    'series-3': '#c39bf2',
    'series-4': '#9aa3b3',
  },
} as const;

/** A browser takes a long time to show larger pictures. */
const MAX_CHARS = 2 ** 20;
const OPENING_TAG = /^\s*<svg(?=[\s/>])(?:[^"'>]|"[^"]*"|'[^']*')*>/;
const NAMESPACE = 'http://www.w3.org/2000/svg';

/**
 * Draws a state as its process does, as an SVG document in the page's colours. States hold what models wrote, so the document
 * may hold anything: it must be shown as an image, or under a policy that runs nothing and loads nothing (`guard.ts`).
 * @throws {Refusal} `no-picture`, when the process has no `view.render`, or that returns something else than SVG.
 * @throws {ProcessError} `threw`, when `view.render` throws.
 */
export function pictureOf(
  process: AnyProcess,
  { state, stepIndex }: { readonly state: Json; readonly stepIndex: number },
  theme: PictureTheme,
): string {
  const { name, view: { render } = {} } = process;
  const where = `process ${JSON.stringify(name)}`;
  if (render === undefined) {
    throw new Refusal(
      404,
      'no-picture',
      `${where} has no \`view.render\`, which would draw its states: add it for a picture.`,
    );
  }
  const svg: unknown = callPart(process, 'render', stepIndex, () => render(state));
  const tag = typeof svg === 'string' ? OPENING_TAG.exec(svg)?.[0] : undefined;
  if (typeof svg !== 'string' || tag === undefined || svg.length > MAX_CHARS) {
    const got =
      typeof svg !== 'string'
        ? typeof svg
        : tag === undefined
          ? JSON.stringify(svg.slice(0, 60).toWellFormed())
          : `${svg.length} characters`;
    throw new Refusal(
      409,
      'no-picture',
      `${where}: expected \`render\` to give one SVG element, <svg ...>...</svg>, of at most ${MAX_CHARS} characters, got ${got}.`,
    );
  }
  // Without this namespace it would be some XML that no browser draws.
  const opened = /\sxmlns\s*=/.test(tag) ? tag : tag.replace('<svg', `<svg xmlns="${NAMESPACE}"`);
  if (tag.endsWith('/>')) return opened;
  return `${opened}<style>${styleOf(theme)}</style>${svg.slice(tag.length)}`.toWellFormed();
}

function styleOf(theme: PictureTheme): string {
  if (theme !== 'system') return rootRule(theme);
  return `${rootRule('light')}@media(prefers-color-scheme:dark){${rootRule('dark')}}`;
}

function rootRule(theme: 'light' | 'dark'): string {
  const { text, ...others } = PICTURE_COLORS[theme];
  const variables = Object.entries(others).map(([name, color]) => `--${name}:${color}`);
  return `:root{${[`color:${text}`, ...variables].join(';')}}`;
}
