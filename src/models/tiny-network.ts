import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';

/** What is said of a file of weights in the record beside it; see training/. */
interface Weights {
  readonly format: number;
  readonly alphabet: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly sha256: string;
}

const FORMAT = 1;
const UNITS = 96;
const GATES = 3 * UNITS;
/** Rows that the kernel works on at once; the output has fewer symbols than two such blocks. */
const BLOCK = 32;
const OUTPUT_BLOCKS = 2;
/** The tensors of the file in their order, PyTorch's names behind them. */
const TENSORS = [
  'embedding', // embedding.weight
  'inputToGates', // recurrent.weight_ih_l0
  'stateToGates', // recurrent.weight_hh_l0
  'inputBias', // recurrent.bias_ih_l0
  'stateBias', // recurrent.bias_hh_l0
  'output', // output.weight
  'outputBias', // output.bias
] as const;

const BYTES = 4;
/** The prompts whose states are kept: a form's prompt begins as it did at the step before. */
const MAX_PROMPTS = 48;
const MAX_PROMPT_CHARS = 48;

/** The types of the compiler for programs without a page have no such global. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  affine(state: number, weights: number, bias: number, out: number, blocks: number): void;
  advance(input: number, gates: number, state: number, out: number): void;
}

/** A prompt with the states after each of its characters. */
interface Read {
  text: string;
  /** Place in memory of the state before the first character. */
  readonly at: number;
}

/**
 * A network of one layer of gated recurrent units over characters. It is exact to the last bit for the same weights and prompt on
 * each machine (`tiny/gru.wat`). States are kept by prompt, so a prompt that begins like an earlier one costs only what differs.
 */
export class TinyNetwork {
  readonly #alphabet: string;
  readonly #kernel: Kernel;
  readonly #floats: Float32Array;
  readonly #at: Readonly<Record<'inputs' | 'gates' | 'gateBias' | 'output' | 'outputBias' | 'sums' | 'scores', number>>;
  /** The latest last. */
  readonly #reads: Read[] = [];
  /** Where the answer's states go, one behind the other. */
  readonly #answer: number;
  #advanced = 0;

  /** @throws {UsageError} if the file and its record do not belong together. */
  constructor(kernel: Kernel, bytes: Uint8Array, weights: Weights) {
    const tensors = tensorsOf(bytes, weights);
    this.#alphabet = weights.alphabet;
    this.#kernel = kernel;
    let next = 0;
    const take = (floats: number) => {
      const at = next;
      next += floats * BYTES;
      return at;
    };
    const symbols = weights.alphabet.length + 1;
    this.#at = {
      inputs: take(symbols * GATES),
      gates: take(GATES * UNITS),
      gateBias: take(GATES),
      output: take(OUTPUT_BLOCKS * BLOCK * UNITS),
      outputBias: take(OUTPUT_BLOCKS * BLOCK),
      sums: take(GATES),
      scores: take(OUTPUT_BLOCKS * BLOCK),
    };
    for (let i = 0; i < MAX_PROMPTS; i++) this.#reads.push({ text: '', at: take((MAX_PROMPT_CHARS + 1) * UNITS) });
    this.#answer = take((MAX_ANSWER_CHARS + 1) * UNITS);
    kernel.memory.grow(Math.ceil(next / PAGE_BYTES));
    this.#floats = new Float32Array(kernel.memory.buffer);
    this.#load(tensors, symbols);
  }

  /** Characters that were read so far: what the work is in proportion to. */
  get advanced(): number {
    return this.#advanced;
  }

  /** Whether it knows all characters of a text. */
  knows(text: string): boolean {
    return text.length <= MAX_PROMPT_CHARS && [...text].every((symbol) => this.#alphabet.includes(symbol));
  }

  /**
   * Draws an answer, up to and with its full stop.
   * @param temperature 0 for the likeliest character each time
   */
  answer(prompt: string, temperature: number, random: Random): string {
    let state = this.#readPrompt(prompt);
    let text = '';
    while (text.length < MAX_ANSWER_CHARS && !text.endsWith('.')) {
      const code = drawn(this.#scoresAt(state), temperature, random);
      text += this.#alphabet[code - 1] ?? '?';
      state = this.#advance(state, code, this.#answer + text.length * UNITS * BYTES);
    }
    return text;
  }

  /** The probability of this answer at temperature 1; 0 for what it cannot write. */
  chanceOf(prompt: string, answer: string): number {
    if (answer.length > MAX_ANSWER_CHARS || !this.knows(answer)) return 0;
    let state = this.#readPrompt(prompt);
    let chance = 1;
    for (let i = 0; i < answer.length; i++) {
      const code = this.#alphabet.indexOf(answer[i]!) + 1;
      chance *= chanceOf(code, this.#scoresAt(state));
      if (i + 1 < answer.length) state = this.#advance(state, code, this.#answer + (i + 1) * UNITS * BYTES);
    }
    return chance;
  }

  /** @returns the place of the state after the prompt */
  #readPrompt(prompt: string): number {
    const reads = this.#reads;
    let [like, known] = [0, -1];
    for (let i = reads.length - 1; i >= 0 && known < prompt.length; i--) {
      const same = commonStart(reads[i]!.text, prompt);
      if (same > known) [like, known] = [i, same];
    }
    // A prompt that begins like an earlier one is written over it if most of it is the same, else over the oldest one.
    const earlier = reads[like]!;
    const read = reads.splice(2 * known >= prompt.length ? like : 0, 1)[0]!;
    reads.push(read);
    const start = earlier.at / BYTES;
    if (read !== earlier) this.#floats.copyWithin(read.at / BYTES, start, start + (known + 1) * UNITS);
    read.text = prompt;
    let state = read.at + known * UNITS * BYTES;
    for (let i = known; i < prompt.length; i++) {
      state = this.#advance(state, this.#alphabet.indexOf(prompt[i]!) + 1, state + UNITS * BYTES);
    }
    return state;
  }

  #advance(state: number, code: number, out: number): number {
    const { inputs, gates, gateBias, sums } = this.#at;
    this.#advanced++;
    this.#kernel.affine(state, gates, gateBias, sums, GATES / BLOCK);
    this.#kernel.advance(inputs + code * GATES * BYTES, sums, state, out);
    return out;
  }

  /** The scores of the symbols after this state; valid until the next call. */
  #scoresAt(state: number): Float32Array {
    const { output, outputBias, scores } = this.#at;
    this.#kernel.affine(state, output, outputBias, scores, OUTPUT_BLOCKS);
    return this.#floats.subarray(scores / BYTES, scores / BYTES + this.#alphabet.length + 1);
  }

  #load(tensors: Tensors, symbols: number): void {
    const at = this.#at;
    const floats = this.#floats;
    const embedded = tensors.embedding.length / symbols;
    for (let symbol = 0; symbol < symbols; symbol++) {
      for (let gate = 0; gate < GATES; gate++) {
        let sum = tensors.inputBias[gate]!;
        for (let i = 0; i < embedded; i++) {
          sum += tensors.inputToGates[gate * embedded + i]! * tensors.embedding[symbol * embedded + i]!;
        }
        floats[at.inputs / BYTES + symbol * GATES + gate] = sum;
      }
    }
    const putMatrix = (matrix: Float32Array, start: number) => {
      for (let row = 0; row < matrix.length / UNITS; row++) {
        const block = start + Math.floor(row / BLOCK) * BLOCK * UNITS + (row % BLOCK);
        for (let column = 0; column < UNITS; column++) floats[block + column * BLOCK] = matrix[row * UNITS + column]!;
      }
    };
    putMatrix(tensors.stateToGates, at.gates / BYTES);
    floats.set(tensors.stateBias, at.gateBias / BYTES);
    putMatrix(tensors.output, at.output / BYTES);
    floats.set(tensors.outputBias, at.outputBias / BYTES);
  }
}

const PAGE_BYTES = 65_536;
/** An answer has four; one that has not ended by then is cut off. */
const MAX_ANSWER_CHARS = 8;

type Tensors = Readonly<Record<(typeof TENSORS)[number], Float32Array>>;

function tensorsOf(bytes: Uint8Array, { format, shapes, sha256 }: Weights): Tensors {
  if (format !== FORMAT) {
    throw new UsageError(`expected weights of format ${FORMAT}, got format ${format}: install mdap again.`);
  }
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
    throw new UsageError(
      'the weights of model tiny are damaged (their hash is not that of their record): install mdap again.',
    );
  }
  const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / BYTES);
  let next = 0;
  const tensors: Record<string, Float32Array> = {};
  for (const name of TENSORS) {
    const count = shapes[name]!.reduce((product, size) => product * size, 1);
    tensors[name] = floats.subarray(next, next + count);
    next += count;
  }
  return tensors as Tensors;
}

/** Number of characters with which both begin. */
function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let same = 0;
  while (same < most && a.charCodeAt(same) === b.charCodeAt(same)) same++;
  return same;
}

function drawn(scores: Float32Array, temperature: number, random: Random): number {
  let best = 0;
  for (let code = 1; code < scores.length; code++) if (scores[code]! > scores[best]!) best = code;
  if (temperature === 0) return best;
  let total = 0;
  const weights = Array.from(scores, (score) => {
    const weight = Math.exp((score - scores[best]!) / temperature);
    total += weight;
    return weight;
  });
  let left = random() * total;
  for (let code = 0; code < weights.length; code++) {
    left -= weights[code]!;
    if (left < 0) return code;
  }
  return best;
}

function chanceOf(code: number, scores: Float32Array): number {
  const most = Math.max(...scores);
  let total = 0;
  for (const score of scores) total += Math.exp(score - most);
  return Math.exp(scores[code]! - most) / total;
}

/**
 * Loads the network with this number, which is the seed that it was trained with.
 * @throws {UsageError} if its files are damaged.
 */
export function loadTinyNetwork(number: number): TinyNetwork {
  const read = (name: string) => readFileSync(new URL(`tiny/${name}`, import.meta.url));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(read('gru.wasm')));
  const weights = JSON.parse(read(`${number}.json`).toString()) as Weights;
  // A copy, which begins where a list of floats may begin.
  return new TinyNetwork(exports as Kernel, new Uint8Array(read(`${number}.bin`)), weights);
}
