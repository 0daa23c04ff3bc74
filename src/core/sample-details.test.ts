// These tests prove the following: a sample's details are what its reply has and nothing else; sums of samples are the same in
// whatever order and grouping they are added, and are not there where no sample has any.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from '../../test/properties.ts';
import type { Sample } from './model.ts';
import { addDetailSums, type DetailSums, detailSumsOf, detailsOf, KEPT_DETAILS } from './sample-details.ts';

const REPLY: Sample = { text: 'a', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 };

test('the details of a reply', () => {
  assert.equal(detailsOf(REPLY, []), undefined);
  assert.deepEqual(detailsOf({ ...REPLY, responseId: 'r1', reasoningTokens: 0, reasoning: 'hm' }, ['fence']), {
    responseId: 'r1',
    reasoningTokens: 0,
    dress: ['fence'],
  });
  assert.deepEqual(detailsOf(REPLY, ['bom']), { dress: ['bom'] });
  assert.deepEqual(detailsOf({ ...REPLY, reasoning: 'h\ud800m' }, [], true), { reasoning: 'h\ufffdm' });
  assert.equal(detailsOf(REPLY, [], true), undefined);
});

for (const name of KEPT_DETAILS) {
  test(`a reply whose only detail is ${name}`, () => {
    assert.deepEqual(detailsOf({ ...REPLY, [name]: 'x' } as unknown as Sample, []), { [name]: 'x' });
  });
}

test('the figures of a sample', () => {
  assert.equal(detailSumsOf(REPLY), undefined);
  assert.equal(detailSumsOf({ ...REPLY, details: { responseId: 'r1' } }), undefined);
  assert.deepEqual(detailSumsOf({ ...REPLY, outputTokens: undefined }), { withoutUsage: 1 });
  assert.deepEqual(detailSumsOf({ ...REPLY, details: { reasoningTokens: 7, dress: ['reasoning', 'fence'] } }), {
    reasoningTokens: 7,
    dress: { reasoning: 1, fence: 1 },
  });
});

test('sums are the same in any order and grouping', () => {
  const count = fc.option(fc.nat(1e6), { nil: undefined });
  const figures = fc.record({
    reasoningTokens: count,
    withoutUsage: count,
    dress: fc.option(fc.dictionary(fc.constantFrom('fence', 'bold'), fc.nat(9)), { nil: undefined }),
  });
  const plain = (sums: DetailSums | undefined) => JSON.parse(JSON.stringify({ ...sums, dress: { ...sums?.dress } }));
  const sum = (all: readonly DetailSums[]) => all.reduce<DetailSums | undefined>(addDetailSums, undefined);
  const property = fc.property(fc.array(figures, { maxLength: 6 }), fc.nat(6), (all, cut) => {
    const grouped = addDetailSums(sum(all.slice(cut)), sum(all.slice(0, cut)));
    assert.deepEqual(plain(grouped), plain(sum(all)));
  });
  fc.assert(property);
  assert.equal(addDetailSums(undefined, undefined), undefined);
});
