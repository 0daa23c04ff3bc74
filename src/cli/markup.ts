import { printableLines } from './terminal.ts';

/** HTML or SVG that is safe to put into a page as it is. */
export class Markup {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

type Part = Markup | string | number | false | null | undefined | readonly Part[];

/**
 * A template of markup. Whatever is put into it is text, unless it is markup already: `html\`<b>${reply}</b>\`` shows a reply
 * with `<script>` in it as it was written, and control characters by their codes. Lists are joined, absent values are empty.
 */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: template }, ...parts.map(sourceOf)));
}

function sourceOf(part: Part): string {
  if (part instanceof Markup) return part.source;
  if (Array.isArray(part)) return part.map(sourceOf).join('');
  return part === undefined || part === null || part === false ? '' : escaped(printableLines(String(part)));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
