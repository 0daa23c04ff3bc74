/**
 * What a model, its chat template or a server put around an answer, and is none of it:
 * - `bom`: a byte order mark
 * - `reasoning`: a leading block of reasoning (`<think>`, `<reasoning>`, the analysis channel of harmony)
 * - `fence`: one code fence around all of the answer
 * - `bold`, `code`: the same mark around each line of the answer
 * Blanks at both ends are taken off as well, and not named: almost every reply has some.
 */
const DRESSES = ['bom', 'reasoning', 'fence', 'bold', 'code'] as const;
export type Dress = (typeof DRESSES)[number];

/** What becomes of the dress: it is taken off before the reply is parsed, or left on, as in the paper. */
export const DRESS_POLICIES = ['strip', 'none'] as const;
export type DressPolicy = (typeof DRESS_POLICIES)[number];

/** An answer without its dress. */
export interface Undressed {
  readonly text: string;
  /** What was taken off, from the outside in. */
  readonly dress: readonly Dress[];
  /** Length of the reasoning that was taken off. */
  readonly reasoningChars: number;
}

/** A reply with all that it wears. */
export function asItIs(reply: string): Undressed {
  return { text: reply, dress: NOTHING, reasoningChars: 0 };
}

const NOTHING: readonly Dress[] = [];

/**
 * Takes the dress off a reply. What is inside stays as it is, to the letter: a dress is taken off whole or not at all, and
 * nothing of the answer is repaired. A fence with text beside it is content, and so is a second fence.
 */
export function undress(reply: string): Undressed {
  if (isBare(reply)) return asItIs(reply.trim());
  let text = reply;
  let dress: Dress[] | undefined;
  let reasoningChars = 0;
  const take = (name: Dress, inner: string | undefined): void => {
    if (inner === undefined) return;
    if (name === 'reasoning') reasoningChars = text.length - inner.length;
    text = inner.trim();
    dress ??= [];
    dress.push(name);
  };
  if (text.charCodeAt(0) === 0xfeff) take('bom', text.slice(1));
  text = text.trim();
  if (text.includes('</') || text.includes('<|')) take('reasoning', withoutReasoning(text));
  const first = text.charCodeAt(0);
  if (first === BACKTICK || first === TILDE) take('fence', insideFence(text));
  if (text.charCodeAt(0) === ASTERISK) take('bold', insideMarks(text, '**'));
  if (text.charCodeAt(0) === BACKTICK) take('code', insideMarks(text, '`'));
  return { text, dress: dress ?? NOTHING, reasoningChars };
}

/** Most replies begin with a letter, a digit or a bracket and have no tag: they wear nothing, and this is all they cost. */
function isBare(reply: string): boolean {
  const first = reply.charCodeAt(0);
  const isLetterDigitOrBracket = ((first | 0x20) >= 0x61 && (first | 0x20) <= 0x7b) || (first >= 0x30 && first <= 0x39);
  return isLetterDigitOrBracket && !reply.includes('<');
}

const BACKTICK = 0x60;
const TILDE = 0x7e;
const ASTERISK = 0x2a;

/** The tags that models put around their reasoning. */
const TAGS = 'think|thinking|thought|reasoning';
const REASONING_TAG = new RegExp(`^<(${TAGS})>`, 'i');
/** Models that are told not to reason begin with an empty block. */
const REASONING_BEGUN = new RegExp(`^\\s*(<(${TAGS})>\\s*[^\\s<]|<\\|channel\\|>analysis)`, 'i');
/** A chat template may have written the opening tag into the prompt; then the reply begins inside, and the end is a line. */
const CLOSING_LINE = new RegExp(`^[ \\t]*</(${TAGS})>[ \\t]*\\r?$`, 'im');

/** Whether a reply begins with reasoning, which may have been cut off before its end. */
export function beginsWithReasoning(text: string): boolean {
  return REASONING_BEGUN.test(text);
}

/** Undefined where there is no whole block of reasoning in front of an answer. */
function withoutReasoning(text: string): string | undefined {
  if (text.startsWith('<|')) return finalChannel(text);
  const opening = REASONING_TAG.exec(text);
  if (opening !== null) {
    const closing = `</${opening[1]!.toLowerCase()}>`;
    const end = text.toLowerCase().indexOf(closing);
    return end < 0 ? undefined : text.slice(end + closing.length);
  }
  const closing = CLOSING_LINE.exec(text);
  // An opening tag further on: the text speaks of tags, and is no reasoning that was begun in the prompt.
  if (closing === null || text.slice(0, closing.index).includes(`<${closing[1]}>`)) return undefined;
  return text.slice(closing.index + closing[0].length);
}

/** What harmony (the format of gpt-oss) has in its final channel, where a server passes its marks on. */
function finalChannel(text: string): string | undefined {
  const marks = /<\|channel\|>final\s*(?:<\|constrain\|>\s*\w+\s*)?<\|message\|>/.exec(text);
  if (marks === null) return undefined;
  const answer = text.slice(marks.index + marks[0].length);
  return answer.replace(/<\|(?:return|end)\|>\s*$/, '');
}

/** Undefined where the text is not one fence around everything. */
function insideFence(text: string): string | undefined {
  const opening = /^(`{3,}|~{3,})[^\n`]*\n/.exec(text);
  if (opening === null) return undefined;
  const fence = opening[1]!;
  const lastLine = text.lastIndexOf('\n');
  const closing = text.slice(lastLine + 1).trim();
  if (!isClosing(closing, fence)) return undefined;
  const inner = text.slice(opening[0].length, Math.max(lastLine, opening[0].length));
  // A line that would have closed it earlier: what stands between is another fence, or text beside one.
  return inner.split('\n').some((line) => isClosing(line.trim(), fence)) ? undefined : inner;
}

function isClosing(line: string, fence: string): boolean {
  return line.length >= fence.length && line === fence[0]!.repeat(line.length);
}

/** Undefined where not each line that holds anything is inside these marks, with none of them further in. */
function insideMarks(text: string, mark: string): string | undefined {
  const lines = text.split('\n').map((line) => {
    const trimmed = line.trim();
    if (trimmed === '') return '';
    const inner = trimmed.slice(mark.length, -mark.length);
    const isInside =
      trimmed.length > 2 * mark.length && trimmed.startsWith(mark) && trimmed.endsWith(mark) && !inner.includes(mark);
    return isInside ? inner : undefined;
  });
  return lines.includes(undefined) ? undefined : lines.join('\n');
}
