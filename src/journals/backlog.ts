import { type Row, WRITES } from './sqlite-rows.ts';

type Write = keyof typeof WRITES;
type Value = string | number | null;

const NAMES = Object.keys(WRITES) as Write[];
const CODES = Object.fromEntries(NAMES.map((name, code) => [name, code])) as Record<Write, number>;

/** The type of a value, stored in the byte before it. */
const NULL = 0;
const NUMBER = 1;
const TEXT = 2;
const NUMBER_BYTES = 8;
const LENGTH_BYTES = 4;
/** Maximum number of UTF-8 bytes of a UTF-16 code unit. */
const MAX_BYTES_PER_CHAR = 3;

const FIRST_BYTES = 64 * 1024;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/**
 * Rows that wait for a commit, as bytes outside of V8's heap. Objects would outlive two collections of the young
 * generation, and a long run would keep tens of megabytes of dead ones in the old generation. JSON would escape and parse
 * texts that are already JSON once more, which takes a tenth of the time of a fast run.
 */
export class Backlog {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = viewOf(this.#buffer);
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(row: Row): void {
    this.#makeRoom(row);
    const buffer = this.#buffer;
    const view = this.#view;
    let at = this.#bytes;
    buffer[at++] = CODES[row[0]];
    buffer[at++] = row.length - 1;
    for (let i = 1; i < row.length; i++) {
      const value = row[i] as Value;
      if (value === null) buffer[at++] = NULL;
      else if (typeof value === 'number') {
        buffer[at++] = NUMBER;
        view.setFloat64(at, value);
        at += NUMBER_BYTES;
      } else {
        buffer[at++] = TEXT;
        const length = buffer.write(value, at + LENGTH_BYTES);
        view.setUint32(at, length);
        at += LENGTH_BYTES + length;
      }
    }
    this.#bytes = at;
  }

  /** Yields the rows in the order in which they were added. */
  each(work: (write: Write, values: Value[]) => void): void {
    const buffer = this.#buffer;
    const view = this.#view;
    for (let at = 0; at < this.#bytes; ) {
      const write = NAMES[buffer[at++]!]!;
      const values = new Array<Value>(buffer[at++]!);
      for (let i = 0; i < values.length; i++) {
        const kind = buffer[at++];
        if (kind === NULL) values[i] = null;
        else if (kind === NUMBER) {
          values[i] = view.getFloat64(at);
          at += NUMBER_BYTES;
        } else {
          const start = at + LENGTH_BYTES;
          at = start + view.getUint32(at);
          values[i] = buffer.toString('utf8', start, at);
        }
      }
      work(write, values);
    }
  }

  clear(): void {
    this.#bytes = 0;
    // Memory that one reply of megabytes needed is released, not kept for the rest of the run.
    if (this.#buffer.length > MAX_KEPT_BYTES) this.#take(Buffer.allocUnsafeSlow(FIRST_BYTES));
  }

  #take(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
  }

  #makeRoom(row: Row): void {
    let most = this.#bytes + 2;
    for (let i = 1; i < row.length; i++) {
      const value = row[i];
      most += 1 + (typeof value === 'string' ? LENGTH_BYTES + MAX_BYTES_PER_CHAR * value.length : NUMBER_BYTES);
    }
    if (most <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * most);
    this.#buffer.copy(larger, 0, 0, this.#bytes);
    this.#take(larger);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
