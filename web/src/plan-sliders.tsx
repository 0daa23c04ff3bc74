import { digits, percent, short } from './format.ts';

/** The figures to plan with. Their names are those in the address of the page. */
interface Chosen {
  readonly steps: number;
  readonly p: number;
  readonly v: number;
  readonly rho: number;
  readonly target: number;
  /** The margin; 0 is the smallest that reaches the target. */
  readonly k: number;
  readonly m: number;
  readonly sampleCostUsd: number;
}

const AT_FIRST: Chosen = {
  steps: 1_000_000,
  p: 0.998,
  v: 0.99,
  rho: 0,
  target: 0.95,
  k: 0,
  m: 1,
  sampleCostUsd: 0.0004,
};
export const NAMES = Object.keys(AT_FIRST) as (keyof Chosen)[];

interface Slider {
  readonly name: keyof Chosen;
  readonly label: string;
  readonly about: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** Converts a value to a place of the slider, and back. */
  readonly place: (value: number) => number;
  readonly value: (place: number) => number;
  readonly show: (value: number) => string;
}

const itself = (value: number) => value;
/** Converts a share to its number of nines: that of 0.99 is 2. */
export const nines = (share: number) => -Math.log10(1 - share);
const fromNines = (place: number) => Number((1 - 10 ** -place).toPrecision(6));
const logPlace = (value: number) => Math.log10(value);
const round = (value: number) => Number(value.toPrecision(2));

export const SLIDERS: readonly Slider[] = [
  {
    name: 'steps',
    label: 's',
    about: 'steps of the run',
    min: 0,
    max: 9,
    step: 0.1,
    place: logPlace,
    value: (place) => Math.round(round(10 ** place)),
    show: short,
  },
  {
    name: 'p',
    label: 'p',
    about: 'chance that a vote is right',
    min: nines(0.51),
    max: 5,
    step: 0.01,
    place: nines,
    value: fromNines,
    show: (value) => digits(value, 6),
  },
  {
    name: 'v',
    label: 'v',
    about: 'share of samples that become votes',
    min: 0.01,
    max: 1,
    step: 0.01,
    place: itself,
    value: itself,
    show: (value) => digits(value, 4),
  },
  {
    name: 'rho',
    label: 'rho',
    about: 'how alike the errors of one step are',
    min: 0,
    max: 0.5,
    step: 0.005,
    place: itself,
    value: itself,
    show: (value) => digits(value),
  },
  {
    name: 'target',
    label: 't',
    about: 'chance wanted for no wrong decision',
    min: nines(0.5),
    max: 4,
    step: 0.01,
    place: nines,
    value: fromNines,
    show: percent,
  },
  {
    name: 'k',
    label: 'k',
    about: 'lead that decides',
    min: 0,
    max: 40,
    step: 1,
    place: itself,
    value: itself,
    show: (value) => (value === 0 ? 'the least' : String(value)),
  },
  {
    name: 'm',
    label: 'm',
    about: 'steps of one subtask',
    min: 0,
    max: 3,
    step: 0.05,
    place: logPlace,
    value: (place) => Math.round(10 ** place),
    show: String,
  },
  {
    name: 'sampleCostUsd',
    label: 'c',
    about: 'price of a sample',
    min: -6,
    max: 0,
    step: 0.05,
    place: logPlace,
    value: (place) => round(10 ** place),
    show: (value) => `$${digits(value)}`,
  },
];

export function Slide(props: { slider: Slider; value: number; isDisabled: boolean; onValue: (value: number) => void }) {
  const { slider, value, isDisabled, onValue } = props;
  return (
    <label class="slider" title={isDisabled ? 'The formulas for subtasks take rho as 0.' : undefined}>
      <span>
        <b>{slider.label}</b> {slider.about}
      </span>
      <span class="value">{slider.show(value)}</span>
      <input
        type="range"
        min={slider.min}
        max={slider.max}
        step={slider.step}
        value={slider.place(value)}
        disabled={isDisabled}
        aria-valuetext={slider.show(value)}
        onInput={({ currentTarget }) => onValue(slider.value(Number(currentTarget.value)))}
      />
    </label>
  );
}

/** Reads the figures from the address of the page, with standard values for those that it does not have. */
export function chosenInAddress(): Chosen {
  const given = new URLSearchParams(location.search);
  const entries = SLIDERS.map(({ name, place, min, max }) => {
    const value = Number(given.get(name) ?? Number.NaN);
    const isUsable = place(value) >= min && place(value) <= max;
    return [name, isUsable ? value : AT_FIRST[name]];
  });
  return Object.fromEntries(entries);
}
