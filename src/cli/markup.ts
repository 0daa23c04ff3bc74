import { html as template } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { printableLines } from './terminal.ts';

/** HTML or SVG that is safe to put into a page as it is. It is an object that `String(markup)` turns into a text. */
export type Markup = HtmlEscapedString;

type Part = Markup | string | number | false | null | undefined | readonly Part[];

/**
 * A template of markup. Values are inserted as text unless they are markup: `html\`<b>${reply}</b>\`` shows a reply
 * with `<script>` in it as it was written, and control characters by their codes. Lists are joined, absent values are empty.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  // Hono returns a promise only if a part is one.
  return template(strings, ...parts.map(printed)) as Markup;
}

function printed(part: Part): Part {
  if (Array.isArray(part)) return part.map(printed);
  return typeof part === 'string' ? printableLines(part) : part;
}
