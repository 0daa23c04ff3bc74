import { Worker } from 'node:worker_threads';
import { UsageError } from '../core/errors.ts';
import type { TaskAnswer, Tasks } from './forecast-worker.ts';

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (reason: unknown) => void;
}

/** Makes forecasts in a separate thread, one after the other. The thread starts with the first request. */
export class Forecaster {
  #worker: Worker | undefined;
  #calls = 0;
  readonly #waiting = new Map<number, Waiting>();

  /**
   * Asks the thread for one forecast.
   * @throws {UsageError} for an input that cannot be predicted.
   */
  ask<Name extends keyof Tasks>(name: Name, input: Parameters<Tasks[Name]>[0]): Promise<ReturnType<Tasks[Name]>> {
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread().postMessage({ id, name, input });
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./forecast-worker.${extension}`, import.meta.url));
    worker.on('message', (answer: TaskAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('result' in answer) waiting?.resolve(answer.result as never);
      else waiting?.reject(answer.isUsage ? new UsageError(answer.failure) : new Error(answer.failure));
    });
    const end = (reason: unknown) => {
      this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(reason);
      this.#waiting.clear();
    };
    worker.on('error', end);
    worker.on('exit', () => end(new Error('the thread of forecasts has ended')));
    this.#worker = worker;
    return worker;
  }
}
