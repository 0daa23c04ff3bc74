import { html as template } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { printableLines } from './terminal.ts';

/** HTML or SVG that is safe to put into a page as it is. It is an object that reads as a text: `String(markup)` makes it one. */
export type Markup = HtmlEscapedString;

type Part = Markup | string | number | false | null | undefined | readonly Part[];

/**
 * A template of markup. Whatever is put into it is text, unless it is markup already: `html\`<b>${reply}</b>\`` shows a reply
 * with `<script>` in it as it was written, and control characters by their codes. Lists are joined, absent values are empty.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  // Hono gives a promise only where a part is one.
  return template(strings, ...parts.map(printed)) as Markup;
}

function printed(part: Part): Part {
  if (Array.isArray(part)) return part.map(printed);
  return typeof part === 'string' ? printableLines(part) : part;
}
