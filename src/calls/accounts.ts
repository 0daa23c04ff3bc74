import type { Clock } from '../core/clock.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import { Account, type AccountLimits } from './account-queue.ts';

/** The accounts of a program, one for all runs that call a provider with the same key. */
export class Accounts {
  readonly #accounts = new Map<string, Account>();
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Returns undefined for a model without an account. Given limits apply to the account from now on. */
  of(model: Model, limits: AccountLimits = {}): Account | undefined {
    if (model.account === undefined) return undefined;
    let account = this.#accounts.get(model.account);
    if (account === undefined) {
      account = new Account(this.#clock, this.#random);
      this.#accounts.set(model.account, account);
    }
    account.allow(limits);
    return account;
  }
}
