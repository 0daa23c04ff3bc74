import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { isDark } from './theme.ts';

interface Axis {
  readonly label: string;
  readonly format: (value: number) => string;
  readonly isLog?: boolean;
  /** Lower and upper end. @default those of the values */
  readonly range?: readonly [number, number];
  /** Whether only whole numbers are marked. */
  readonly isWhole?: boolean;
}

export interface Series {
  readonly label: string;
  /** One value for each value of x; null where there is none. */
  readonly values: readonly (number | null)[];
  readonly kind: 'line' | 'bars' | 'points' | 'stairs';
  /** Index into the palette. */
  readonly color: 0 | 1 | 2 | 3 | 4;
  readonly isDashed?: boolean;
  /** Whether the series belongs to the axis on the right. */
  readonly isRight?: boolean;
}

/** A vertical line at a value of x. */
export interface Mark {
  readonly at: number;
  readonly label: string;
  readonly isAlarm?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly note?: string | null;
  readonly x: Axis & { readonly values: readonly number[] };
  readonly y: Axis;
  readonly right?: Axis;
  readonly series: readonly Series[];
  readonly marks?: readonly Mark[];
  readonly height?: number;
}

const HEIGHT = 230;

export function Chart(props: ChartProps) {
  const { title, note, x, y, right, series } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const dark = isDark.value;
  const isEmpty = x.values.length === 0;
  // A drawn chart cannot change these.
  const form = JSON.stringify([
    series.map(({ label, kind, color, isDashed, isRight }) => [label, kind, color, isDashed, isRight]),
    [x, y, right].map((axis) => axis && [axis.label, axis.isLog]),
    dark,
    isEmpty,
  ]);
  useEffect(() => {
    const element = place.current;
    if (element === null || isEmpty) return;
    const drawn = new uPlot(optionsOf(latest, element), dataOf(latest.current), element);
    plot.current = drawn;
    const sizes = new ResizeObserver(() => {
      const { clientWidth } = element;
      if (clientWidth > 0 && clientWidth !== drawn.width) drawn.setSize({ width: clientWidth, height: drawn.height });
    });
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [form]);
  const content = JSON.stringify([x.values, series.map(({ values }) => values), props.marks]);
  useEffect(() => plot.current?.setData(dataOf(latest.current)), [content]);
  return (
    <figure class="chart">
      <figcaption>
        {title}
        {note && <small>{note}</small>}
      </figcaption>
      {isEmpty ? <p class="empty">Nothing to draw yet.</p> : <div ref={place} class="plot" aria-hidden="true" />}
      {!isEmpty && <Table {...props} />}
    </figure>
  );
}

/** Shows the same figures as a table, for people who cannot see a drawing or want the numbers. */
function Table({ title, x, y, right, series }: ChartProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="numbers" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        Numbers <span class="hidden">of {title}</span>
      </summary>
      {isOpen && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">{x.label}</th>
                {series.map(({ label }) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {x.values.map((value, row) => (
                <tr key={value}>
                  <th scope="row">{x.format(value)}</th>
                  {series.map(({ label, values, isRight }) => {
                    const found = values[row] ?? null;
                    const { format } = isRight ? right! : y;
                    return <td key={label}>{found === null ? '' : format(found)}</td>;
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function dataOf({ x, y, right, series }: ChartProps): uPlot.AlignedData {
  const drawable = ({ values, isRight }: Series) =>
    (isRight ? right : y)?.isLog ? values.map((value) => (value !== null && value > 0 ? value : null)) : [...values];
  return [[...x.values], ...series.map(drawable)];
}

function optionsOf(latest: { readonly current: ChartProps }, element: HTMLElement): uPlot.Options {
  const { x, y, right, series, height = HEIGHT } = latest.current;
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = (of: Axis, scale: string): uPlot.Axis => ({
    scale,
    label: of.label,
    labelFont: font,
    labelSize: 18,
    labelGap: 2,
    font,
    stroke: color('muted'),
    grid: { stroke: color('grid'), width: 1, show: scale !== 'right', ...(of.isLog ? { filter: decades } : {}) },
    ticks: { stroke: color('grid'), width: 1, size: 4, ...(of.isLog ? { filter: decades } : {}) },
    size: scale === 'x' ? 34 : 56,
    space: scale === 'x' ? 60 : 30,
    ...(of.isWhole
      ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6] }
      : {}),
    values: (drawn, splits) => {
      const shown = of.isLog && scale === 'x' ? everyFew(drawn, splits) : splits;
      return shown.map((value) => (value === null ? null : (axisNow(latest, scale)?.format(value) ?? null)));
    },
  });
  const scaleOf = (name: 'x' | 'y' | 'right', of: Axis): uPlot.Scale => {
    // With a range of our own, the log scale would not begin and end at powers of ten.
    if (of.isLog) return { time: false, distr: 3 };
    return { time: false, range: (_, low, high) => rangeOf(latest.current, name, [low, high]) };
  };
  return {
    width: Math.max(200, element.clientWidth),
    height,
    padding: [14, right ? 0 : 24, 0, 0],
    scales: { x: scaleOf('x', x), y: scaleOf('y', y), ...(right ? { right: scaleOf('right', right) } : {}) },
    axes: [
      axis(x, 'x'),
      axis(y, 'y'),
      ...(right ? [{ ...axis(right, 'right'), side: 1 as const, grid: { show: false } }] : []),
    ],
    legend: { show: true, live: true, markers: { width: 2 } },
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    series: [
      { label: x.label, value: (_, value) => (value === null ? '–' : latest.current.x.format(value)) },
      ...series.map(({ label, kind, color: index, isDashed, isRight }): uPlot.Series => {
        const stroke = color(`series-${index}`);
        return {
          label,
          scale: isRight ? 'right' : 'y',
          stroke,
          width: kind === 'bars' ? 0 : 2,
          dash: isDashed ? [6, 4] : undefined,
          fill: kind === 'bars' ? stroke : undefined,
          paths:
            kind === 'bars'
              ? uPlot.paths.bars!({ size: [0.7, 48] })
              : kind === 'stairs'
                ? uPlot.paths.stepped!({ align: 1 })
                : kind === 'points'
                  ? () => null
                  : undefined,
          points:
            kind === 'points'
              ? { show: true, size: 9, fill: stroke }
              : { show: kind === 'line' ? undefined : false, size: 5 },
          spanGaps: false,
          value: (_, value) => (value === null ? '–' : axisNow(latest, isRight ? 'right' : 'y')!.format(value)),
        };
      }),
    ],
    hooks: {
      draw: [
        (drawn) => drawMarks(drawn, latest.current.marks ?? [], { line: color('muted'), alarm: color('bad'), font }),
      ],
    },
  };
}

/** Puts the lines and ticks of a log axis only at powers of ten. */
const decades: uPlot.Axis.Filter = (_, splits) =>
  splits.map((value) => (Number.isInteger(Math.log10(value)) ? value : null));

/** Labels so few powers of ten that the labels do not overlap. */
function everyFew(drawn: uPlot, splits: readonly (number | null)[]): (number | null)[] {
  const { min = 1, max = 1 } = drawn.scales.x!;
  const powers = Math.log10(max! / min!);
  const step = Math.max(1, Math.ceil((powers * LABEL_WIDTH) / drawn.width));
  return splits.map((value) => (value !== null && Math.round(Math.log10(value)) % step === 0 ? value : null));
}

const LABEL_WIDTH = 44;

function axisNow({ current }: { readonly current: ChartProps }, scale: string): Axis | undefined {
  return scale === 'x' ? current.x : scale === 'right' ? current.right : current.y;
}

function rangeOf(props: ChartProps, name: 'x' | 'y' | 'right', [low, high]: [number, number]): [number, number] {
  const given = props[name]?.range;
  if (given !== undefined) return [...given];
  if (low === null || high === null) return [0, 1];
  if (name !== 'x') {
    const padded = uPlot.rangeNum(Math.min(0, low), high === 0 ? 1 : high, 0.08, true);
    return low >= 0 ? [0, padded[1]!] : [padded[0]!, padded[1]!];
  }
  // Bars need half a place on each side; single points need a little space.
  const kinds = props.series.map(({ kind }) => kind);
  const aside = kinds.every((kind) => kind === 'points') ? 0.05 * (high - low) : 0;
  const half = kinds.includes('bars') ? 0.6 : low === high ? 0.5 : aside;
  return [low - half, high + half];
}

function drawMarks(drawn: uPlot, marks: readonly Mark[], style: { line: string; alarm: string; font: string }): void {
  const { ctx, bbox } = drawn;
  const ratio = devicePixelRatio;
  for (const [index, { at, label, isAlarm }] of marks.entries()) {
    const left = Math.round(drawn.valToPos(at, 'x', true));
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.save();
    ctx.strokeStyle = isAlarm ? style.alarm : style.line;
    ctx.fillStyle = ctx.strokeStyle;
    ctx.lineWidth = ratio * (isAlarm ? 2 : 1);
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = style.font.replace(/^(\d+)px/, (_, size) => `${Number(size) * ratio}px`);
    const isRightHalf = left > bbox.left + bbox.width / 2;
    ctx.textAlign = isRightHalf ? 'right' : 'left';
    ctx.textBaseline = 'top';
    ctx.fillText(label, left + (isRightHalf ? -4 : 4) * ratio, bbox.top + (2 + 14 * index) * ratio);
    ctx.restore();
  }
}
