// The context rule: own statement's ancestors, answers of finished problems beside them, decisions; never what is below those.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import { type ContextNode, MAX_QUOTED_CHARS, visibleContext } from './visible-context.ts';

/** A tree from a list of parents: node i + 1 hangs under one of those before it. Each statement names its node alone. */
function treeOf(parents: readonly number[], finished: readonly boolean[], filler = ''): ContextNode[] {
  const nodes: (ContextNode & { children: number[] })[] = [
    { parent: null, depth: 0, name: '', statement: `<s0>${filler}`, children: [] },
  ];
  for (const [i, choice] of parents.entries()) {
    const parent = choice % nodes.length;
    const id = nodes.length;
    nodes[parent]!.children.push(id);
    const result = finished[i] ? `<r${id}>${filler}` : undefined;
    nodes.push({
      parent,
      depth: nodes[parent]!.depth + 1,
      name: `P${id}`,
      statement: `<s${id}>${filler}`,
      children: [],
      result,
    });
  }
  return nodes;
}

const trees = fc
  .array(fc.record({ parent: fc.nat(1_000), isFinished: fc.boolean() }), { minLength: 1, maxLength: 40 })
  .map((given) =>
    treeOf(
      given.map(({ parent }) => parent),
      given.map(({ isFinished }) => isFinished),
    ),
  );

function pathOf(nodes: readonly ContextNode[], index: number): number[] {
  const path: number[] = [];
  for (let at: number | null = index; at !== null; at = nodes[at]!.parent) path.unshift(at);
  return path;
}

test('it has the statements above, answers beside the path, and nothing else of the tree', () => {
  fc.assert(
    fc.property(trees, fc.nat(), (nodes, choice) => {
      const index = choice % nodes.length;
      const path = pathOf(nodes, index);
      const context = visibleContext(nodes, index, []);
      for (const [id, { parent, result }] of nodes.entries()) {
        const isAbove = path.slice(0, -1).includes(id);
        const isBeside = parent !== null && path.slice(0, -1).includes(parent) && !path.includes(id);
        assert.equal(context.includes(`<s${id}>`), isAbove || (isBeside && result !== undefined), `statement of ${id}`);
        assert.equal(context.includes(`<r${id}>`), isBeside && result !== undefined, `answer of ${id}`);
      }
    }),
  );
});

test('problems share it, in front, down to where their paths part', () => {
  fc.assert(
    fc.property(trees, fc.nat(), fc.nat(), (nodes, a, b) => {
      const [one, other] = [a % nodes.length, b % nodes.length];
      const pathOfOther = pathOf(nodes, other).slice(0, -1);
      const shared = pathOf(nodes, one)
        .slice(0, -1)
        .filter((id, depth) => pathOfOther[depth] === id).length;
      const front = (index: number) => visibleContext(nodes, index, []).split('\n').slice(0, shared);
      assert.deepEqual(front(one), front(other));
    }),
  );
});

test('its length is bounded by depth and not by what is in the tree', () => {
  const long = ' word'.repeat(1_000);
  const wide = treeOf(
    Array.from({ length: 500 }, () => 0),
    Array.from({ length: 500 }, () => true),
    long,
  );
  const context = visibleContext(
    wide,
    500,
    Array.from({ length: 500 }, (_, i) => `decision ${i}${long}`),
  );
  assert.ok(context.length < 26 * (2 * MAX_QUOTED_CHARS), String(context.length));
  assert.match(context, /decision 499/);
  assert.doesNotMatch(context, /decision 400 /);
  assert.equal(visibleContext(wide, 0, []), '');
});

test('decisions made anywhere are offered everywhere, once', () => {
  const nodes = treeOf([0, 0, 1], [false, false, false]);
  assert.match(visibleContext(nodes, 3, ['Times are in UTC.']), /^Decided for all parts: Times are in UTC\.$/m);
  assert.doesNotMatch(visibleContext(nodes, 3, []), /Decided/);
});
