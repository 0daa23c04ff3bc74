/**
 * What the dashboard's server answers, as JSON, a file a page: `server/app.ts` has the routes. Types alone: the pages import
 * this file, and from the server the type of its routes, and nothing else of the sources. Absent values are null. Texts of
 * models are texts: show them as such, never as markup.
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
