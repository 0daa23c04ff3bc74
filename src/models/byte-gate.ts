/**
 * Lets calls through as long as the bytes that they hold are few enough, in the order in which they came. One that holds more
 * than the limit goes alone.
 */
export class ByteGate {
  readonly #limit: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @returns the function that gives the bytes back, to be called once
   * @throws the signal's reason when aborted while waiting.
   */
  async enter(bytes: number, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#waiting.length > 0 || !this.#hasRoom(bytes)) await this.#turn(bytes, signal);
    else this.#held += bytes;
    let isHeld = true;
    return () => {
      if (isHeld) this.#held -= bytes;
      isHeld = false;
      this.#next();
    };
  }

  #hasRoom(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#limit;
  }

  #turn(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(one), 1);
        reject(signal!.reason);
        this.#next();
      };
      const go = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const one = { bytes, go };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(one);
    });
  }

  #next(): void {
    for (let one = this.#waiting[0]; one !== undefined && this.#hasRoom(one.bytes); one = this.#waiting[0]) {
      this.#waiting.shift();
      this.#held += one.bytes;
      one.go();
    }
  }
}
