// These tests are about the command line, over a server. They prove: an item whose prompt the provider does not answer stands in
// the failures with the provider's words, and the others have results; nothing of it is asked again by the same command, and
// nobody is let down by it. A model that nobody has pauses the map, names the item and leaves no failures.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mdap, tempFolder } from './fixtures/cli-child.ts';
import { type Mood, says, startChatServer } from './fixtures/cli-server.ts';

const TOO_LONG = {
  message: 'maximum context length is 8192 tokens',
  type: 'invalid_request_error',
  code: 'context_length_exceeded',
};

const refusing =
  (status: number, error: object): Mood =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  };

function unless(isRefused: (prompt: string) => boolean, refused: Mood): Mood {
  const answers = says('{"total":5}');
  return (response, prompt) => (isRefused(prompt) ? refused : answers)(response, prompt);
}

function linesOf(folder: string, name: string): Record<string, unknown>[] {
  const text = readFileSync(join(folder, name), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

describe('an item that the provider does not answer', () => {
  const kinds: Record<string, Mood> = {
    'a prompt that is too long': refusing(400, TOO_LONG),
    'some 400': refusing(400, {
      message: 'x is 8192 tokens',
    }),
    'some 403': refusing(403, { message: 'blocked is 8192 tokens' }),
    'some 404': refusing(404, { message: 'not found is 8192 tokens' }),
    '413': refusing(413, { message: 'is 8192 tokens' }),
    '422': refusing(422, { message: 'is 8192 tokens' }),
    '451': refusing(451, { message: 'is 8192 tokens' }),
  };
  for (const [name, refused] of Object.entries(kinds)) {
    it(`is a failure, whatever it was told by: ${name}`, async (t) => {
      const folder = tempFolder(t);
      const server = await startChatServer(
        t,
        unless((prompt) => prompt.includes('LONG'), refused),
      );
      const texts = ['a', 'LONG', 'c', 'd'];
      const input = texts.map((text, i) => JSON.stringify({ id: i + 1, text })).join('\n');
      writeFileSync(join(folder, 'in.jsonl'), `${input}\n`);
      const files = ['--input', 'in.jsonl', '--output', 'out.jsonl'];
      const model = ['--model', 'm', '--base-url', server.baseUrl];
      const args = ['map', 'extract', '--schema', '{"total":"number"}', ...files, ...model];
      let calls = 0;
      for (let time = 0; time < 2; time++) {
        const { code, stdout, stderr } = await mdap(args, { cwd: folder });
        assert.equal(code, 0, stdout + stderr);
        assert.deepEqual(
          linesOf(folder, 'out.jsonl').map(({ id, result }) => [id, result]),
          [1, 3, 4].map((id) => [id, { total: 5 }]),
        );
        const [failure, ...more] = linesOf(folder, 'out.failures.jsonl');
        assert.deepEqual(more, []);
        assert.deepEqual([failure!.mdap_index, failure!.item], [1, { id: 2, text: 'LONG' }]);
        assert.match(String(failure!.mdap_reason), /not answered: model m: .*is 8192 tokens"/);
        if (time > 0) assert.equal(server.calls, calls, 'nothing is asked again');
        calls = server.calls;
      }
      assert.ok(calls >= 10 && calls <= 12, `${calls} calls`);
    });
  }
});

describe('a model that nobody has', () => {
  it('pauses the map, whose message names an item; no item has failed', async (t) => {
    const folder = tempFolder(t);
    const server = await startChatServer(t, refusing(404, { message: 'no model m', code: 'model_not_found' }));
    writeFileSync(join(folder, 'in.jsonl'), '{"id":"x","text":"a"}\n{"id":"y","text":"b"}\n');
    const files = ['--input', 'in.jsonl', '--output', 'out.jsonl'];
    const args = ['map', 'extract', '--schema', '{"total":"number"}', ...files, '--base-url', server.baseUrl];
    const paused = await mdap([...args, '--model', 'm'], { cwd: folder });
    assert.equal(paused.code, 3);
    assert.match(
      paused.stderr,
      /paused: 2 items in a row failed, the last of them item 1 \(id "y"\): model m: .*"no model m"/,
    );
    assert.ok(server.calls <= 2, `${server.calls} calls`);
    const failures = join(folder, 'out.failures.jsonl');
    assert.ok(!existsSync(failures) || readFileSync(failures, 'utf8') === '');
    server.mood = says('{"total":5}');
    assert.equal((await mdap([...args, '--model', 'm'], { cwd: folder })).code, 0);
    assert.equal(linesOf(folder, 'out.jsonl').length, 2);
  });
});
