// Proves of `mdap compare`, in processes of its own: a row a model, the cheapest first, with what each cannot; what was
// measured is written and not paid again; a model whose key is wrong does not lose the others, and its row says why; an
// unknown price is said; usage errors exit with 2, and 1 means that no model has figures. Names of models are told apart.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { calibrationOf } from '../../test/fixtures/calibration.ts';
import { fixture, mdap, tempFolder } from '../../test/fixtures/cli-child.ts';
import { counts, fails, startChatServer } from '../../test/fixtures/cli-server.ts';
import { hanoi } from '../processes/index.ts';
import { parseModels } from './options.ts';

const CHEAP = 'simulated:p=0.95,inputUsdPerMTok=0.1,outputUsdPerMTok=0.4';
const DEAR = 'simulated:p=0.99,inputUsdPerMTok=2,outputUsdPerMTok=8';
const COMPARE = ['compare', 'hanoi', '--input', '{"disks":8}', '--sample-steps', '200', '--journal', 'j.db'];

it('tells names of models apart by their commas', () => {
  assert.deepEqual(parseModels(`a/b,${CHEAP}, gguf:x.gguf,simulated,simulated:p=1`), [
    'a/b',
    CHEAP,
    'gguf:x.gguf',
    'simulated',
    'simulated:p=1',
  ]);
  assert.throws(() => parseModels('a,,b'), /Expected names/);
});

describe('compare', { concurrency: 2 }, () => {
  it('has a row a model, and measures each once', async (t) => {
    const cwd = tempFolder(t);
    const args = [...COMPARE, '--models', `${DEAR},simulated:p=0.3,${CHEAP}`];
    const first = await mdap([...args, '--json'], { cwd });
    assert.equal(first.code, 0, first.stderr);
    const { models, target, prices } = JSON.parse(first.stdout);
    assert.deepEqual(
      models.map((model: { model: string }) => model.model),
      [CHEAP, DEAR, 'simulated:p=0.3'],
    );
    assert.deepEqual([target, models[2].margin, models[0].isReused], [0.95, null, false]);
    assert.match(prices, /^@pydantic\/genai-prices \d/);
    assert.equal(readdirSync(cwd).filter((name) => name.startsWith('calibration-hanoi-')).length, 3);
    const again = await mdap([...args, '--target', '0.99'], { cwd });
    assert.match(
      again.stdout,
      /^hanoi: 255 steps, target 0\.99\n\nmodel +p +95 % +v +rho +95 % +tokens +k +votes +cost +time/,
    );
    assert.match(again.stdout, /^simulated:p=0\.3: ahead-by-k and evidence cannot: .* more votes make it worse/m);
    assert.match(again.stdout, /^prices .* @pydantic\/genai-prices \d/m);
    const reused = JSON.parse((await mdap([...args, '--json'], { cwd })).stdout).models;
    assert.ok(reused.every(({ isReused }: { isReused: boolean }) => isReused));
  });

  it('keeps the others where a key is wrong, and says that a price is not known', async (t) => {
    const cwd = tempFolder(t);
    const server = await startChatServer(t, counts);
    const args = ['compare', fixture('cli-countdown.ts'), '--input', '{"from":40}', '--base-url', server.baseUrl];
    const good = await mdap([...args, '--models', 'good'], { cwd });
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /^good: its price is not known: .* --price IN,OUT/m);
    server.mood = fails(401, '{"error":{"message":"bad key"}}');
    const both = await mdap([...args, '--models', 'bad,good', '--json'], { cwd });
    assert.equal(both.code, 0, both.stderr);
    const [first, last] = JSON.parse(both.stdout).models;
    assert.deepEqual([first.model, first.isReused, first.costUsd], ['good', true, null]);
    assert.match(last.failure, /key/i);
    const none = await mdap([...args, '--models', 'bad'], { cwd });
    assert.equal(none.code, 1);
    assert.match(none.stdout, /^bad: no figures: .*key/im);
  });

  it('takes the calibrations that it is given, and refuses what it cannot use', async (t) => {
    const cwd = tempFolder(t);
    const { version } = hanoi();
    for (const model of ['openai/gpt-4.1-mini', 'openai/no-such-model']) {
      const calibration = calibrationOf({
        steps: [
          [300, 4, 0],
          [9, 3, 1],
        ],
        model,
        version,
        sampleCostUsd: null,
      });
      writeFileSync(join(cwd, `${model.slice(7)}.json`), JSON.stringify(calibration));
    }
    const args = [...COMPARE, '--models', 'openai/no-such-model,openai/gpt-4.1-mini'];
    const files = ['--calibration', 'gpt-4.1-mini.json', 'no-such-model.json'];
    const { stdout, code } = await mdap([...args, ...files], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /^openai\/gpt-4\.1-mini .* \$0\.0\d+ .*\nopenai\/no-such-model .* unknown /m);
    const wrong = [
      [COMPARE, /--models: expected models/],
      [[...COMPARE, '--models', CHEAP, ...files], /^mdap: --calibration: expected one of simulated/],
      [[...COMPARE, '--models', CHEAP, '--target', '2'], /--target: expected a number above 0 and below 1/],
    ] as const;
    for (const [refused, message] of wrong) {
      const ended = await mdap(refused, { cwd });
      assert.equal(ended.code, 2);
      assert.match(ended.stderr, message);
    }
  });
});
