/** No reply that could become a vote is this large, and an endless body must not fill the memory. */
export const MAX_REPLY_BYTES = 16 * 2 ** 20;

export function bodyTooLarge(): Error {
  return new Error(`more than ${MAX_REPLY_BYTES >> 20} MiB`);
}

/**
 * A `fetch` for providers of the AI SDK: a redirect is an answer and not followed, since the prompt and a key in a header of the
 * provider's own would go with it, and a body that is too large, also once it is decompressed, breaks off.
 * @param by what fetches
 */
export function boundedFetch(by: typeof fetch = fetch): typeof fetch {
  return async (input, init) => bounded(await by(input, { ...init, redirect: 'manual' }));
}

function bounded(response: Response): Response {
  const { body, status, statusText, headers, url } = response;
  if (body === null) return response;
  let bytes = 0;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > MAX_REPLY_BYTES) controller.error(bodyTooLarge());
      else controller.enqueue(chunk);
    },
  });
  const reply = new Response(body.pipeThrough(limit), { status, statusText, headers });
  // Messages name the address that answered.
  return Object.defineProperty(reply, 'url', { value: url });
}
