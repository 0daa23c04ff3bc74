import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from '../../src/inspection/api.ts';
import { answerTo, Refused } from './client.ts';
import { isDark } from './theme.ts';

/** Milliseconds between two requests for a state that is being computed. */
const PAUSE_MS = 300;

/** Returns the address of the picture of the state before a step, in the page's colours. */
export function pictureOf(runId: string, stepIndex: number): string {
  const theme = isDark.value ? 'dark' : 'light';
  return `/api/runs/${encodeURIComponent(runId)}/steps/${stepIndex}/picture?theme=${theme}`;
}

/**
 * Shows a picture that the server draws. It is an image, so that it cannot run scripts or load anything. The last picture stays
 * until the next one has arrived.
 */
export function Picture({ address, about }: { address: string; about: string }) {
  const place = useRef<HTMLDivElement>(null);
  const wanted = useRef({ address, about });
  wanted.current = { address, about };
  const isBusy = useRef(false);
  const isGone = useRef(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  useEffect(() => {
    // Only one request is made at a time; afterwards, only the latest wanted picture is requested.
    const follow = async () => {
      if (isBusy.current) return;
      isBusy.current = true;
      for (let shown: string | undefined; shown !== wanted.current.address; ) {
        const next = wanted.current;
        const found = await load(next.address);
        if (isGone.current) return;
        if (found instanceof Image) {
          found.alt = next.about;
          place.current?.replaceChildren(found);
        }
        setTrouble(found instanceof Image ? null : found.message);
        if (found instanceof Refused && found.code === 'pending') await pause();
        else shown = next.address;
      }
      isBusy.current = false;
    };
    void follow();
  }, [address]);
  useEffect(
    () => () => {
      isGone.current = true;
    },
    [],
  );
  return (
    <figure class="picture">
      <div ref={place} />
      {trouble !== null && (
        <p class="empty" role="status">
          {trouble}
        </p>
      )}
    </figure>
  );
}

async function load(address: string): Promise<HTMLImageElement | Error> {
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
    return image;
  } catch {
    // An image does not report what is wrong with it.
    try {
      return new Refused((await answerTo<ApiError>(fetch(address))).error);
    } catch (thrown) {
      if (thrown instanceof Refused) return thrown;
      return new Error('The picture is not well-formed XML: texts in it need &amp; for & and &lt; for <.');
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
