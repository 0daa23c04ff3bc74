import { computed, signal } from '@preact/signals';

/** The page of the dashboard that is shown; parts of its path are decoded. */
export type Route =
  | { readonly page: 'runs' }
  | { readonly page: 'run'; readonly runId: string }
  | { readonly page: 'steps'; readonly runId: string }
  | { readonly page: 'step'; readonly runId: string; readonly stepIndex: number }
  | { readonly page: 'plan' }
  | { readonly page: 'compare' }
  | { readonly page: 'unknown' };

const path = signal(location.pathname);

export const route = computed(() => routeOf(path.value));

export const paths = {
  runs: '/',
  run: (runId: string) => `/runs/${encodeURIComponent(runId)}`,
  steps: (runId: string) => `${paths.run(runId)}/steps`,
  step: (runId: string, stepIndex: number) => `${paths.steps(runId)}/${stepIndex}`,
  plan: '/plan',
  compare: '/compare',
};

function routeOf(pathname: string): Route {
  const [first, run, steps, step, ...rest] = pathname.split('/').filter((part) => part !== '');
  if (first === undefined) return { page: 'runs' };
  if (run === undefined && (first === 'plan' || first === 'compare')) return { page: first };
  const runId = run === undefined ? null : decoded(run);
  if (first !== 'runs' || runId === null || rest.length > 0) return { page: 'unknown' };
  if (steps === undefined) return { page: 'run', runId };
  if (steps !== 'steps') return { page: 'unknown' };
  if (step === undefined) return { page: 'steps', runId };
  return /^\d{1,15}$/.test(step) ? { page: 'step', runId, stepIndex: Number(step) } : { page: 'unknown' };
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

export function go(to: string): void {
  history.pushState(null, '', to);
  path.value = location.pathname;
  scrollTo(0, 0);
}

/** Follows links within the dashboard without reloading the page. */
export function handleLinks(): void {
  addEventListener('popstate', () => {
    path.value = location.pathname;
  });
  addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.origin !== location.origin || link.target !== '' || link.hash !== '') return;
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.pathname + link.search);
    document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
  });
}
