import type { HanoiState, Move } from './hanoi-state.ts';

// Sizes are in units of the drawing, which scales to the available width.
const WIDTH = 480;
const PEG_WIDTH = WIDTH / 3;
const DISK_WIDTHS = { least: 28, most: PEG_WIDTH - 10 };
/** Minimum width at which the number on a disk is readable on a phone. */
const DISK_HEIGHTS = { least: 13, most: 26 };
const TOWER_HEIGHT = 260;
/** Minimum height of the pegs if there are few disks. */
const MIN_TOWER_HEIGHT = 110;
/** Space above the pegs for the arrow. */
const TOP = 40;
const BOTTOM = 26;

/**
 * Pegs and disks as SVG, of one size for all states of a tower. The disk that moved last is outlined, with an arrow from peg
 * to peg; one that lies on a smaller disk, after a wrong decision, is red.
 */
export function drawHanoi({ pegs, previousMove }: HanoiState): string {
  const disks = pegs.flat();
  const count = Math.max(1, disks.length);
  const largest = Math.max(1, ...disks);
  const diskHeight = within(DISK_HEIGHTS, TOWER_HEIGHT / count);
  const floor = TOP + Math.max(MIN_TOWER_HEIGHT, count * diskHeight + diskHeight);
  const drawn = pegs.map((peg, place) => {
    const middle = middleOf(place);
    const stack = peg.map((disk, level) => {
      const share = largest === 1 ? 0 : (disk - 1) / (largest - 1);
      const width = within(DISK_WIDTHS, DISK_WIDTHS.least + share * (DISK_WIDTHS.most - DISK_WIDTHS.least));
      const isMoved = level === peg.length - 1 && disk === previousMove?.[0] && place === previousMove[2];
      const isIllegal = level > 0 && disk > peg[level - 1]!;
      return drawDisk({
        disk,
        middle,
        top: floor - (level + 1) * diskHeight,
        width,
        height: diskHeight,
        isMoved,
        isIllegal,
      });
    });
    return (
      `<rect x="${rounded(middle - 3)}" y="${TOP}" width="6" height="${rounded(floor - TOP)}" rx="3" fill="var(--line, #c3c8d0)"/>` +
      `<text x="${rounded(middle)}" y="${rounded(floor + 19)}" font-size="12" fill="var(--muted, #5c6472)">${place}</text>${stack.join('')}`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${rounded(floor + BOTTOM)}" font-family="system-ui, sans-serif" text-anchor="middle">` +
    `<rect x="0" y="${rounded(floor)}" width="${WIDTH}" height="4" rx="2" fill="var(--line, #c3c8d0)"/>` +
    `${drawn.join('')}${drawArrow(previousMove)}</svg>`
  );
}

interface Drawn {
  readonly disk: number;
  readonly middle: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly isMoved: boolean;
  readonly isIllegal: boolean;
}

/** Even and odd disks alternate in a tower that is built correctly. */
function drawDisk({ disk, middle, top, width, height, isMoved, isIllegal }: Drawn): string {
  const color = isIllegal
    ? 'var(--bad, #b3261e)'
    : disk % 2 === 0
      ? 'var(--series-0, #2457c5)'
      : 'var(--series-2, #1d7f4c)';
  const outline = isMoved ? ' stroke="currentColor" stroke-width="2"' : '';
  return (
    `<rect x="${rounded(middle - width / 2)}" y="${rounded(top + 0.5)}" width="${rounded(width)}" height="${rounded(height - 1)}" rx="4" fill="${color}"${outline}/>` +
    `<text x="${rounded(middle)}" y="${rounded(top + 0.82 * height)}" font-size="${rounded(Math.min(15, 0.85 * height))}" font-weight="600" fill="var(--card, #ffffff)">${disk}</text>`
  );
}

function drawArrow(move: Move | null): string {
  if (move === null) return '';
  const [, from, to] = move;
  // The paper's parsers accept any numbers.
  if (![0, 1, 2].includes(from) || ![0, 1, 2].includes(to) || from === to) return '';
  const [start, end] = [middleOf(from), middleOf(to)];
  const color = 'var(--muted, #5c6472)';
  return (
    `<path d="M${rounded(start)} ${TOP - 6} Q${rounded((start + end) / 2)} ${-TOP + 26} ${rounded(end)} ${TOP - 10}" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="5 4"/>` +
    `<path d="M${rounded(end)} ${TOP - 3} l-5 -9 h10 z" fill="${color}"/>`
  );
}

function middleOf(place: number): number {
  return (place + 0.5) * PEG_WIDTH;
}

function within({ least, most }: { readonly least: number; readonly most: number }, value: number): number {
  return Math.min(most, Math.max(least, value));
}

function rounded(value: number): number {
  return Math.round(10 * value) / 10;
}
