import { z } from 'zod';
import { candidateKey } from '../../core/candidate.ts';
import { defineProcess, type Process } from '../../core/process.ts';
import { createRandom, mix } from '../../core/random.ts';
import { type RedFlag, redFlag } from '../../core/red-flags.ts';
import { subtasksOf } from '../subtasks.ts';
import {
  createDocument,
  drawEdits,
  type Edit,
  edited,
  FIELDS,
  type Field,
  type Format,
  formatsAfter,
  isIn,
  isPlausibleResult,
  type Slice,
  START_FORMATS,
  slipsOf,
} from './round-trip-edits.ts';
import { MAIN, parseRecords, RECORDS_SYSTEM, VARIANTS, type Wording } from './round-trip-wordings.ts';
import { seedInput } from './seed-input.ts';

export interface RoundTripInput {
  /** Number of records of the document. One record is a slice. */
  readonly records: number;
  /** After each of them the document is to be what it was. */
  readonly trips: number;
  /** Number of edits of one trip. All are made, one after the other, then undone in the opposite order. */
  readonly edits: number;
  /** The document and the edits are drawn by this seed. */
  readonly seed: number;
}

export interface RoundTripState extends RoundTripInput {
  readonly step: number;
  readonly document: readonly Slice[];
  /** Where steps before this one are still being voted on: their records are not known. */
  readonly isAhead?: true;
}

/**
 * The relay of DELEGATE-52 (arXiv 2604.15597): edits of a document are made and later undone, and the document at the end must be
 * the one at the start, which needs no other reference. One edit of one record a step.
 */
export function roundTrip(): Process<RoundTripInput, RoundTripState, Slice> {
  // The edits of the last trip that was asked for are kept, since many steps have the same ones.
  let known:
    | { readonly seed: number; readonly trip: number; readonly count: number; readonly passes: Pass[] }
    | undefined;
  const passOf = (state: RoundTripState): Pass => {
    const { seed, edits: count } = state;
    const { trip, pass } = placeOf(state);
    if (known?.seed !== seed || known.trip !== trip || known.count !== count) {
      known = { seed, trip, count, passes: passesOf(state) };
    }
    return known.passes[pass]!;
  };
  const check = (action: Slice, state: RoundTripState): RedFlag | undefined =>
    checkResult(action, sliceOf(state), passOf(state));
  const reference = (state: RoundTripState): Slice => edited(sliceOf(state), passOf(state).edit);
  const promptOf =
    ({ system, show }: Wording) =>
    (state: RoundTripState) => ({ system, user: show(passOf(state).edit, sliceOf(state), titleOf(state)) });

  const process: Process<RoundTripInput, RoundTripState, Slice> = defineProcess<RoundTripInput, RoundTripState, Slice>({
    name: 'round-trip',
    version: '1',
    input: z.strictObject({
      records: z.number().int().min(1).max(1000, 'expected at most 1000 records: all of them are part of each state'),
      trips: z.number().int().min(1).max(100_000).default(1),
      edits: z.number().int().min(1).max(20).default(1),
      seed: seedInput,
    }),
    start: (input) => ({ ...input, step: 0, document: createDocument(input) }),
    steps: stepsOf,
    isDone: (state) => state.step >= stepsOf(state),
    prompt: promptOf(MAIN),
    variants: VARIANTS.map((wording) => ({ ...wording, prompt: promptOf(wording) })),
    parse: MAIN.parse,
    check,
    key: keyOf,
    apply: (state, action) => {
      if (state.isAhead) throw new Error('expected a state whose records are all known');
      return { ...state, step: state.step + 1, document: state.document.with(placeOf(state).record, action) };
    },
    independence: {
      focus: ({ document, isAhead: _, ...state }) => ({ ...state, slice: sliceOf({ document, ...state }) }),
      // The next step edits the next record. The first record waits until all have had their edit.
      next: (state) =>
        placeOf(state).record + 1 < state.records ? { ...state, step: state.step + 1, isAhead: true } : undefined,
    },
    reference,
    reply: MAIN.reply,
    simulation: {
      mistakes: (state) => {
        const right = keyOf(reference(state));
        const found = new Map(
          slipsOf(sliceOf(state), passOf(state).edit)
            .filter((slip) => check(slip, state) === undefined)
            .map((slip) => [keyOf(slip), slip]),
        );
        return [...found].flatMap(([key, slip]) => (key === right ? [] : [slip]));
      },
    },
    subtasks: (edits) =>
      subtasksOf(process, edits, {
        steps: (input) => Math.ceil(stepsOf(input) / edits),
        prompt: (state, count) => ({ system: RECORDS_SYSTEM, user: showEdits(state, count) }),
        parse: (text, { step, records }) => parseRecords(text, (i) => ((step + i) % records) + 1, edits),
        reply: (slices, { step, records }) =>
          slices.map((slice, i) => `${((step + i) % records) + 1}: ${MAIN.reply(slice)}`).join('\n'),
      }),
  });
  return process;

  /** The records that so many edits are for, then the edits. */
  function showEdits(state: RoundTripState, count: number): string {
    const places = Array.from({ length: count }, (_, i) => ({ ...state, step: state.step + i }));
    const slices = places
      .slice(0, state.records)
      .map((place) => `${placeOf(place).record + 1}: ${MAIN.reply(sliceOf(place))}`);
    const edits = places.map((place) => `${MAIN.describe(passOf(place).edit)} (${titleOf(place)})`);
    return [...slices, ...edits].join('\n');
  }
}

/** The values alone: their names are known. */
function keyOf(slice: Slice): string {
  return JSON.stringify(FIELDS.map((field) => slice[field]));
}

/** One edit of all records, made or undone. */
interface Pass {
  readonly edit: Edit;
  /** What the edit leads to. */
  readonly formats: Readonly<Record<Field, Format>>;
}

function stepsOf({ records, trips, edits }: RoundTripInput): number {
  return records * trips * edits * 2;
}

function placeOf({ step, records, edits }: Pick<RoundTripState, 'step' | 'records' | 'edits'>): {
  trip: number;
  /** Number of the pass within its trip, from 0. */
  pass: number;
  record: number;
} {
  const passes = Math.floor(step / records);
  return { trip: Math.floor(passes / (2 * edits)), pass: passes % (2 * edits), record: step % records };
}

function sliceOf(state: RoundTripState): Slice {
  return state.document[placeOf(state).record]!;
}

/** Another one for each step, so that no two prompts of a run are the same: a cache on the way would answer the same again. */
function titleOf(state: RoundTripState): string {
  const { record } = placeOf(state);
  return `Edit ${(state.step - record) / state.records + 1} of record ${record + 1}`;
}

/** @returns the passes of the trip that the state is in */
function passesOf(state: RoundTripState): Pass[] {
  const forth = drawEdits(state.edits, createRandom(mix(state.seed, 0xed17, placeOf(state).trip)));
  const back = forth.toReversed().map((edit) => ({ ...edit, isUndone: true }));
  const passes: Pass[] = [];
  for (const edit of [...forth, ...back]) {
    passes.push({ edit, formats: formatsAfter(edit, passes.at(-1)?.formats ?? START_FORMATS) });
  }
  return passes;
}

/** What can be seen without making the edit: other fields are as they were, and the changed ones are written as they should. */
function checkResult(result: Slice, slice: Slice, { edit, formats }: Pass): RedFlag | undefined {
  for (const field of FIELDS) {
    const value = result[field];
    if (!edit.fields.includes(field) && value !== slice[field]) {
      return redFlag('illegal', `the edit is not about "${field}", which was ${slice[field]}, got ${value}`);
    }
    if (!isIn(formats[field], value)) {
      return redFlag('illegal', `after this edit "${field}" cannot be ${JSON.stringify(value)}`);
    }
  }
  if (isPlausibleResult(result, slice, edit)) return undefined;
  return redFlag('illegal', `"${edit.fields.join('" and "')}" cannot be that after this edit`);
}

/** Whether a document is again what it was at the start, all of it. */
export function isRightRoundTrip({
  document,
  records,
  seed,
}: Pick<RoundTripState, 'document' | 'records' | 'seed'>): boolean {
  return candidateKey(document) === candidateKey(createDocument({ records, seed }));
}
