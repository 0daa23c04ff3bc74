// These tests prove the following:
//  1. The picture of a step is what the process makes of the state before it, in the colours asked for, of a run that continues
//     too; it comes under a policy that runs and loads nothing.
//  2. Where there is none, the answer says why: no `view.render`, one that throws or gives something else, no state, no process.
//  3. A state that the action alone makes is known without the steps before; all others are worked out, whatever tricks
//     `apply` plays with the state before.
//  4. The colours are those of the pages.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ROOT } from '../../test/fixtures/cli-child.ts';
import { echo, eventually, startDashboard, tempJournal } from '../../test/fixtures/dashboard.ts';
import * as fc from '../../test/properties.ts';
import type { Json } from '../core/journal.ts';
import { type AnyProcess, defineProcess } from '../core/process.ts';
import { scriptedModel } from '../models/scripted.ts';
import type { RunOptions } from '../options.ts';
import { hanoi } from '../processes/hanoi.ts';
import { run } from '../run.ts';
import { PICTURE_COLORS, pictureOf } from './picture.ts';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>';

async function served(
  t: TestContext,
  process: AnyProcess,
  input: Json = { steps: 5 },
  options: Partial<RunOptions> = {},
) {
  const file = tempJournal(t);
  const common = { model: scriptedModel(() => 'a'), journal: file, runId: 'r', processSource: 'given', k: 1 } as const;
  const result = await run(process, input, { ...common, ...options });
  return { file, result, ...(await startDashboard(t, { file, loadProcess: async () => process })) };
}

/** `echo` with pictures. */
const drawing = (render: NonNullable<AnyProcess['view']>['render']) => defineProcess({ ...echo, view: { render } });

describe('the picture of a step', () => {
  it('is drawn of the state before it, in the colours asked for', async (t) => {
    const process = hanoi();
    const { ask } = await served(t, process, { disks: 5 }, { model: 'simulated', maxSteps: 20 });
    let state = process.start({ disks: 5 });
    for (let step = 0; step <= 20; step++) {
      const drawn = process.view!.render!(state);
      const [tag] = /^<svg [^>]*>/.exec(drawn)!;
      for (const [theme, text] of [
        ['light', PICTURE_COLORS.light.text],
        ['dark', PICTURE_COLORS.dark.text],
      ] as const) {
        const { status, text: svg, headers } = await ask(`/api/runs/r/steps/${step}/picture?theme=${theme}`);
        assert.equal(status, 200, svg);
        assert.equal(headers['content-type'], 'image/svg+xml; charset=utf-8');
        const [, style] = /<style>([^<]*)<\/style>/.exec(svg)!;
        assert.ok(style!.startsWith(`:root{color:${text};--card:`), style);
        assert.equal(svg, drawn.replace(tag, `${tag}<style>${style}</style>`));
      }
      state = process.apply(state, process.reference!(state));
    }
    const either = (await ask('/api/runs/r/steps/3/picture')).text;
    assert.match(either, /:root\{[^}]*\}@media\(prefers-color-scheme:dark\)\{:root\{[^}]*\}\}/);
    assert.equal((await ask('/api/runs/r')).json.hasPicture, true);
    assert.equal((await ask('/api/runs/r/steps/3/context')).json.hasPicture, true);
  });

  it('is there while the run continues, up to the step that is voted on', async (t) => {
    const file = tempJournal(t);
    const stopped = new AbortController();
    t.after(() => stopped.abort());
    const model = scriptedModel(() => new Promise<string>((resolve) => setImmediate(() => resolve('a'))));
    const process = drawing(({ left }) => SVG.replace('0 0 1 1', `0 0 1 ${left}`));
    const writing = run(
      process,
      { steps: 1e6 },
      { model, journal: file, runId: 'r', processSource: 'x', signal: stopped.signal },
    );
    const { ask } = await startDashboard(t, { file, loadProcess: async () => process });
    for (let round = 0; round < 5; round++) {
      const { steps, status } = await eventually(async () => (await ask('/api/runs')).json?.runs?.[0]);
      assert.equal(status, 'running');
      const { text } = await ask(`/api/runs/r/steps/${steps}/picture`);
      assert.match(text, new RegExp(`viewBox="0 0 1 ${1e6 - steps}"`));
    }
    stopped.abort();
    await writing;
  });

  it('runs nothing and loads nothing where it is opened by itself', async (t) => {
    const { ask } = await served(
      t,
      drawing(() => `<svg onload="alert(1)"><script>alert(1)</script></svg>`),
    );
    const { headers } = await ask('/api/runs/r/steps/0/picture');
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    );
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal(headers['cache-control'], 'no-store');
    const page = await ask('/api/runs');
    assert.match(String(page.headers['content-security-policy']), /^default-src 'self'; /);
  });

  it('that there is not is refused with why', async (t) => {
    const refused = async (
      process: AnyProcess,
      path = '/api/runs/r/steps/2/picture',
      options?: Partial<RunOptions>,
    ) => {
      const { ask } = await served(t, process, { steps: 5 }, options);
      const { status, json } = await ask(path);
      return [status, json.error.code, json.error.message];
    };
    const throwing = drawing(({ left }) => {
      if (left < 4) throw new Error('too few');
      return SVG;
    });
    assert.deepEqual(await refused(throwing), [409, 'threw', 'process "echo": `render` threw at step 2: too few']);
    const [status, code, message] = await refused(echo);
    assert.deepEqual([status, code], [404, 'no-picture']);
    assert.match(message, /^process "echo" has no `view\.render`/);
    for (const [given, got] of [
      ['<p>no</p>', '"<p>no</p>"'],
      ['<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', '"<!DOCTYPE svg'],
      ['<svgx/>', '"<svgx/>"'],
      ['<svg title="a>', '"<svg title'],
      [`<svg>${'x'.repeat(2 ** 20)}</svg>`, '1048587 characters'],
      [{}, 'object'],
      [undefined, 'undefined'],
    ] as const) {
      const [status, code, message] = await refused(drawing(() => given as string));
      assert.deepEqual([status, code], [409, 'no-picture']);
      assert.ok(message.includes(`got ${got}`), message);
    }
    const drawn = drawing(() => SVG);
    assert.deepEqual((await refused(drawn, '/api/runs/r/steps/6/picture')).slice(0, 2), [404, 'unknown-step']);
    assert.deepEqual((await refused(drawn, '/api/runs/x/steps/0/picture')).slice(0, 2), [404, 'unknown-run']);
    assert.deepEqual((await refused(drawn, '/api/runs/r/steps/0/picture?theme=red')).slice(0, 2), [400, 'usage']);
    const fromCode = { processSource: undefined };
    const [, , why] = await refused(drawn, undefined, fromCode);
    assert.match(why, /started from code/);
  });

  it('is opened at its root element, whatever stands in its attributes', () => {
    const value = fc.string({ unit: fc.constantFrom('a', '>', '/', ' ', '<svg', "'", '<script>') });
    fc.assert(
      fc.property(fc.array(value), fc.string(), (values, rest) => {
        const attributes = values.map((one, i) => ` data-${i}="${one}"`).join('');
        const inside = `<g/>${rest}</svg>`;
        const process = drawing(() => `\n<svg${attributes}>${inside}`);
        const svg = pictureOf(process, { state: 0, stepIndex: 0 }, 'light');
        const opened = `\n<svg xmlns="http://www.w3.org/2000/svg"${attributes}><style>`;
        assert.ok(svg.startsWith(opened) && svg.endsWith(`</style>${inside.toWellFormed()}`), svg);
      }),
    );
  });
});

describe('states', () => {
  it('that the action alone makes are known without the steps before', async (t) => {
    const { file } = await served(t, hanoi(), { disks: 9 }, { model: 'simulated', maxSteps: 500 });
    const asked: number[] = [];
    const process = hanoi();
    let applied = 0;
    const watched: AnyProcess = {
      ...process,
      apply: (state, action) => {
        applied++;
        return process.apply(state, action);
      },
    };
    const { ask } = await startDashboard(t, { file, loadProcess: async () => watched });
    // The first one also finds out whether the process is the one that it was.
    for (const step of [400, 17, 499, 250, 500]) {
      const before = applied;
      const { json } = await ask(`/api/runs/r/steps/${step}/context`);
      asked.push(applied - before);
      let state = process.start({ disks: 9 });
      for (let i = 0; i < step; i++) state = process.apply(state, process.reference!(state));
      assert.deepEqual(json.state, state);
    }
    assert.ok(Math.max(...asked) < 10, `${asked}`);
  });

  const applies: Record<string, (state: Json, action: string) => Json> = {
    'takes a field': ({ left }, said) => ({ left: left - 1, said }),
    'spreads it': (state, said) => ({ ...state, left: state.left - 1, said }),
    'keeps it within': (state, said) => ({ left: state.left - 1, said, before: state.left % 3 === 0 ? [state] : [] }),
    'hides that it failed to look': (state, said) => {
      let left = 1e9;
      try {
        left = state.left;
      } catch {}
      return { left: left - 1, said };
    },
    'looks whether there is a field': (state, said) => ('left' in state ? { left: state.left - 1, said } : { left: 0 }),
    'counts its fields': (state, said) => ({ left: Object.keys(state).length > 0 ? state.left - 1 : 0, said }),
    'copies it': (state, said) => ({ ...JSON.parse(JSON.stringify(state)), left: state.left - 1, said }),
    'is changed by it': (state, said) => {
      const next = { left: 0, said };
      next.left += state.left - 1;
      return next;
    },
  };
  for (const [name, apply] of Object.entries(applies)) {
    it(`are worked out where \`apply\` ${name}`, async (t) => {
      const process: AnyProcess = defineProcess({ ...echo, apply });
      let calls = 0;
      const model = scriptedModel(() => `reply ${calls++}`);
      const { file, result, ask } = await served(t, process, { steps: 30 }, { model });
      assert.ok(result.status === 'done' && file !== '');
      let state = process.start({ steps: 30 });
      for (let step = 0; step <= 30; step++) {
        const { json } = await ask(`/api/runs/r/steps/${step}/context`);
        assert.deepEqual(json.state, state, `step ${step}`);
        state = process.apply(state, `reply ${step}`);
      }
    });
  }
});

describe('colours', () => {
  it('are those of the pages', () => {
    const css = readFileSync(join(ROOT, 'web', 'src', 'base.css'), 'utf8');
    const blocks = {
      light: /:root \{([^}]*)\}/.exec(css)![1]!,
      dark: /\[data-theme="dark"\] \{([^}]*)\}/.exec(css)![1]!,
    };
    for (const theme of ['light', 'dark'] as const) {
      for (const [name, color] of Object.entries(PICTURE_COLORS[theme])) {
        assert.ok(blocks[theme].includes(`--${name}: ${color};`), `${theme} ${name}`);
      }
    }
  });
});
