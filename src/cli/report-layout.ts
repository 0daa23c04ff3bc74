import { html, type Markup } from './markup.ts';
import { showCount, showNumber } from './terminal.ts';

/** Renders a self-contained page: no scripts, no requests, pictures only inline, light and dark. */
export function page(parts: {
  readonly title: string;
  readonly hasImages?: boolean;
  readonly main: readonly (Markup | '')[];
  readonly made: { readonly version: string; readonly atMs: number };
}): string {
  const { title, hasImages = false, main, made } = parts;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; ${hasImages && html`img-src data:; `}base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
</main>
<footer>Made by mdap ${made.version} on ${showTime(made.atMs)}.</footer>
</body>
</html>
`.toString();
}

export function section(title: string, parts: readonly Markup[]): Markup {
  return html`<section>
<h2>${title}</h2>
${parts}
</section>`;
}

export function figure(title: string, drawing: Markup, legend: readonly Markup[] = []): Markup {
  return html`<figure><figcaption>${title}</figcaption>${drawing}${legend.length > 1 ? html`<p class="legend">${legend}</p>` : ''}</figure>`;
}

/** A table of figures, whose cells stay on one line, or of texts. */
export function table(
  holds: 'figures' | 'texts',
  head: readonly string[],
  rows: readonly (readonly string[])[],
): Markup {
  return html`<div class="scroll"><table class="${holds}"><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}</tr>`)}</tbody></table></div>`;
}

/** Shows a short text in full, otherwise its beginning and its length. */
export function code(text: string, mostChars: number): Markup {
  const isCut = text.length > mostChars;
  return html`<pre>${isCut ? text.slice(0, mostChars).toWellFormed() : text}</pre>${isCut ? html`<p class="quiet">cut: the whole has ${showCount(text.length)} characters</p>` : ''}`;
}

export function cut(text: string, mostChars: number): string {
  return text.length <= mostChars
    ? text
    : `${text.slice(0, mostChars).toWellFormed()}… (${showCount(text.length)} characters)`;
}

export function showTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function showPercent(share: number): string {
  return `${showNumber(100 * share, 2)} %`;
}

// The contrast of text is above 4.5 to 1 in both colour schemes.
const STYLE = html`
:root { color-scheme: light dark; --paper: #fff; --card: #f6f7f9; --ink: #16191d; --quiet: #5a626c; --edge: #d9dde2;
  --measured: #2563b0; --plan: #b45309; --flag: #a1376b; --good: #1c7042; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --card: #1d2126; --ink: #e7eaee; --quiet: #9aa4b0; --edge: #343a42;
    --measured: #6ea8ef; --plan: #f0a44b; --flag: #e58ab8; --good: #69c493; --bad: #f28b82; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 0 0 .75rem; font-size: 1.25rem; }
section { margin-top: 2.5rem; }
p { margin: .4rem 0; }
.kind { margin: 0; color: var(--quiet); font-size: .85rem; }
.lead { font-size: 1.1rem; }
.quiet { color: var(--quiet); font-size: .875rem; }
.reason { border-left: 3px solid var(--plan); padding-left: .75rem; }
.status { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; }
.status.done { color: var(--good); }
.status.paused, .status.interrupted { color: var(--plan); }
.status.stopped { color: var(--bad); }
.status.running { color: var(--measured); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
.tiles > div { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; }
.tiles dt { color: var(--quiet); font-size: .875rem; }
.tiles dd { margin: 0; font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles dd.quiet { font-size: .8rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border-radius: .5rem; padding: .9rem 1rem .6rem; }
figcaption { font-weight: 600; font-size: .95rem; margin-bottom: .4rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 12px; font-family: inherit; font-variant-numeric: tabular-nums; }
svg .tick { fill: var(--quiet); }
svg .grid { stroke: var(--edge); stroke-width: 1; }
svg .axis { stroke: var(--quiet); stroke-width: 1; }
svg .bar { fill: var(--measured); }
svg .bar.flag { fill: var(--flag); }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .measured { stroke: var(--measured); }
svg .flag { stroke: var(--flag); }
svg rect.flag { stroke: none; }
svg .plan { stroke: var(--plan); stroke-width: 2; stroke-dasharray: 5 3; fill: none; }
svg .dot { stroke: none; }
svg .dot.measured { fill: var(--measured); }
svg .dot.plan { fill: var(--plan); }
svg .dot.flag { fill: var(--flag); }
svg .area { fill: var(--measured); opacity: .15; }
svg line.mark { stroke: var(--bad); stroke-dasharray: 3 3; }
svg text.mark { fill: var(--bad); }
.state { display: block; width: 100%; max-width: 32rem; }
.legend { display: flex; gap: 1.25rem; margin: .2rem 0 0; color: var(--quiet); font-size: .85rem; }
.key { display: inline-block; width: 1.2rem; height: 0; margin-right: .4rem; vertical-align: middle; border-top: 3px solid var(--measured); }
.key.plan { border-top: 3px dashed var(--plan); }
.key.flag { border-top-color: var(--flag); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .925rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.5rem .3rem 0; border-bottom: 1px solid var(--edge); max-width: 40rem; overflow-wrap: break-word; }
tbody th { font-weight: 400; }
.figures td { white-space: nowrap; }
thead th { color: var(--quiet); font-weight: 500; font-size: .85rem; }
pre { margin: .4rem 0; padding: .6rem .8rem; background: var(--card); border-radius: .4rem; font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
details { border: 1px solid var(--edge); border-radius: .5rem; margin: .5rem 0; padding: 0 1rem; }
details[open] { padding-bottom: .75rem; }
summary { cursor: pointer; padding: .55rem 0; }
summary b { margin-right: .5rem; }
.sample { border-top: 1px solid var(--edge); padding: .5rem 0; }
.sample p { margin: .1rem 0; }
.verdict { font-weight: 600; }
.verdict.for { color: var(--good); }
.verdict.against { color: var(--plan); }
.verdict.flag { color: var(--flag); }
.commands dt { color: var(--quiet); font-size: .875rem; }
.commands dd { margin: 0 0 .6rem; }
footer { padding: 2.5rem 1.25rem 2rem; color: var(--quiet); font-size: .85rem; }
@media print { details { break-inside: avoid; } figure { break-inside: avoid; } }
`;
