import { existsSync } from 'node:fs';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
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
  StepPage,
} from '../inspection/api.ts';
import { answerPlan } from '../inspection/plan-curves.ts';
import { Refusal, refusedAnswer } from '../inspection/refusal.ts';
import type { Calibrations } from './calibrations.ts';
import { type Feed, streamRun, streamRuns } from './events.ts';
import { type GuardOptions, guard, isData, protectiveHeaders } from './guard.ts';
import {
  DECIDE_BODY,
  FORECAST_QUERY,
  PAGE_QUERY,
  PICTURE_QUERY,
  PLAN_QUERY,
  SAMPLE_PATH,
  STEP_PATH,
} from './requests.ts';
import type { Steps } from './steps.ts';

export interface AppOptions extends Feed {
  readonly steps: Steps;
  readonly guard: GuardOptions;
  readonly calibrations: Calibrations;
  readonly version: string;
  /** The folder with the built pages. */
  readonly pages: string;
  /** Is called with an exception for which there is no refusal. */
  readonly onError: (thrown: unknown) => void;
}

/** Limits the body of a person's decision: an action may be as large as a reply. */
const MAX_BODY_BYTES = 16 * 2 ** 20;

/** Creates the dashboard's server, which answers with JSON (its types are in `inspection/api.ts`), events and the pages. */
export function createApp(options: AppOptions) {
  const { reader, runs, steps, calibrations, clock } = options;
  const app = new Hono();
  app.onError((thrown, c) => {
    // Hono's validator throws this for a body that is not JSON.
    const known =
      thrown instanceof HTTPException
        ? new UsageError(`expected JSON: ${thrown.message}.`, { option: 'body' })
        : thrown;
    const { status, body, isUnexpected } = refusedAnswer(known);
    if (isUnexpected) options.onError(thrown);
    return c.json(body, status);
  });
  app.use(protectiveHeaders());
  app.use(guard(options.guard));
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
    .get('/api/runs/:run/steps', PAGE_QUERY, async (c) =>
      c.json<StepPage>(await steps.page(c.req.param('run'), c.req.valid('query'))),
    )
    .get('/api/runs/:run/steps/:step', STEP_PATH, async (c) => {
      const { run, step } = c.req.valid('param');
      return c.json<StepDetail>(await steps.detail(run, step));
    })
    .get('/api/runs/:run/steps/:step/context', STEP_PATH, async (c) => {
      const { run, step } = c.req.valid('param');
      return c.json<StepContext>(await steps.context(run, step));
    })
    .get('/api/runs/:run/steps/:step/picture', STEP_PATH, PICTURE_QUERY, async (c) => {
      const { run, step } = c.req.valid('param');
      const drawn = await steps.picture(run, step, c.req.valid('query').theme);
      // This is no refusal, since a browser would report one as an error of the page.
      if ('pending' in drawn) return c.json<ApiError>({ error: { code: 'pending', message: drawn.pending } }, 202);
      return c.body(drawn.svg, 200, { 'content-type': 'image/svg+xml; charset=utf-8' });
    })
    .get('/api/runs/:run/steps/:step/outline', STEP_PATH, async (c) => {
      const { run, step } = c.req.valid('param');
      return c.json<Outline>(await steps.outline(run, step));
    })
    .get('/api/runs/:run/steps/:step/samples/:draw', SAMPLE_PATH, async (c) => {
      const { run, step, draw } = c.req.valid('param');
      return c.json<SampleView>(await steps.sample(run, step, draw));
    })
    .post('/api/runs/:run/steps/:step/decide', STEP_PATH, limitedBody(), DECIDE_BODY, async (c) => {
      const { run, step } = c.req.valid('param');
      return c.json<DecideAnswer>(await steps.decide(run, step, c.req.valid('json')));
    })
    .get('/api/plan', PLAN_QUERY, (c) => c.json<PlanAnswer>(answerPlan(c.req.valid('query'))))
    .get('/api/calibrations', async (c) => c.json<CalibrationList>(await calibrations.list()))
    .get('/api/calibrations/:file/forecast', FORECAST_QUERY, async (c) =>
      c.json<CalibrationForecast>(await calibrations.forecast(c.req.param('file'), c.req.valid('query'))),
    )
    .get('/events', (c) => streamRuns(c, options))
    .get('/events/:run', (c) => streamRun(c, options, c.req.param('run')));
  const known = [
    ...new Set(app.routes.filter(({ path }) => isData(path)).map(({ method, path }) => `${method} ${path}`)),
  ];
  app.use('*', (c, next) => {
    if (isData(c.req.path) || (c.req.method !== 'GET' && c.req.method !== 'HEAD')) {
      const asked = `${c.req.method} ${c.req.path}`;
      throw new Refusal(404, 'not-found', `there is no ${asked}: expected one of ${known.join(', ')}.`);
    }
    return next();
  });
  if (existsSync(options.pages)) {
    app.use('*', serveStatic({ root: options.pages }));
    // Every other address is one of the pages, which route themselves. They are no substitute for a missing file.
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

/** The routes as a type, for `hc` of hono/client. */
export type AppType = ReturnType<typeof createApp>;

async function troubleOf(read: () => Promise<unknown>): Promise<ServerInfo['trouble']> {
  try {
    await read();
    return null;
  } catch (thrown) {
    return refusedAnswer(thrown).body.error;
  }
}

function limitedBody(): MiddlewareHandler {
  return bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => {
      throw new Refusal(413, 'usage', `body: expected at most ${MAX_BODY_BYTES} bytes.`);
    },
  });
}
