/**
 * A chain of votes, whatever leads when, against a model that is written down as a list:
 * 1. It is the step being decided and at most `depth` after it; each is on the state that the leader before it leads to.
 * 2. When a leader changes, all that was built on it is dropped, the furthest first, each once; nothing else is.
 * 3. A decision keeps what was built on it, and drops what was built on another; a state that was not guessed drops all.
 * 4. Nothing starts behind a vote without a leader, where there is no successor, or while nothing may start.
 * 5. While one of its votes is tied nothing is started.
 * 6. What a vote says that is decided or dropped changes nothing.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { type OpenVote, Speculation } from './speculation.ts';

/** The actions so far: no two ways lead to one state. */
type State = string;

class Vote implements OpenVote<State> {
  readonly stepIndex: number;
  readonly state: State;
  readonly lead: (candidate: string, isTied?: boolean) => void;
  readonly #dropped: Vote[];

  constructor(stepIndex: number, state: State, lead: Vote['lead'], dropped: Vote[]) {
    this.stepIndex = stepIndex;
    this.state = state;
    this.lead = lead;
    this.#dropped = dropped;
  }

  drop(): void {
    this.#dropped.push(this);
  }
}

interface ChainOptions {
  readonly depth: number;
  readonly end?: number;
  readonly mayStart?: () => boolean;
}

function makeChain({ depth, end = Number.POSITIVE_INFINITY, mayStart = () => true }: ChainOptions) {
  const opened: Vote[] = [];
  const dropped: Vote[] = [];
  const start = (stepIndex: number, state: State): Vote => {
    const vote: Vote = new Vote(
      stepIndex,
      state,
      (candidate, isTied = false) => speculation.lead(vote, { candidate, action: candidate, isTied }),
      dropped,
    );
    opened.push(vote);
    return vote;
  };
  const speculation = new Speculation<State, string, Vote>({
    depth,
    open: start,
    successor: (state, action, stepIndex) => (stepIndex + 1 < end ? state + action : undefined),
    mayStart,
    isOn: (vote, state) => vote.state === state,
  });
  const chain = {
    head: (stepIndex: number, state: State): Vote => {
      let head = speculation.head(stepIndex, state);
      if (head === undefined) {
        head = start(stepIndex, state);
        speculation.begin(head);
      }
      speculation.extend();
      return head;
    },
    settle: (candidate: string) => speculation.settle(candidate),
    drop: () => speculation.drop(),
  };
  return { chain, opened, dropped };
}

const states = (votes: readonly Vote[]) => votes.map(({ state }) => state);

describe('a chain of votes', () => {
  test('grows behind its leaders, up to its depth', () => {
    const { chain, opened } = makeChain({ depth: 2 });
    const head = chain.head(0, '');
    assert.deepEqual(states(opened), ['']);
    head.lead('a');
    opened[1]!.lead('b');
    opened[2]!.lead('c');
    assert.deepEqual(states(opened), ['', 'a', 'ab']);
    chain.settle('a');
    assert.equal(chain.head(1, 'a'), opened[1]);
    assert.deepEqual(states(opened), ['', 'a', 'ab', 'abc']);
    assert.deepEqual(
      opened.map(({ stepIndex }) => stepIndex),
      [0, 1, 2, 3],
    );
  });

  test('of depth 0 is one vote', () => {
    const { chain, opened, dropped } = makeChain({ depth: 0 });
    chain.head(0, '').lead('a');
    chain.settle('a');
    chain.head(1, 'a');
    assert.deepEqual([states(opened), dropped], [['', 'a'], []]);
  });

  test('loses all that was built on a leader that changes, the furthest first', () => {
    const { chain, opened, dropped } = makeChain({ depth: 3 });
    for (const candidate of ['a', 'b', 'c']) {
      if (opened.length === 0) chain.head(0, '');
      opened.at(-1)!.lead(candidate);
    }
    opened[1]!.lead('x');
    assert.deepEqual(states(dropped), ['abc', 'ab']);
    opened[0]!.lead('y');
    assert.deepEqual(states(dropped), ['abc', 'ab', 'ax', 'a']);
    assert.deepEqual(states(opened), ['', 'a', 'ab', 'abc', 'ax', 'y']);
  });

  test('a leader that is reported again changes nothing', () => {
    const { chain, opened, dropped } = makeChain({ depth: 1 });
    const head = chain.head(0, '');
    for (let i = 0; i < 3; i++) head.lead('a');
    assert.deepEqual([states(opened), dropped], [['', 'a'], []]);
  });

  test('a decision for another candidate drops what was built', () => {
    const { chain, opened, dropped } = makeChain({ depth: 2 });
    chain.head(0, '').lead('a');
    opened[1]!.lead('b');
    chain.settle('z');
    assert.deepEqual(states(dropped), ['ab', 'a']);
    chain.head(1, 'z');
    assert.deepEqual(states(opened), ['', 'a', 'ab', 'z']);
  });

  test('a state or a step that was not guessed starts again', () => {
    for (const [stepIndex, state] of [
      [1, 'other'],
      [2, 'a'],
    ] as const) {
      const { chain, opened, dropped } = makeChain({ depth: 2 });
      chain.head(0, '').lead('a');
      opened[1]!.lead('b');
      chain.settle('a');
      assert.equal(chain.head(stepIndex, state), opened[3]);
      assert.deepEqual(states(dropped), ['ab', 'a']);
    }
  });

  test('a decision before anything leads, or before anything is asked, is no trouble', () => {
    const { chain, opened, dropped } = makeChain({ depth: 2 });
    chain.settle('a');
    chain.head(0, '');
    chain.settle('a');
    chain.head(1, 'a');
    assert.deepEqual([states(opened), dropped], [['', 'a'], []]);
  });

  test('nothing starts behind the end, and nothing while nothing may start', () => {
    const { chain, opened } = makeChain({ depth: 5, end: 2 });
    chain.head(0, '').lead('a');
    opened[1]!.lead('b');
    assert.deepEqual(states(opened), ['', 'a']);

    let isAllowed = false;
    const held = makeChain({ depth: 5, mayStart: () => isAllowed });
    held.chain.head(0, '').lead('a');
    assert.deepEqual(states(held.opened), ['']);
    isAllowed = true;
    held.chain.settle('a');
    held.chain.head(1, 'a').lead('b');
    assert.deepEqual(states(held.opened), ['', 'a', 'ab']);
  });

  test('while a vote is tied nothing is started, near it or far; what was built on it waits', () => {
    const { chain, opened, dropped } = makeChain({ depth: 5 });
    const head = chain.head(0, '');
    head.lead('a');
    opened[1]!.lead('b');
    head.lead('a', true);
    opened[2]!.lead('c');
    assert.deepEqual([states(opened), dropped], [['', 'a', 'ab'], []]);
    head.lead('a');
    assert.deepEqual(states(opened), ['', 'a', 'ab', 'abc']);
    opened[3]!.lead('d', true);
    assert.deepEqual(states(opened), ['', 'a', 'ab', 'abc']);
  });

  test('what is dropped or decided builds nothing, and tears nothing down', () => {
    const { chain, opened, dropped } = makeChain({ depth: 2 });
    const first = chain.head(0, '');
    first.lead('a');
    const guess = opened[1]!;
    first.lead('b');
    guess.lead('c');
    assert.deepEqual(states(opened), ['', 'a', 'b']);
    chain.settle('b');
    first.lead('d');
    assert.deepEqual(states(dropped), ['a']);
    assert.equal(chain.head(1, 'b'), opened[2]);
  });

  test('given up, it drops the step being decided too', () => {
    const { chain, opened, dropped } = makeChain({ depth: 2 });
    chain.head(0, '').lead('a');
    chain.drop();
    assert.deepEqual(states(dropped), ['a', '']);
    chain.drop();
    assert.equal(dropped.length, 2);
    assert.notEqual(chain.head(0, ''), opened[0]);
  });

  test('is as the naive model, whatever leads when (1 to 6)', () => {
    const candidate = fc.constantFrom('a', 'b', 'c');
    const isTied = fc.nat(3).map((one) => one === 0);
    const act = fc.oneof(
      // Any vote that was ever opened, so also those that are gone; mostly a late one.
      { weight: 8, arbitrary: fc.record({ type: fc.constant('lead' as const), back: fc.nat(6), candidate, isTied }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('settle' as const), candidate, isGuess: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('allow' as const), isAllowed: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('elsewhere' as const), candidate }) },
    );
    const given = fc.record({
      depth: fc.nat(5),
      end: fc.integer({ min: 1, max: 12 }),
      acts: fc.array(act, { maxLength: 60 }),
    });
    const property = fc.property(given, ({ depth, end, acts }) => {
      let isAllowed = true;
      const { chain, opened, dropped } = makeChain({ depth, end, mayStart: () => isAllowed });
      const naive = new NaiveChain({ depth, end, mayStart: () => isAllowed });
      chain.head(0, '');
      naive.head('');
      for (const one of acts) {
        if (one.type === 'allow') ({ isAllowed } = one);
        else if (one.type === 'lead') {
          const index = Math.max(0, opened.length - 1 - one.back);
          opened[index]!.lead(one.candidate, one.isTied);
          naive.lead(index, one);
        } else {
          const { state } = opened[naive.chain[0]!]!;
          const leader = naive.leaderOf(naive.chain[0]!);
          const decided = one.type === 'settle' && one.isGuess && leader !== undefined ? leader : one.candidate;
          const next = one.type === 'settle' ? state + decided : `${state}${decided}?`;
          if (next.length >= end) break;
          chain.settle(decided);
          naive.settle(decided);
          assert.equal(chain.head(next.length, next), opened[naive.head(next)]);
        }
        assert.deepEqual(states(opened), naive.opened);
        assert.deepEqual(states(dropped), naive.dropped);
        assert.ok(naive.chain.length <= depth + 1);
      }
      assert.equal(new Set(dropped).size, dropped.length, 'each once');
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});

/** The same, as a list of the votes in it: made again each time from the leaders, without the votes that are no longer valid. */
class NaiveChain {
  readonly #options: Required<Pick<ChainOptions, 'depth' | 'end' | 'mayStart'>>;
  readonly opened: State[] = [];
  readonly dropped: State[] = [];
  /** Indices into `opened`. */
  chain: number[] = [];
  readonly #leaders = new Map<number, { readonly candidate: string; readonly isTied: boolean }>();

  constructor(options: Required<Pick<ChainOptions, 'depth' | 'end' | 'mayStart'>>) {
    this.#options = options;
  }

  leaderOf(index: number): string | undefined {
    return this.#leaders.get(index)?.candidate;
  }

  head(state: State): number {
    if (this.chain.length === 0 || this.opened[this.chain[0]!] !== state) {
      this.#cut(0);
      this.chain.push(this.opened.push(state) - 1);
    }
    this.#grow();
    return this.chain[0]!;
  }

  lead(index: number, leader: { readonly candidate: string; readonly isTied: boolean }): void {
    const { candidate } = leader;
    this.#leaders.set(index, leader);
    const place = this.chain.indexOf(index);
    const next = this.chain[place + 1];
    if (place < 0) return;
    if (next !== undefined && this.opened[next] !== this.opened[index]! + candidate) this.#cut(place + 1);
    this.#grow();
  }

  settle(candidate: string): void {
    const [head, next] = this.chain;
    if (head === undefined) return;
    const isTrue = next !== undefined && this.opened[next] === this.opened[head]! + candidate;
    if (!isTrue) this.#cut(1);
    this.chain.shift();
  }

  #cut(place: number): void {
    for (const index of this.chain.splice(place).reverse()) this.dropped.push(this.opened[index]!);
  }

  #grow(): void {
    const { depth, end, mayStart } = this.#options;
    while (this.chain.length > 0 && this.chain.length <= depth && mayStart()) {
      const last = this.chain.at(-1)!;
      const leader = this.leaderOf(last);
      const state = this.opened[last]!;
      if (this.chain.some((index) => this.#leaders.get(index)?.isTied)) return;
      if (leader === undefined || state.length + 1 >= end) return;
      this.chain.push(this.opened.push(state + leader) - 1);
    }
  }
}
