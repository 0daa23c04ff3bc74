/** One durable-workflow library as the benchmark sees it: a chain of dependent steps, each persisted. */
export type Peer = {
  name: string;
  version: string;
  /** What decides durability and speed, in words for the report. */
  settings: string;
  run<S>(options: PeerRun<S>): Promise<PeerResult<S>>;
};

export type PeerRun<S> = {
  steps: number;
  /** An existing folder; the peer writes its database there, and nowhere else. */
  folder: string;
  /** The work of one step: gets the step's index, from 0, and the state before it; returns the state after it. */
  step: (stepIndex: number, state: S) => Promise<S>;
  /** JSON-safe, as every later state must be: both peers store it as JSON. */
  start: S;
};

export type PeerResult<S> = {
  /** From the start of the chain until its last step is persisted; opening the database is left out. */
  seconds: number;
  finalState: S;
};
