import type { ErrorDocument } from './error-document.ts';

// What servers say of pictures and documents in a request. It counts only for requests that have some.

/** The model takes none, whatever they are. */
const NO_FILES = [
  /\b(images?|image_url|vision|pdfs?|documents?|files?|multi-?modal)\b[^.]{0,60}(\bnot|n't|\bonly) (be )?(supported|enabled|allowed|accepted|available)/i,
  /(\bnot|n't|\bcannot) (support|accept|take|process|handle|have)\w*\b[^.]{0,40}\b(images?|image_url|vision|pdfs?|documents?|files?|multi-?modal)\b/i,
  /no endpoints found that support (image|file)/i,
  /not a multi-?modal model|at most 0 (image|file)|mmproj|vision add-?on is not loaded|unsupported content(\[\])?\.?type|required for image input/i,
  /unknown variant [`'"]?(image_url|file)\b/i,
  /\bcontent\b['"`\]\s]*(:\s*)?(must be|should be|expected|is not) a (valid )?string/i,
];
/** This file is at fault: another one may be taken. */
const BAD_FILE =
  /\b(formats?|media[ _]?types?|mime|corrupt\w*|(de|en)cod(e|ed|ing)|could not (process|read|load|parse)|cannot identify|unable to (process|read)|invalid (image|pdf|file|base64)|unsupported image\b|too (large|big|many|small)|dimensions?|pixels?|exceed\w*|at least|password|encrypted|empty|download\w*|fetch\w*)/i;
/** Words of the parts of a request that carry files. */
const FILE_WORDS = /\b(images?|image_url|input_image|input_file|pdfs?|documents?|files?|inline_?data|media)\b/i;

/** What a refusal of a request with files says of them; undefined if it says nothing. */
export function fileRefusal(document: ErrorDocument | undefined): 'no-files' | 'bad-file' | undefined {
  const message = document?.message;
  if (message === undefined) return undefined;
  if (BAD_FILE.test(message) && FILE_WORDS.test(message)) return 'bad-file';
  return NO_FILES.some((words) => words.test(message)) ? 'no-files' : undefined;
}
