import type { AheadEntry, SampleEntry } from '../core/step-entries.ts';

/** Samples of later steps, by step, so that work on one step costs the same however many steps there are. */
export class AheadSamples {
  readonly #steps = new Map<number, AheadEntry[]>();

  constructor(entries: readonly AheadEntry[]) {
    for (const entry of entries) this.add(entry);
  }

  get all(): SampleEntry[] {
    return [...this.#steps.values()].flatMap((entries) => entries.map(({ sample }) => sample));
  }

  of(stepIndex: number): readonly AheadEntry[] {
    return this.#steps.get(stepIndex) ?? [];
  }

  add(entry: AheadEntry): void {
    const { stepIndex } = entry.sample;
    const entries = this.#steps.get(stepIndex);
    if (entries === undefined) this.#steps.set(stepIndex, [entry]);
    else entries.push(entry);
  }

  delete(sample: SampleEntry): void {
    const others = this.of(sample.stepIndex).filter((one) => one.sample !== sample);
    if (others.length > 0) this.#steps.set(sample.stepIndex, others);
    else this.#steps.delete(sample.stepIndex);
  }

  /** Removes the samples of a step that is decided. */
  take(stepIndex: number): SampleEntry[] {
    const entries = this.of(stepIndex);
    this.#steps.delete(stepIndex);
    return entries.map(({ sample }) => sample);
  }

  clear(): void {
    this.#steps.clear();
  }
}
