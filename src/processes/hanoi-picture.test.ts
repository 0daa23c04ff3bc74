// These tests are about the picture of a tower of Hanoi. They prove:
//  1. With 1 to 30 disks, in any state, every disk is there once under its number, on its peg, in its order, inside the
//     drawing and overlapping no other; a larger disk is wider.
//  2. All states of a tower have one size, and numbers on disks are large enough to be read on a phone.
//  3. The disk that moved last is outlined, with an arrow where there was a move; a disk on a smaller one is red.
//  4. Whatever the paper's parsers let through is drawn: well-formed, and with every disk.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { drawHanoi } from './hanoi-picture.ts';
import type { HanoiState, Move, Pegs } from './hanoi-state.ts';

/** Width of a phone's page, in its pixels. */
const PHONE_WIDTH = 350;
const MIN_TEXT_PIXELS = 7.5;

interface DrawnDisk {
  readonly disk: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly fontSize: number;
  readonly isOutlined: boolean;
  readonly isRed: boolean;
}

function read(svg: string) {
  const open: string[] = [];
  const text = svg.replace(/<(\/?)(\w+)((?:\s[\w-]+="[^"<&]*")*)(\/?)>/g, (_, closes, name, __, selfClosed) => {
    if (closes) assert.equal(open.pop(), name);
    else if (!selfClosed) open.push(name);
    return '';
  });
  assert.deepEqual(open, []);
  assert.doesNotMatch(text, /[<&]/);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined|null/);
  const [, width, height] = /^<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!;
  const disks = [...svg.matchAll(/<rect ([^>]*rx="4"[^>]*)\/><text ([^>]*)>(-?\d+)<\/text>/g)].map(
    ([, rect, label, disk]): DrawnDisk => {
      const value = (attributes: string, name: string) =>
        Number(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)![1]);
      const [left, top] = [value(rect!, 'x'), value(rect!, 'y')];
      return {
        disk: Number(disk),
        left,
        right: left + value(rect!, 'width'),
        top,
        bottom: top + value(rect!, 'height'),
        fontSize: value(label!, 'font-size'),
        isOutlined: rect!.includes('stroke="currentColor"'),
        isRed: rect!.includes('--bad'),
      };
    },
  );
  return { width: Number(width), height: Number(height), disks, arrows: svg.match(/<path [^>]*Q/g)?.length ?? 0 };
}

/** @returns the disks by peg, bottom to top, as the picture shows them */
function seenPegs({ width, disks }: ReturnType<typeof read>): number[][] {
  const pegs: DrawnDisk[][] = [[], [], []];
  for (const one of disks) pegs[Math.floor((1.5 * (one.left + one.right)) / width)]!.push(one);
  return pegs.map((peg) => peg.toSorted((a, b) => b.bottom - a.bottom).map(({ disk }) => disk));
}

const legalStates = fc.integer({ min: 1, max: 30 }).chain((disks) =>
  fc.array(fc.nat(2), { minLength: disks, maxLength: disks }).map((places): HanoiState => {
    const pegs: [number[], number[], number[]] = [[], [], []];
    for (const [i, place] of places.entries()) pegs[place]!.push(disks - i);
    const to = pegs.findIndex((peg) => peg.length > 0);
    return { pegs, previousMove: [pegs[to]!.at(-1)!, (to + 1) % 3, to] };
  }),
);

describe('a picture of pegs and disks', () => {
  test('shows every disk once, in its place, apart from all others', () => {
    fc.assert(
      fc.property(legalStates, ({ pegs, previousMove }) => {
        const seen = read(drawHanoi({ pegs, previousMove }));
        assert.deepEqual(seenPegs(seen), pegs);
        for (const one of seen.disks) {
          assert.ok(one.left >= 0 && one.right <= seen.width && one.top >= 0 && one.bottom <= seen.height);
          for (const other of seen.disks) {
            if (other.disk > one.disk) assert.ok(other.right - other.left > one.right - one.left);
            const isApart =
              other.left >= one.right || other.right <= one.left || other.top >= one.bottom || other.bottom <= one.top;
            assert.ok(other === one || isApart, `${one.disk} and ${other.disk}`);
          }
        }
      }),
    );
  });

  test('has one size for a tower, and numbers that can be read', () => {
    for (let count = 1; count <= 30; count++) {
      const tower = Array.from({ length: count }, (_, i) => count - i);
      const sizes = [
        [tower, [], []],
        [[], [], tower],
        [
          tower.filter((disk) => disk % 3 === 0),
          tower.filter((disk) => disk % 3 === 1),
          tower.filter((disk) => disk % 3 === 2),
        ],
      ].map((pegs) => read(drawHanoi({ pegs: pegs as unknown as Pegs, previousMove: null })));
      assert.equal(new Set(sizes.map(({ width, height }) => `${width} ${height}`)).size, 1);
      for (const { fontSize } of sizes[0]!.disks) {
        assert.ok((fontSize * PHONE_WIDTH) / sizes[0]!.width >= MIN_TEXT_PIXELS, `${count} disks: ${fontSize}`);
      }
    }
  });

  test('marks what moved last, and what lies on a smaller disk', () => {
    fc.assert(
      fc.property(legalStates, (state) => {
        const { disks, arrows } = read(drawHanoi(state));
        assert.deepEqual(
          disks.filter(({ isOutlined }) => isOutlined).map(({ disk }) => disk),
          [state.previousMove![0]],
        );
        assert.equal(arrows, 1);
        assert.equal(
          disks.some(({ isRed }) => isRed),
          false,
        );
      }),
    );
    const wrong = read(drawHanoi({ pegs: [[1, 3], [2], []], previousMove: null }));
    assert.deepEqual(
      wrong.disks.filter(({ isRed }) => isRed).map(({ disk }) => disk),
      [3],
    );
    assert.equal(wrong.arrows, 0);
  });

  test('is drawn of any lists of whole numbers', () => {
    const peg = fc.array(fc.oneof(fc.integer(), fc.integer({ min: 1, max: 5 })), { maxLength: 40 });
    const move: fc.Arbitrary<Move | null> = fc.option(fc.tuple(fc.integer(), fc.integer(), fc.integer()));
    fc.assert(
      fc.property(peg, peg, peg, move, (a, b, c, previousMove) => {
        const seen = read(drawHanoi({ pegs: [a, b, c], previousMove }));
        assert.deepEqual(seenPegs(seen), [a, b, c]);
      }),
    );
  });
});
