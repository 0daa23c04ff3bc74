import type { Race } from '../statistics/stop-rules.ts';
import type { Failed, Landed } from './draws.ts';
import type { Ladder } from './escalation.ts';

/**
 * The draws of a step that are in flight, in the order in which they are counted, and the voters of the draws that will follow.
 */
export class DrawQueue<Action> {
  readonly #race: Race;
  readonly #ladder: Ladder;
  readonly #numbers: { readonly next: number };
  readonly #draws: { readonly voter: number; readonly landing: Promise<Landed<Action> | Failed> }[] = [];
  /** Voters of the draws in flight, then of those that would follow; kept where each is chosen by those before it. */
  readonly #ahead: number[] = [];

  /** @param numbers the number of the draw that comes next; others may take numbers as well */
  constructor(race: Race, ladder: Ladder, numbers: { readonly next: number }) {
    this.#race = race;
    this.#ladder = ladder;
    this.#numbers = numbers;
  }

  get length(): number {
    return this.#draws.length;
  }

  push(voter: number, landing: Promise<Landed<Action> | Failed>): void {
    this.#draws.push({ voter, landing });
  }

  /** Returns the draw that is counted next. The queue must not be empty. */
  shift(): Promise<Landed<Action> | Failed> {
    return this.#draws.shift()!.landing;
  }

  /** Resolves when all of them have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#draws.map(({ landing }) => landing));
  }

  /** Chooses the next voters again, because a vote or a flag was counted or the rung has changed. */
  forgetVoters(): void {
    if (this.#ahead.length > 0) this.#ahead.length = 0;
  }

  /** Returns the voter class that has, or would have, the draw at this position of the queue. */
  readonly voterAt = (place: number): number => {
    const ahead = this.#ahead;
    if (this.#race.next === undefined) return this.#voterAt(place, ahead);
    while (ahead.length <= place) ahead.push(this.#voterAt(ahead.length, ahead));
    return ahead[place]!;
  };

  #voterAt(place: number, pending: readonly number[]): number {
    const draws = this.#draws;
    if (place < draws.length) return draws[place]!.voter;
    return this.#ladder.voterOf(this.#numbers.next + place - draws.length, this.#race, pending);
  }
}
