import type { Clock } from '../core/clock.ts';
import { isMap } from '../core/journal.ts';
import { allRuns, type JournalReader, type LiveRun, requireRun } from '../core/journal-reader.ts';
import type { RunCharts, RunCommands, RunDetail, RunList, RunSummary } from '../inspection/api.ts';
import { FiguresCache, waitBriefly } from '../inspection/figures.ts';
import type { Forecaster } from '../inspection/forecaster.ts';
import type { Processes } from '../inspection/processes.ts';
import { Refusal } from '../inspection/refusal.ts';
import { forecastRun, type RunForecast } from '../inspection/run-plan.ts';
import { openStepOf, recordedRun, summaryOf } from '../inspection/views.ts';
import { type Certificate, certificateOf } from '../statistics/certificate.ts';
import { runWithFlags, summaryWithFlags } from './flag-sentences.ts';

/** Returns the commands that show and continue a run on the command line. */
export type CommandsOf = (live: LiveRun) => RunCommands;

const MAX_NOTES = 200;

const PLAN_PENDING: RunForecast = { missing: 'the plan is being worked out: ask again.' };

/** Answers what is asked about the runs of a journal. */
export class Runs {
  readonly #reader: JournalReader;
  readonly #clock: Clock;
  readonly #forecaster: Forecaster;
  readonly #processes: Processes;
  readonly #commandsOf: CommandsOf;
  readonly #figures: FiguresCache;
  readonly #certificates = new Map<string, { steps: number; certificate: Certificate | null }>();
  #findingOut: Promise<void> | undefined;
  readonly #plans = new Map<string, { predicted: RunForecast | undefined; work: Promise<void> }>();

  constructor(options: {
    readonly reader: JournalReader;
    readonly clock: Clock;
    readonly forecaster: Forecaster;
    readonly processes: Processes;
    readonly commandsOf: CommandsOf;
  }) {
    this.#reader = options.reader;
    this.#clock = options.clock;
    this.#forecaster = options.forecaster;
    this.#processes = options.processes;
    this.#commandsOf = options.commandsOf;
    this.#figures = new FiguresCache(options.reader, options.clock);
  }

  async list(): Promise<RunList> {
    const runs = await allRuns(this.#reader);
    this.#findingOut ??= this.#findOut(runs).finally(() => {
      this.#findingOut = undefined;
    });
    await waitBriefly(this.#findingOut, this.#clock);
    return { runs: runs.map((live) => this.#summaryOf(live, this.#knownCertificate(live))) };
  }

  /** Works out lengths and certificates: some ten milliseconds a run. Other requests are answered in between. */
  async #findOut(runs: readonly LiveRun[]): Promise<void> {
    for (const live of runs) await this.#processes.steps(live);
    for (const live of runs) {
      if (live.isWriting || this.#knownCertificate(live) !== undefined) continue;
      this.#certificate(live);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  summaryOf(live: LiveRun): RunSummary {
    return this.#summaryOf(live, live.isWriting ? null : this.#certificate(live));
  }

  #summaryOf(live: LiveRun, certificate: Certificate | null | undefined): RunSummary {
    return summaryWithFlags(
      summaryOf(live, { totalSteps: this.#processes.knownSteps(live), certificate: certificate ?? null }),
    );
  }

  async detail(runId: string): Promise<RunDetail> {
    const found = await requireRun(this.#reader, runId);
    const totalSteps = await this.#processes.steps(found);
    const predicted = await this.#forecast(found);
    const shown = await this.#shownBy(found);
    // The runs are read again, since the work above may have taken long and all parts of the answer must be of one moment.
    const live = await requireRun(this.#reader, runId);
    return {
      ...runWithFlags(
        recordedRun(live, {
          totalSteps,
          certificate: this.#certificate(live),
          notes: await this.#reader.notes(runId, { limit: MAX_NOTES }),
          forecast: predicted,
          commands: this.#commandsOf(live),
        }),
      ),
      processVersion: live.fingerprint.version,
      isPlanPending: predicted === PLAN_PENDING,
      ...shown,
      openStep: await openStepOf(this.#reader, live),
    };
  }

  /** Whether the run's process shows its states, and how. */
  async #shownBy(live: LiveRun): Promise<Pick<RunDetail, 'hasPicture' | 'hasOutline'>> {
    if (isMap(live)) return { hasPicture: false, hasOutline: false };
    const process = await this.#processes.of(live).catch(() => undefined);
    return { hasPicture: process?.view?.render !== undefined, hasOutline: process?.view?.outline !== undefined };
  }

  async charts(runId: string): Promise<RunCharts> {
    return this.#figures.chartsOf(await requireRun(this.#reader, runId));
  }

  #certificate(live: LiveRun): Certificate | null {
    const known = this.#knownCertificate(live);
    if (known !== undefined) return known;
    const { key, totals } = live;
    const certificate = certificateOf(totals.tallies, totals) ?? null;
    this.#certificates.set(key, { steps: totals.steps, certificate });
    return certificate;
  }

  /** Returns the certificate of a run; undefined if it has not been computed for these steps. */
  #knownCertificate({ key, totals }: LiveRun): Certificate | null | undefined {
    const known = this.#certificates.get(key);
    return known?.steps === totals.steps ? known.certificate : undefined;
  }

  /** Forecasts a run. If this takes long, the present answer omits it and a later one has it. */
  async #forecast(live: LiveRun): Promise<RunForecast> {
    const { settings, totals, isWriting } = live;
    const stepsSoFar = isMap(live) && !isWriting ? totals.steps : null;
    const key = [live.key, JSON.stringify(settings), stepsSoFar].join();
    let known = this.#plans.get(key);
    if (known === undefined) {
      const work = async () => {
        known!.predicted = await this.#processes
          .of(live)
          .then((process) => forecastRun(live, process, this.#forecaster))
          .catch((thrown) => {
            if (thrown instanceof Refusal) return { missing: thrown.message };
            throw thrown;
          });
      };
      known = { predicted: undefined, work: Promise.resolve() };
      known.work = work();
      this.#plans.set(key, known);
      known.work.catch(() => this.#plans.delete(key));
    }
    await waitBriefly(known.work, this.#clock);
    return known.predicted ?? PLAN_PENDING;
  }
}
