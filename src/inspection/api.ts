/**
 * The types of what the dashboard's server answers as JSON, in one file per page. The routes are in `server/app.ts`. The pages
 * import this file and the type of those routes, and nothing else of the sources. Values that are absent are null. Texts of
 * models must be shown as text, never as markup.
 *
 * Every refusal is an `ApiError`. Run ids in addresses go through `encodeURIComponent`. Each POST needs
 * `content-type: application/json` and the header `x-mdap-request: 1`. `/events` sends `runs` with a `RunList`, `/events/:run`
 * sends `progress` with a `RunProgress`, and both `trouble` with an `ApiError` while the journal cannot be read.
 */
export type * from './api/plan.ts';
export type * from './api/run.ts';
export type * from './api/runs.ts';
export type * from './api/server.ts';
export type * from './api/steps.ts';
