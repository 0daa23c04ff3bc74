/** A shorter text is no secret: masking it would make messages unreadable. */
const MIN_SECRET_CHARS = 8;
/** What people set where a server wants a key and does not look at it. */
const PLACEHOLDERS =
  /^(lm-studio|sk-no-key-required|no-key-required|not-required|not-needed|placeholder|dummy-key|no-api-key)$/i;

/**
 * Returns a function that masks secrets in what a server said, also where they stand in a URL, in JSON or in base64, as in a
 * header of basic authentication.
 */
export function redaction(secrets: readonly string[]): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_CHARS || PLACEHOLDERS.test(secret)) continue;
    forms.add(secret);
    forms.add(JSON.stringify(secret).slice(1, -1));
    const encoded = encodeURIComponent(secret.toWellFormed());
    forms.add(encoded);
    forms.add(encoded.replace(/%[\dA-F]{2}/g, (code) => code.toLowerCase()));
    for (const form of base64Of(secret)) forms.add(form).add(form.replaceAll('+', '-').replaceAll('/', '_'));
  }
  // The longest first: one form may be a part of another.
  const masked = [...forms].sort((a, b) => b.length - a.length);
  return (text) => masked.reduce((redacted, form) => redacted.replaceAll(form, '[key]'), text);
}

/** The characters that a secret has in base64 whatever stands before and behind it; they depend on its place modulo 3. */
function base64Of(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].map((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]);
    return all.toString('base64').slice(Math.ceil((before * 4) / 3), Math.floor((all.length * 4) / 3));
  });
}
