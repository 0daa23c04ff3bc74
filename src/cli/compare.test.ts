// These tests are about `mdap compare`. They prove: each model has a row, the cheapest first, that says what it cannot do; what
// was measured is written and not paid again; a model whose key is wrong does not lose the others, and its row says why; an
// unknown price is said; usage errors exit with 2, and 1 means that no model has figures. Names of models are told apart. The job
// may be the items of a file. Several steps a sample have rows and calibrations of their own; PROCESS@m=2 is a process for every
// command, a resumed run too.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { calibrationOf } from '../../test/fixtures/calibration.ts';
import { fixture, mdap, tempFolder } from '../../test/fixtures/cli-child.ts';
import { counts, fails, startChatServer } from '../../test/fixtures/cli-server.ts';
import { parseAs } from '../options/kinds.ts';
import { models } from '../options/model.ts';
import { add, hanoi } from '../processes/index.ts';

const CHEAP = 'simulated:p=0.95,inputUsdPerMTok=0.1,outputUsdPerMTok=0.4';
const DEAR = 'simulated:p=0.99,inputUsdPerMTok=2,outputUsdPerMTok=8';
const COMPARE = ['compare', 'hanoi', '--input', '{"disks":8}', '--sample-steps', '200', '--journal', 'j.db'];

it('tells names of models apart by their commas', () => {
  const parse = (text: string) => parseAs(models, 'models', text);
  assert.deepEqual(parse(`a/b,${CHEAP}, gguf:x.gguf,simulated,simulated:p=1`), [
    'a/b',
    CHEAP,
    'gguf:x.gguf',
    'simulated',
    'simulated:p=1',
  ]);
  assert.throws(() => parse('a,,b'), /^UsageError: models: expected a name, .*, got ""/);
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

  it('takes the items of a file for the job, each model all of them', async (t) => {
    const cwd = tempFolder(t);
    const lines = Array.from({ length: 30 }, (_, i) => JSON.stringify({ a: String(10 + i), b: '7' }));
    writeFileSync(join(cwd, 'sums.jsonl'), `${lines.join('\n')}\n`);
    const args = ['compare', 'add', '--models', `${DEAR},${CHEAP}`, '--journal', 'j.db', '--json'];
    const { code, stdout, stderr } = await mdap([...args, '--items', 'sums.jsonl', '--sample-steps', '40'], { cwd });
    assert.equal(code, 0, stderr);
    const { models, steps } = JSON.parse(stdout);
    const columns = lines.map((line) => add().steps!(JSON.parse(line))).reduce((sum, count) => sum + count);
    assert.equal(steps, columns);
    for (const { forecast, failure } of models) {
      assert.equal(failure, null);
      assert.equal(forecast.steps, columns);
    }
    for (const name of readdirSync(cwd).filter((file) => file.startsWith('calibration-add-'))) {
      assert.equal(JSON.parse(readFileSync(join(cwd, name), 'utf8')).steps.length, 40);
    }
    const refused = await mdap([...args, '--items', '-'], { cwd });
    assert.match(refused.stderr, /--items: expected a file, which is read for each model, got stdin/);
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

  it('has a row for each number of steps a sample, and what they are worth', async (t) => {
    const cwd = tempFolder(t);
    const sized = [...COMPARE, '--steps-per-subtask'];
    const first = await mdap([...sized, '4,1', '--models', CHEAP], { cwd });
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^hanoi: 255 steps, target 0\.95\n\nmodel +m +p +95 % +v .* +k +votes +cost +time/);
    // One chance for a whole subtask: larger ones are cheaper.
    assert.match(first.stdout, /^simulated\S+ +4 .*\nsimulated\S+ +1 .*\nm: steps that one sample answers/m);
    assert.match(
      first.stdout,
      /^simulated\S+: p\(4\) = 0\.9\d+, where independent steps would give p\(1\)\^3\.98 = 0\.\d+ \(.*\): easier together; cheapest with m = 4$/m,
    );
    const files = readdirSync(cwd).filter((name) => name.endsWith('.json'));
    assert.deepEqual(files.map((name) => name.replace(/-simulated.*/, '')).toSorted(), [
      'calibration-hanoi',
      'calibration-hanoi-by-4',
    ]);
    const again = JSON.parse((await mdap([...sized, '1,4', '--models', CHEAP, '--json'], { cwd })).stdout);
    assert.deepEqual(
      again.models.map((one: { stepsPerSubtask: number; isReused: boolean }) => [one.stepsPerSubtask, one.isReused]),
      [
        [4, true],
        [1, true],
      ],
    );
    assert.equal(again.subtasks[0].cheapest, 4);
    const refused = [
      [
        [...sized, '1,x', '--models', CHEAP],
        /^mdap: --steps-per-subtask: expected a whole number of at least 1, got "x"/,
      ],
      [[...sized, '2,2', '--models', CHEAP], /^mdap: --steps-per-subtask: expected each once, got 2 twice/],
      [['compare', 'hanoi-flag', ...sized.slice(2), '2', '--models', CHEAP], /"hanoi-flag": expected `subtasks`/],
    ] as const;
    for (const [args, message] of refused) {
      const ended = await mdap(args, { cwd });
      assert.equal(ended.code, 2);
      assert.match(ended.stderr, message);
    }
  });

  it('several steps a sample are a process for every command', async (t) => {
    const cwd = tempFolder(t);
    const job = ['hanoi@m=2', '--input', '{"disks":7}', '--model', CHEAP, '--journal', 'j.db'];
    const calibrated = await mdap(['calibrate', ...job, '--sample-steps', '64'], { cwd });
    assert.match(calibrated.stdout, /^hanoi-by-2: .*\n[\s\S]*written to calibration-hanoi-by-2\.json/);
    const planned = JSON.parse((await mdap(['plan', ...job, '--json'], { cwd })).stdout);
    assert.deepEqual([planned.steps, planned.calibration.sampledSteps], [64, 64]);
    const paused = await mdap(['run', ...job, '--k', '6', '--run-id', 'r', '--max-steps', '20', '--json'], { cwd });
    assert.equal(paused.code, 3, paused.stderr);
    const resumed = await mdap(['resume', 'r', '--max-steps', '100', '--journal', 'j.db', '--json'], { cwd });
    const { process, steps, wrongSteps, state } = JSON.parse(resumed.stdout);
    assert.deepEqual([process, steps, wrongSteps, state.pegs], ['hanoi-by-2', 64, 0, [[], [], [7, 6, 5, 4, 3, 2, 1]]]);
    const refused = [
      ['hanoi@m=0', /whole number of steps a sample after @m=, as in hanoi@m=2, got "hanoi@m=0"/],
      ['hanoi@m=', /whole number of steps a sample/],
      ['hanoi-flag@m=2', /process "hanoi-flag": expected `subtasks`/],
      ['nothing@m=2', /expected one of hanoi, .*, got "nothing"/],
    ] as const;
    for (const [source, message] of refused) {
      const ended = await mdap(['plan', source, '--p', '0.9'], { cwd });
      assert.equal(ended.code, 2);
      assert.match(ended.stderr, message);
    }
  });
});
