import type { ItemCounts } from '../core/journal.ts';
import type { ItemResult, ItemSink } from '../engine/item.ts';
import { LINE, type Row } from './item-rows.ts';
import { type Fields, formatOf, RecordFile } from './record-file.ts';

export interface FileSinkOptions {
  /** The format of the input: a row of CSV is repeated beside its result. */
  readonly input: string;
  readonly output: string;
  /** The format of the failures: CSV only if the input is CSV. */
  readonly failures: string;
  /** Fields of a result that become columns of a CSV file. @default one column, with JSON if the result is not a text */
  readonly columns: readonly string[] | undefined;
}

/** The result with its place in the files. */
interface FileSink extends ItemSink {
  readonly counts: ItemCounts;
  close(): void;
}

/** Writes results as lines of a file and failures to another file; both are JSON Lines, or CSV by the file's name. */
export function fileSink({ input, output, failures, columns }: FileSinkOptions): FileSink {
  const done = new RecordFile(output);
  const failed = new RecordFile(failures);
  const beside = formatOf(input) === 'csv' ? fieldsOf : (source: Row) => ({ id: cell(idOf(source)) });
  const toFields = done.format === 'csv' ? (result: ItemResult) => csvResult(result, beside, columns) : jsonResult;
  let counts: ItemCounts = { done: 0, undecided: 0, invalid: 0 };
  return {
    get counts() {
      return counts;
    },
    restore(known: ItemCounts): void {
      done.keep(known.done, { isMade: true });
      failed.keep(known.undecided + known.invalid, { isMade: false });
      counts = { ...known };
    },
    write(result: ItemResult): void {
      counts[result.status]++;
      if (result.status === 'done') done.add(toFields(result));
      else failed.add(failed.format === 'csv' ? csvFailure(result) : jsonFailure(result));
    },
    flush(): void {
      done.flush();
      failed.flush();
    },
    close(): void {
      done.close();
      failed.close();
    },
  };
}

function fieldsOf(source: Row): Fields {
  return typeof source === 'object' && source !== null ? (source as Fields) : {};
}

function idOf(source: Row): unknown {
  return fieldsOf(source).id;
}

function jsonResult(result: ItemResult): Fields {
  const { index, result: value, votes, samples, isContested, settledBy, costUsd, isWrong, item } = result;
  const id = idOf(item.source);
  const certainty = rounded(result.certainty);
  const how = { votes, samples, contested: isContested, settledBy, certainty, costUsd, wrong: isWrong };
  return { index, id, result: value, ...how };
}

/** Rounds down, to two digits of the difference from 1 and to nine digits in all: no number of votes makes it certain. */
function rounded(certainty: number | null): number | null {
  if (certainty === null) return null;
  const doubt = Math.max(1 - certainty, MIN_DOUBT);
  const grain = Math.max(MIN_DOUBT, 10 ** (Math.floor(Math.log10(doubt)) - 1));
  // The last bit of a quotient must not increase an exact result.
  return Number((1 - Math.ceil(doubt / grain - 1e-6) * grain).toFixed(9));
}

const MIN_DOUBT = 1e-9;

function csvResult(
  result: ItemResult,
  beside: (source: Row) => Fields,
  columns: readonly string[] | undefined,
): Fields {
  const { index, result: value, votes, samples, isContested, certainty, costUsd, item } = result;
  const given = beside(item.source);
  // A column of the input is never overwritten.
  const columnOf = (name: string) => (name in given ? `result_${name}` : name);
  const fields = columns?.map((name) => [columnOf(name), cell((value as Fields | null)?.[name])] as const);
  return {
    ...given,
    ...(fields === undefined ? { [columnOf('result')]: cell(value) } : Object.fromEntries(fields)),
    mdap_index: index,
    mdap_votes: votes,
    mdap_samples: samples,
    mdap_contested: String(isContested),
    mdap_certainty: rounded(certainty) ?? '',
    mdap_cost_usd: costUsd ?? '',
  };
}

function jsonFailure({ index, status, reason, item }: ItemResult): Fields {
  const { [LINE]: line } = fieldsOf(item.source);
  const unread = line === undefined ? { line: item.source } : { [LINE]: line };
  const source = item.refusal === undefined ? { item: item.source } : unread;
  return { mdap_index: index, mdap_status: status, mdap_reason: reason, ...source };
}

function csvFailure({ index, status, reason, item }: ItemResult): Fields {
  const { [LINE]: line = '', ...fields } = fieldsOf(item.source);
  return { ...fields, mdap_index: index, mdap_status: status, mdap_reason: reason, [LINE]: line };
}

function cell(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
}
