// Draws the charts of docs/tiny-network.md from the figures beside it: node scripts/tiny-charts.ts
import { readFileSync, writeFileSync } from 'node:fs';

interface Figures {
  /** Wrong decisions to be expected on all states of 20 disks, by margin. */
  readonly wrong: readonly { readonly k: number; readonly oneForm: number; readonly eightForms: number }[];
  /** Decisions of one form by the chance that they are wrong, as the votes state it: their sum, and how many are wrong. */
  readonly reliability: readonly { readonly decisions: number; readonly stated: number; readonly wrong: number }[];
}

const docs = new URL('../docs/', import.meta.url);
const figures: Figures = JSON.parse(readFileSync(new URL('tiny-network.json', docs), 'utf8'));
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [640, 320, 64, 44, 16, 120];

interface Scale {
  readonly from: number;
  readonly to: number;
  readonly marks: readonly (readonly [value: number, label: string])[];
}

interface Series {
  readonly color: string;
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isLine: boolean;
}

const powers = (from: number, to: number): Scale['marks'] =>
  Array.from({ length: to - from + 1 }, (_, i) => [
    from + i,
    (10 ** (from + i)).toLocaleString('en', { maximumFractionDigits: 9 }),
  ]);

/** Positions on the axes are logarithms where the scale has powers as marks. */
function chart(
  x: Scale,
  y: Scale,
  names: { readonly x: string; readonly y: string },
  series: readonly Series[],
): string {
  const atX = (value: number) => LEFT + ((value - x.from) / (x.to - x.from)) * (WIDTH - LEFT - RIGHT);
  const atY = (value: number) => HEIGHT - BOTTOM - ((value - y.from) / (y.to - y.from)) * (HEIGHT - BOTTOM - TOP);
  const text = (at: readonly [number, number], label: string, more = '') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${label}</text>`;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#444">`,
    `<title>${names.y} against ${names.x}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...y.marks.flatMap(([value, label]) => [
      `<path d="M${LEFT} ${atY(value).toFixed(1)}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
      text([LEFT - 6, atY(value) + 4], label, 'text-anchor="end"'),
    ]),
    ...x.marks.map(([value, label]) => text([atX(value), HEIGHT - BOTTOM + 18], label, 'text-anchor="middle"')),
    text([(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8], names.x, 'text-anchor="middle"'),
    text(
      [14, (TOP + HEIGHT - BOTTOM) / 2],
      names.y,
      `text-anchor="middle" transform="rotate(-90 14 ${(TOP + HEIGHT - BOTTOM) / 2})"`,
    ),
  ];
  for (const { color, label, points, isLine } of series) {
    const placed = points.map(([a, b]) => [atX(a), atY(b)] as const);
    const path = placed.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${a.toFixed(1)} ${b.toFixed(1)}`).join('');
    if (isLine) lines.push(`<path d="${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    else
      for (const [a, b] of placed)
        lines.push(`<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="5" fill="${color}"/>`);
    const [lastX, lastY] = placed.at(-1)!;
    lines.push(text([lastX + 8, lastY + 4], label, `style="fill:${color}"`));
  }
  return `${[...lines, '</svg>'].join('\n')}\n`;
}

const margins = figures.wrong.map(({ k }) => k);
const lowest = Math.floor(Math.log10(Math.min(...figures.wrong.map(({ eightForms }) => eightForms))));
writeFileSync(
  new URL('tiny-wrong.svg', docs),
  chart(
    { from: Math.min(...margins), to: Math.max(...margins), marks: margins.map((k) => [k, String(k)]) },
    { from: lowest, to: 5, marks: powers(lowest, 5) },
    { x: 'k', y: 'wrong of 1,048,575 decisions' },
    [
      {
        color: '#b3261e',
        label: 'one form',
        points: figures.wrong.map(({ k, oneForm }) => [k, Math.log10(oneForm)]),
        isLine: true,
      },
      {
        color: '#1b6e3c',
        label: 'eight forms',
        points: figures.wrong.map(({ k, eightForms }) => [k, Math.log10(eightForms)]),
        isLine: true,
      },
    ],
  ),
);

const seen = figures.reliability.filter(({ wrong }) => wrong > 0);
const least = Math.floor(Math.min(...seen.map(({ decisions, stated }) => Math.log10(stated / decisions))));
writeFileSync(
  new URL('tiny-reliability.svg', docs),
  chart(
    { from: least, to: 0, marks: powers(least, 0) },
    { from: least, to: 0, marks: powers(least, 0) },
    { x: 'stated chance that a decision is wrong', y: 'share that is wrong' },
    [
      {
        color: '#999',
        label: 'as stated',
        points: [
          [least, least],
          [0, 0],
        ],
        isLine: true,
      },
      {
        color: '#b3261e',
        label: 'one form',
        points: seen.map(({ decisions, stated, wrong }) => [
          Math.log10(stated / decisions),
          Math.log10(wrong / decisions),
        ]),
        isLine: false,
      },
    ],
  ),
);
