import { existsSync } from 'node:fs';
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { validator } from 'hono/validator';
import { UsageError } from '../core/errors.ts';
import { RED_FLAG_CODES } from '../core/red-flags.ts';
import type {
  ApiError,
  CalibrationForecast,
  CalibrationList,
  DecideAnswer,
  Outline,
  PlanAnswer,
  RunCharts,
  RunDetail,
  RunList,
  SampleView,
  ServerInfo,
  StepContext,
  StepDetail,
  StepFilter,
  StepPage,
} from '../inspection/api.ts';
import type { PictureTheme } from '../inspection/picture.ts';
import { answerPlan } from '../inspection/plan-curves.ts';
import { Refusal, refusedAnswer } from '../inspection/refusal.ts';
import type { Calibrations } from './calibrations.ts';
import { type Feed, streamRun, streamRuns } from './events.ts';
import { type GuardOptions, guard, isData, protectiveHeaders } from './guard.ts';
import type { Steps } from './steps.ts';

export interface AppOptions extends Feed {
  readonly steps: Steps;
  readonly guard: GuardOptions;
  readonly calibrations: Calibrations;
  readonly version: string;
  /** The folder with the pages, as built. */
  readonly pages: string;
  /** What was not foreseen. */
  readonly onError: (thrown: unknown) => void;
}

/** Of a decision that is sent: actions may be as large as replies. */
const MAX_BODY_BYTES = 16 * 2 ** 20;
const FILTERS: readonly StepFilter[] = ['all', 'contested', 'flagged', 'slow', 'costly', 'wrong'];
const PLAN_QUERIES = ['steps', 'p', 'v', 'rho', 'target', 'k', 'm', 'sampleCostUsd'] as const;
const STEPS_A_PAGE = { standard: 100, most: 500 };

/** All that the dashboard's server answers: `api.ts` has the list. */
export function createApp(options: AppOptions) {
  const { reader, runs, steps, calibrations, clock } = options;
  const app = new Hono();
  app.onError((thrown, c) => {
    const { status, body, isUnexpected } = refusedAnswer(thrown);
    if (isUnexpected) options.onError(thrown);
    return c.json(body, status);
  });
  app.use(protectiveHeaders());
  app.use(guard(options.guard));
  const tooLarge = () => {
    throw new Refusal(413, 'usage', `body: expected at most ${MAX_BODY_BYTES} bytes.`);
  };
  const routes = app
    .get('/api/server', async (c) =>
      c.json<ServerInfo>({
        version: options.version,
        journalFile: reader.location,
        trouble: await troubleOf(() => reader.runs({ limit: 1 })),
        nowMs: clock.now(),
        flagCodes: RED_FLAG_CODES,
      }),
    )
    .get('/api/runs', async (c) => c.json<RunList>(await runs.list()))
    .get('/api/runs/:run', async (c) => c.json<RunDetail>(await runs.detail(c.req.param('run'))))
    .get('/api/runs/:run/charts', async (c) => c.json<RunCharts>(await runs.charts(c.req.param('run'))))
    .get('/api/runs/:run/steps', queries('filter', 'cursor', 'limit'), async (c) =>
      c.json<StepPage>(
        await steps.page(c.req.param('run'), {
          filter: filterOf(c),
          cursor: c.req.query('cursor'),
          limit: Math.min(wholeQuery(c, 'limit') ?? STEPS_A_PAGE.standard, STEPS_A_PAGE.most),
        }),
      ),
    )
    .get('/api/runs/:run/steps/:step', async (c) =>
      c.json<StepDetail>(await steps.detail(c.req.param('run'), index('step', c.req.param('step')))),
    )
    .get('/api/runs/:run/steps/:step/context', async (c) =>
      c.json<StepContext>(await steps.context(c.req.param('run'), index('step', c.req.param('step')))),
    )
    .get('/api/runs/:run/steps/:step/picture', queries('theme'), async (c) => {
      const { run, step } = c.req.param();
      const drawn = await steps.picture(run, index('step', step), themeOf(c));
      // No refusal: a browser would report it as an error of the page.
      if ('pending' in drawn) return c.json<ApiError>({ error: { code: 'pending', message: drawn.pending } }, 202);
      return c.body(drawn.svg, 200, { 'content-type': 'image/svg+xml; charset=utf-8' });
    })
    .get('/api/runs/:run/steps/:step/outline', async (c) =>
      c.json<Outline>(await steps.outline(c.req.param('run'), index('step', c.req.param('step')))),
    )
    .get('/api/runs/:run/steps/:step/samples/:draw', async (c) => {
      const { run, step, draw } = c.req.param();
      return c.json<SampleView>(await steps.sample(run, index('step', step), index('draw', draw)));
    })
    .post('/api/runs/:run/steps/:step/decide', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }), async (c) =>
      c.json<DecideAnswer>(
        await steps.decide(c.req.param('run'), index('step', c.req.param('step')), await jsonBody(c)),
      ),
    )
    .get('/api/plan', queries(...PLAN_QUERIES), (c) => c.json<PlanAnswer>(answerPlan(planQuery(c))))
    .get('/api/calibrations', async (c) => c.json<CalibrationList>(await calibrations.list()))
    .get('/api/calibrations/:file/forecast', queries('steps', 'target', 'k', 'maxVotes'), async (c) =>
      c.json<CalibrationForecast>(
        await calibrations.forecast(c.req.param('file'), {
          steps: wholeQuery(c, 'steps'),
          target: numberQuery(c, 'target'),
          k: wholeQuery(c, 'k'),
          maxVotes: wholeQuery(c, 'maxVotes'),
        }),
      ),
    )
    .get('/events', (c) => streamRuns(c, options))
    .get('/events/:run', (c) => streamRun(c, options, c.req.param('run')));
  app.use('*', (c, next) => {
    if (isData(c.req.path) || (c.req.method !== 'GET' && c.req.method !== 'HEAD')) {
      throw new Refusal(
        404,
        'not-found',
        `there is no ${c.req.method} ${c.req.path}: src/server/api.ts lists what there is.`,
      );
    }
    return next();
  });
  if (existsSync(options.pages)) {
    app.use('*', serveStatic({ root: options.pages }));
    // The pages know their addresses themselves; of files that are gone they are no substitute.
    const first = serveStatic({ root: options.pages, path: 'index.html' });
    app.use('*', (c, next) => (c.req.path.startsWith('/assets/') ? next() : first(c, next)));
  }
  app.get('*', (c) =>
    c.text(
      'The pages of the dashboard are not built here: `npm run build` makes them. The data is at /api/runs.\n',
      404,
    ),
  );
  return routes;
}

/** For `hc` of hono/client. */
export type AppType = ReturnType<typeof createApp>;

async function troubleOf(read: () => Promise<unknown>): Promise<ServerInfo['trouble']> {
  try {
    await read();
    return null;
  } catch (thrown) {
    return refusedAnswer(thrown).body.error;
  }
}

/** What may be asked for behind the path, each once. For the typed client, too. */
function queries<Name extends string>(...names: readonly Name[]) {
  return validator('query', (given): { [name in Name]?: string } => {
    for (const [name, value] of Object.entries(given)) {
      if (names.some((known) => known === name) && typeof value === 'string') continue;
      throw new UsageError(`query: expected some of ${names.join(', ')}, each once, got ${JSON.stringify(name)}.`);
    }
    return given as { [name in Name]?: string };
  });
}

function filterOf(c: Context): StepFilter {
  const given = c.req.query('filter') ?? 'all';
  const filter = FILTERS.find((known) => known === given);
  if (filter !== undefined) return filter;
  throw new UsageError(`filter: expected one of ${FILTERS.join(', ')}, got ${JSON.stringify(given)}.`);
}

function themeOf(c: Context): PictureTheme {
  const given = c.req.query('theme') ?? 'system';
  if (given === 'system' || given === 'light' || given === 'dark') return given;
  throw new UsageError(`theme: expected light, dark or system, got ${JSON.stringify(given)}.`);
}

function index(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`${name}: expected a whole number of at least 0, got ${JSON.stringify(text)}.`);
}

function numberQuery(c: Context, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number)) return number;
  throw new UsageError(`${name}: expected a number, got ${JSON.stringify(text)}.`);
}

function wholeQuery(c: Context, name: string): number | undefined {
  const number = numberQuery(c, name);
  if (number === undefined || (Number.isSafeInteger(number) && number >= 1)) return number;
  throw new UsageError(`${name}: expected a whole number of at least 1, got ${number}.`);
}

function planQuery(c: Context) {
  const steps = wholeQuery(c, 'steps');
  const p = numberQuery(c, 'p');
  if (steps === undefined || p === undefined) {
    throw new UsageError('plan: expected at least ?steps=N&p=P, the length of the run and the success rate of a vote.');
  }
  return {
    steps,
    p,
    v: numberQuery(c, 'v'),
    rho: numberQuery(c, 'rho'),
    target: numberQuery(c, 'target'),
    k: wholeQuery(c, 'k'),
    m: wholeQuery(c, 'm'),
    sampleCostUsd: numberQuery(c, 'sampleCostUsd'),
  };
}

async function jsonBody(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new UsageError(`body: expected JSON, ${(thrown as Error).message}.`);
  }
}
