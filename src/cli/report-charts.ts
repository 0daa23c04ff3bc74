import { html, type Markup } from './markup.ts';
import { showCompact, showCount } from './terminal.ts';

// SVG without scripts. Sizes are in units of the drawing, which scales to the available width; colours are classes, which
// the page's style sheet defines for light and dark.

const WIDTH = 480;
const HEIGHT = 250;
const LEFT = 62;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 40;
const INNER_WIDTH = WIDTH - LEFT - RIGHT;
const INNER_HEIGHT = HEIGHT - TOP - BOTTOM;

/** A column of `columnChart`. */
export interface Column {
  readonly label: string;
  readonly value: number;
  /** The prediction, drawn as a line across the column; undefined if there is none. */
  readonly expected: number | undefined;
}

/** Draws counts by category, each with its number above it. */
export function columnChart(options: {
  readonly about: string;
  readonly xLabel: string;
  readonly columns: readonly Column[];
}): Markup {
  const { about, xLabel, columns } = options;
  const most = Math.max(1, ...columns.flatMap(({ value, expected = 0 }) => [value, expected]));
  // This leaves space for the number above the highest column.
  const y = (value: number) => TOP + INNER_HEIGHT - (value / most) * (INNER_HEIGHT - 16);
  const place = INNER_WIDTH / Math.max(1, columns.length);
  const width = Math.min(60, 0.72 * place);
  // Labels that would touch each other are omitted.
  const labelled = Math.ceil((8 + 7 * Math.max(...columns.map(({ label }) => label.length))) / place);
  const drawn = columns.map(({ label, value, expected }, i) => {
    const middle = LEFT + (i + 0.5) * place;
    const top = Math.min(y(value), expected === undefined ? HEIGHT : y(expected));
    return html`<g><title>${`${label}: ${showCount(value)}${expected === undefined ? '' : `, planned ${showCount(expected)}`}`}</title>
<rect class="bar" x="${at(middle - width / 2)}" y="${at(y(value))}" width="${at(width)}" height="${at(y(0) - y(value))}"/>
${expected === undefined ? '' : html`<line class="plan" x1="${at(middle - 0.46 * place)}" x2="${at(middle + 0.46 * place)}" y1="${at(y(expected))}" y2="${at(y(expected))}"/>`}
${value > 0 ? html`<text x="${at(middle)}" y="${at(top - 4)}" text-anchor="middle">${showCompact(value)}</text>` : ''}
<text class="tick" x="${at(middle)}" y="${at(y(0) + 15)}" text-anchor="middle">${i % labelled === 0 ? label : ''}</text></g>`;
  });
  return drawing(about, [...drawn, baseline(y(0)), xTitle(xLabel)]);
}

/** Draws counts by name, as rows with the number after each. */
export function rowChart(about: string, rows: readonly { readonly label: string; readonly value: number }[]): Markup {
  const most = Math.max(1, ...rows.map(({ value }) => value));
  const left = 118;
  const height = Math.min(30, (HEIGHT - 2 * TOP) / Math.max(1, rows.length));
  const drawn = rows.map(({ label, value }, i) => {
    const width = (value / most) * (WIDTH - left - 78);
    const top = TOP + i * height;
    const middle = top + height / 2 + 4;
    return html`<text x="${left - 8}" y="${at(middle)}" text-anchor="end">${label}</text>
<rect class="bar flag" x="${left}" y="${at(top + 0.15 * height)}" width="${at(Math.max(1, width))}" height="${at(0.7 * height)}"/>
<text x="${at(left + width + 6)}" y="${at(middle)}">${showCount(value)}</text>`;
  });
  return drawing(about, drawn, 2 * TOP + rows.length * height);
}

export interface Line {
  /** Its class in the style sheet and the legend. */
  readonly kind: 'measured' | 'plan' | 'flag';
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Draws one or more lines over a common x. A logarithmic y is for counts: it starts at 1 and omits values below. */
export function lineChart(options: {
  readonly about: string;
  readonly xLabel: string;
  readonly lines: readonly Line[];
  readonly scale: 'linear' | 'log';
  readonly yText: (value: number) => string;
  readonly xText?: (value: number) => string;
  /** Values of x that are marked with a vertical line and a word. */
  readonly marks?: readonly { readonly x: number; readonly text: string }[];
  /** Whether the area under the first line is filled. */
  readonly isFilled?: boolean;
}): Markup {
  const { about, xLabel, scale, yText, xText = showCompact, marks = [], isFilled = false } = options;
  const isLog = scale === 'log';
  const lines = options.lines.map((line) => ({ ...line, points: line.points.filter(([, y]) => !isLog || y >= 1) }));
  const points = lines.flatMap((line) => line.points);
  const [xLeast, xMost] = rangeOf(points.map(([x]) => x));
  const [, yMost] = rangeOf(points.map(([, y]) => y));
  const top = isLog ? 10 ** Math.ceil(Math.log10(Math.max(10, yMost))) : yMost <= 0 ? 1 : yMost * 1.05;
  const bottom = isLog ? 1 : 0;
  const share = (y: number) => (isLog ? Math.log10(y) / Math.log10(top) : y / top);
  const toX = (x: number) => LEFT + (xMost === xLeast ? 0.5 : (x - xLeast) / (xMost - xLeast)) * INNER_WIDTH;
  const toY = (y: number) => TOP + (1 - share(y)) * INNER_HEIGHT;
  const grid = (isLog ? powersOfTen(top) : roundTicks(0, top, { wanted: 4 })).map(
    (tick) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(toY(tick))}" y2="${at(toY(tick))}"/>
<text class="tick" x="${LEFT - 6}" y="${at(toY(tick) + 4)}" text-anchor="end">${yText(tick)}</text>`,
  );
  const ticks = roundTicks(xLeast, xMost, { wanted: 5, leastStep: 1 }).map(
    (tick) =>
      html`<text class="tick" x="${at(toX(tick))}" y="${at(HEIGHT - BOTTOM + 15)}" text-anchor="middle">${xText(tick)}</text>`,
  );
  const drawn = lines.map(({ kind, points }, i) => {
    const path = points.map(([x, y]) => `${at(toX(x))},${at(toY(y))}`).join(' ');
    const area = isFilled && i === 0 && points.length > 1;
    return html`${
      area
        ? html`<polygon class="area" points="${`${at(toX(points[0]![0]))},${at(toY(bottom))} ${path} ${at(toX(points.at(-1)![0]))},${at(toY(bottom))}`}"/>`
        : ''
    }<polyline class="line ${kind}" points="${path}"/>${
      points.length <= MAX_DOTS
        ? points.map(([x, y]) => html`<circle class="dot ${kind}" cx="${at(toX(x))}" cy="${at(toY(y))}" r="2.6"/>`)
        : ''
    }`;
  });
  const marked = marks.map(
    ({ x, text }) => html`<line class="mark" x1="${at(toX(x))}" x2="${at(toX(x))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>
<text class="mark" x="${at(toX(x) + (toX(x) > WIDTH / 2 ? -5 : 5))}" y="${TOP + 10}" text-anchor="${toX(x) > WIDTH / 2 ? 'end' : 'start'}">${text}</text>`,
  );
  return drawing(about, [...grid, ...ticks, ...drawn, ...marked, baseline(HEIGHT - BOTTOM), xTitle(xLabel)]);
}

const MAX_DOTS = 30;

function drawing(about: string, parts: readonly Markup[], height = HEIGHT): Markup {
  return html`<svg viewBox="0 0 ${WIDTH} ${at(height)}" role="img" aria-label="${about}">${parts}</svg>`;
}

function baseline(y: number): Markup {
  return html`<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y)}" y2="${at(y)}"/>`;
}

function xTitle(text: string): Markup {
  return html`<text class="tick" x="${LEFT + INNER_WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">${text}</text>`;
}

/** A coordinate, rounded to a tenth. */
function at(value: number): number {
  return Math.round(10 * value) / 10;
}

function rangeOf(values: readonly number[]): [number, number] {
  return values.length === 0 ? [0, 0] : [Math.min(...values), Math.max(...values)];
}

/** Ticks from 1 to a power of ten, about seven at most. */
function powersOfTen(most: number): number[] {
  const count = Math.round(Math.log10(most));
  const every = Math.ceil((count + 1) / 7);
  return Array.from({ length: Math.floor(count / every) + 1 }, (_, i) => 10 ** (i * every));
}

/** About `wanted` round numbers within a range, in steps of 1, 2 or 5 times a power of ten. */
export function roundTicks(least: number, most: number, options: { wanted: number; leastStep?: number }): number[] {
  const { wanted, leastStep = 0 } = options;
  const span = most - least;
  if (!(span > 0)) return [least];
  const power = 10 ** Math.floor(Math.log10(span / wanted));
  const round = [1, 2, 5, 10].map((factor) => factor * power).find((one) => span / one <= wanted + 0.5) ?? span;
  const step = Math.max(round, leastStep);
  const first = Math.ceil(least / step - 1e-9);
  const count = Math.floor(most / step + 1e-9) - first + 1;
  // It counts whole steps, so that multiples of tenths stay round.
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
