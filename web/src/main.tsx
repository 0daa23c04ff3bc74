import 'uplot/dist/uPlot.min.css';
import './base.css';
import './parts.css';
import './chart.css';
import './runs-page.css';
import './run-page.css';
import './step-page.css';
import './plan-page.css';
import { render } from 'preact';
import { ComparePage } from './compare-page.tsx';
import { connection, trouble } from './events.ts';
import { PlanPage } from './plan-page.tsx';
import { handleLinks, paths, type Route, route } from './router.ts';
import { RunPage } from './run-page.tsx';
import { RunsPage } from './runs-page.tsx';
import { StepPage } from './step-page.tsx';
import { keepTheme, nextTheme, theme } from './theme.ts';

const CONNECTIONS = {
  connecting: 'connecting',
  live: 'live',
  lost: 'connection lost, trying again',
  polling: 'asking every 3 s',
};

const SIGNS = { system: '◐', light: '○', dark: '●' };

function App() {
  const at = route.value;
  const isLive = at.page !== 'plan' && at.page !== 'compare' && at.page !== 'unknown';
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href={paths.runs}>
          <img src="/icon.svg" alt="" width="22" height="22" /> mdap
        </a>
        <nav aria-label="Pages">
          <Tab href={paths.runs} isHere={isLive} name="Runs" />
          <Tab href={paths.plan} isHere={at.page === 'plan'} name="Plan" />
          <Tab href={paths.compare} isHere={at.page === 'compare'} name="Compare" />
        </nav>
        {isLive && (
          <output class={`connection ${connection.value}`} aria-live="polite">
            {CONNECTIONS[connection.value]}
          </output>
        )}
        <button type="button" class="quiet" onClick={nextTheme} aria-label={`Colours: ${theme.value}. Change`}>
          {SIGNS[theme.value]} <span class="wide-only">{theme.value}</span>
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {isLive && trouble.value !== null && (
          <p class="notice bad" role="alert">
            {trouble.value}
          </p>
        )}
        <Page at={at} />
      </main>
    </>
  );
}

function Tab({ href, isHere, name }: { href: string; isHere: boolean; name: string }) {
  return (
    <a href={href} aria-current={isHere ? 'page' : undefined}>
      {name}
    </a>
  );
}

function Page({ at }: { at: Route }) {
  switch (at.page) {
    case 'runs':
      return <RunsPage />;
    case 'run':
    case 'steps':
      return <RunPage key={at.runId} runId={at.runId} isSteps={at.page === 'steps'} />;
    case 'step':
      return <StepPage key={`${at.runId}/${at.stepIndex}`} runId={at.runId} stepIndex={at.stepIndex} />;
    case 'plan':
      return <PlanPage />;
    case 'compare':
      return <ComparePage />;
    case 'unknown':
      return (
        <>
          <h1>There is no such page</h1>
          <p>
            <a href={paths.runs}>All runs</a>
          </p>
        </>
      );
  }
}

keepTheme();
handleLinks();
render(<App />, document.querySelector('#app')!);
