// These tests are about the command line. They prove that its contract holds (names of the options, fields of the JSON documents,
// exit codes 0, 1 and 3; 2 is in bad-input.test.ts); that a run paused by a limit or a signal goes on to the result of an
// uninterrupted one; that everything it tells its reader to do works; that the demo shows what it promises; that all of it works
// where the package is installed.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { COMMANDS } from '../src/cli/commands.ts';
import { amount } from './effort.ts';
import { type Ended, fixture, mdap, mdapProcess, ROOT, runChild, tempFolder } from './fixtures/cli-child.ts';
import { counts, startChatServer } from './fixtures/cli-server.ts';

const concurrency = 2;
const HANOI = ['hanoi', '--input', '{"disks":6}', '--model', 'simulated:p=0.9,v=0.9,seed=3'];

function parse({ code, stdout, stderr }: Ended) {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** A command as it is printed for people, in a shell. */
function inShell(command: string, cwd: string): Promise<Ended> {
  const launcher = `"${process.execPath}" "${join(ROOT, 'bin', 'mdap.js')}"`;
  return runChild('/bin/sh', ['-c', command.replace(/^(npx )?mdap/, launcher)], { cwd });
}

describe('report', { concurrency }, () => {
  it('says how the run is made again, word for word', async (t) => {
    const cwd = tempFolder(t);
    const flags = ['--k', '2', '--max-votes', '9', '--price', '0.15,0.6', '--escalate', 'none', '--journal', "it's.db"];
    await mdap(['run', ...HANOI, ...flags, '--run-id', 'first one'], { cwd });
    const report = async (runId: string) =>
      parse(await mdap(['report', runId, '--json', '--html', 'r.html', '--journal', "it's.db"], { cwd }));
    const first = await report('first one');
    const { code, stderr, stdout } = await inShell(`${first.commands.again} --run-id second --json`, cwd);
    assert.equal(code, 0, stderr);
    const second = await report('second');
    assert.deepEqual(second.settings, first.settings);
    assert.deepEqual(second.charts.votesPerStep, first.charts.votesPerStep);
    assert.equal(JSON.parse(stdout).samples, first.run.samples);
    for (const command of ['inspect', 'replay']) {
      const ended = await inShell(first.commands[command], cwd);
      assert.equal(ended.code, 0, ended.stderr);
    }
    assert.match(readFileSync(join(cwd, 'r.html'), 'utf8'), /^<!doctype html>/);
  });
});

describe('run', { concurrency }, () => {
  it('--json prints one document with the fields of the contract', async (t) => {
    const cwd = tempFolder(t);
    const result = parse(await mdap(['run', ...HANOI, '--json', '--run-id', 'r'], { cwd }));
    const fields =
      'runId process status steps samples votes flagged flags contestedSteps undecided tokens costUsd wallMs ' +
      'stateSha256 wrongSteps';
    for (const field of fields.split(' ')) assert.ok(field in result, field);
    const { status, process, runId, steps, samples, votes, flagged, flags, tokens, costUsd } = result;
    assert.deepEqual({ status, process, runId, steps }, { status: 'done', process: 'hanoi', runId: 'r', steps: 63 });
    assert.equal(samples, votes + flagged);
    assert.equal(
      flagged,
      Object.values<number>(flags).reduce((sum, count) => sum + count),
    );
    assert.ok(flagged > 0 && tokens.input > 0 && tokens.output > 0);
    assert.deepEqual([costUsd, result.undecided, result.wrongSteps, result.reason], [0, 0, 0, null]);
    assert.ok(Number.isSafeInteger(result.wallMs) && result.contestedSteps > 0);
    assert.match(result.stateSha256, /^[0-9a-f]{64}$/);
  });

  it('takes its input from a file or from stdin', async (t) => {
    const cwd = tempFolder(t);
    writeFileSync(join(cwd, 'input.json'), '{"disks": 3}\n');
    const args = ['run', 'hanoi', '--model', 'simulated', '--json', '--input'];
    const [fromFile, fromStdin] = await Promise.all([
      mdap([...args, '@input.json', '--journal', 'a.db'], { cwd }),
      mdapProcess([...args, '@-', '--journal', 'b.db'], { cwd, stdin: '{"disks": 4}' }),
    ]);
    assert.deepEqual([parse(fromFile).steps, parse(fromStdin).steps], [7, 15]);
  });

  it('does not know whether it was right without a reference', async (t) => {
    const cwd = tempFolder(t);
    const server = await startChatServer(t, counts);
    const text = readFileSync(fixture('cli-countdown.ts'), 'utf8').replace(/^ {2}reference:.*\n/m, '');
    writeFileSync(join(cwd, 'process.ts'), text);
    // As `npm init` writes it.
    writeFileSync(join(cwd, 'package.json'), '{"type": "commonjs"}');
    const args = [
      'run',
      './process.ts',
      '--input',
      '{"from":2}',
      '--base-url',
      server.baseUrl,
      '--model',
      'm',
      '--json',
    ];
    const { wrongSteps, firstWrongStep, costUsd, steps } = parse(await mdap(args, { cwd }));
    assert.deepEqual(
      { wrongSteps, firstWrongStep, costUsd, steps },
      { wrongSteps: null, firstWrongStep: null, costUsd: null, steps: 2 },
    );
  });

  it('that derails stops with exit code 1 and says where to look', async (t) => {
    const cwd = tempFolder(t);
    const ended = await mdap(['run', ...HANOI, '--k', '1'], { cwd });
    assert.equal(ended.code, 1);
    const said =
      /^mdap: stopped: not done after the 63 steps that the process takes: .* Look closer: (mdap inspect \S+)\n$/;
    assert.match(ended.stderr, said);
    const looked = await inShell(said.exec(ended.stderr)![1]!, cwd);
    assert.equal(looked.code, 0, looked.stderr);
    assert.match(looked.stdout, /^run \S+ of hanoi: stopped: not done after/);
    const { wrongSteps, firstWrongStep } = JSON.parse((await mdap(['runs', '--json'], { cwd })).stdout)[0].totals;
    assert.match(ended.stdout, new RegExp(`63, ${wrongSteps} wrong, the first at step ${firstWrongStep}`));
    assert.match(looked.stdout, new RegExp(`--step ${firstWrongStep}\\n`));
  });
});

describe('a run that is paused', { concurrency }, () => {
  async function uninterrupted(t: TestContext) {
    return parse(await mdap(['run', ...HANOI, '--json'], { cwd: tempFolder(t) }));
  }

  it('by --max-steps goes on with the command it names, to the result of an uninterrupted run', async (t) => {
    const cwd = tempFolder(t);
    const paused = await mdap(['run', ...HANOI, '--max-steps', '20', '--run-id', "it's 1", '--journal', 'my runs.db'], {
      cwd,
    });
    assert.equal(paused.code, 3);
    const said = /^mdap: paused: reached the limit of 20 steps \(--max-steps\)\. Resume: (mdap resume .*)\n$/;
    const [, command = ''] = said.exec(paused.stderr) ?? assert.fail(paused.stderr);
    const { runId, wallMs: _, ...resumed } = parse(await inShell(`${command} --json`, cwd));
    const { runId: __, wallMs: ___, ...whole } = await uninterrupted(t);
    assert.equal(runId, "it's 1");
    assert.deepEqual(resumed, whole);
  });

  it('by an undecided step shows its evidence, and goes on when the limit is raised', async (t) => {
    const cwd = tempFolder(t);
    const limited = ['--k', '3', '--max-votes', '3'];
    const paused = await mdap(['run', ...HANOI, ...limited, '--run-id', 'r', '--json'], { cwd });
    const { undecided, status, steps } = JSON.parse(paused.stdout);
    assert.deepEqual([paused.code, status, undecided], [3, 'paused', 1]);
    assert.match(
      paused.stderr,
      new RegExp(`^mdap: paused: step ${steps} is undecided after .*--max-votes.* Resume: mdap resume r\n$`),
    );
    const evidence = await mdap(['inspect', 'r', '--step', String(steps)], { cwd });
    assert.match(evidence.stdout, new RegExp(`^step ${steps}: not decided; \\d samples so far\n\ndraw 0 .*votes`));
    const {
      runId: _,
      wallMs: __,
      ...resumed
    } = parse(await mdap(['resume', 'r', '--max-votes', '100', '--json'], { cwd }));
    const { runId: ___, wallMs: ____, ...whole } = await uninterrupted(t);
    assert.deepEqual(resumed, whole);
  });

  it('by a signal in the middle of a call ends cleanly, and goes on', async (t) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const cwd = tempFolder(t);
      let calls = 0;
      const server = await startChatServer(t, (response, prompt) => {
        // The seventh call is the first of the third step; it is not answered.
        if (++calls < 7) counts(response, prompt);
        else if (calls === 7) child?.kill(signal);
      });
      let child: ChildProcess | undefined;
      const args = [
        'run',
        fixture('cli-countdown.ts'),
        '--input',
        '{"from":4}',
        '--model',
        'm',
        '--base-url',
        server.baseUrl,
        '--samples-per-request',
        '1',
      ];
      const paused = await mdapProcess([...args, '--run-id', 'r'], {
        cwd,
        onStart: (started) => {
          child = started;
        },
      });
      assert.deepEqual([paused.code, paused.stderr], [3, 'mdap: paused: interrupted. Resume: mdap resume r\n']);
      server.mood = counts;
      server.calls = 0;
      assert.equal(parse(await mdap(['resume', 'r', '--json'], { cwd })).status, 'done');
      assert.equal(server.calls, 6, 'only the two steps that were left were paid');
    }
  });

  it('for long because its effect does not end can be left at once by a second signal, and goes on', async (t) => {
    const cwd = tempFolder(t);
    const text = readFileSync(fixture('cli-countdown.ts'), 'utf8');
    const hanging = "effect: () => { console.error('acting'); return new Promise(() => setInterval(() => {}, 1e6)); },";
    const withEffect = (effect: string) => {
      writeFileSync(
        join(cwd, 'process.ts'),
        text.replace('  reference:', `  reply: String,\n  ${effect}\n  reference:`),
      );
    };
    withEffect(hanging);
    const args = ['run', './process.ts', '--input', '{"from":2}', '--model', 'simulated', '--run-id', 'r'];
    const left = await mdapProcess(args, {
      cwd,
      onStart: (child) => {
        child.stderr?.once('data', () => {
          child.kill('SIGINT');
          child.kill('SIGTERM');
        });
      },
    });
    assert.deepEqual([left.code, left.stderr], [130, 'acting\n']);
    withEffect('effect: async () => {},');
    assert.equal(parse(await mdap(['resume', 'r', '--json'], { cwd })).status, 'done');
  });

  it('is not resumed under another definition unasked', async (t) => {
    const cwd = tempFolder(t);
    const server = await startChatServer(t, counts);
    const file = join(cwd, 'process.ts');
    copyFileSync(fixture('cli-countdown.ts'), file);
    const args = ['run', './process.ts', '--input', '{"from":3}', '--model', 'm', '--base-url', server.baseUrl];
    assert.equal((await mdap([...args, '--run-id', 'r', '--max-steps', '1'], { cwd })).code, 3);
    writeFileSync(file, readFileSync(file, 'utf8').replace('What is', 'Say what is'));
    const refused = await mdapProcess(['resume', 'r'], { cwd });
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^mdap: process "countdown" changed since run "r" .*"What is 3.* is "Say what .*--accept-change\.\n$/,
    );
    assert.equal(parse(await mdapProcess(['resume', 'r', '--accept-change', '--json'], { cwd })).status, 'done');
    const { notes } = parse(await mdap(['inspect', 'r', '--json'], { cwd }));
    assert.ok(notes.some(({ code }: { code: string }) => code === 'change-accepted'));
  });

  it('sends headers and fields as they are given, and is resumed once their keys are given again', async (t) => {
    const cwd = tempFolder(t);
    const server = await startChatServer(t, counts);
    const key = 'azure-0123456789abcdef';
    const place = [
      '--base-url',
      `${server.baseUrl}?api-version=2024-10-21`,
      '--model',
      'm',
      '--samples-per-request',
      '1',
    ];
    const sent = [
      '--header',
      `api-key=${key}`,
      '--header',
      'X-Title=mdap',
      '--body',
      '{"top_k":20}',
      '--reasoning',
      'low',
    ];
    const args = ['run', fixture('cli-countdown.ts'), '--input', '{"from":3}', ...place, ...sent];
    assert.equal((await mdap([...args, '--run-id', 'r', '--max-steps', '1'], { cwd })).code, 3);
    assert.equal(server.last?.path, '/v1/chat/completions?api-version=2024-10-21');
    assert.deepEqual([server.last.headers['api-key'], server.last.headers['x-title']], [key, 'mdap']);
    assert.deepEqual([server.last.body.top_k, server.last.body.reasoning_effort], [20, 'low']);
    const refused = await mdap(['resume', 'r'], { cwd });
    assert.equal(
      refused.stderr,
      'mdap: --header: the value of "api-key" looks like a key, which no journal keeps: give it again.\n',
    );
    const inspected = await mdap(['inspect', 'r', '--json'], { cwd });
    const reported = await mdap(['report', 'r', '--json'], { cwd });
    assert.ok(![inspected.stdout, reported.stdout].some((text) => text.includes(key)));
    assert.deepEqual(parse(reported).settings.headers, { 'api-key': '[not kept]', 'X-Title': 'mdap' });
    const resumed = parse(await mdap(['resume', 'r', '--header', `api-key=${key}`, '--json'], { cwd }));
    assert.equal(resumed.status, 'done');
    assert.deepEqual([server.last.headers['api-key'], server.last.headers['x-title']], [key, 'mdap']);
    assert.deepEqual(
      parse(await mdap(['inspect', 'r', '--json'], { cwd })).notes.map(({ code }: { code: string }) => code),
      [],
    );
  });

  it('is not resumed while another process runs it', async (t) => {
    const cwd = tempFolder(t);
    let second: Promise<Ended> | undefined;
    const server = await startChatServer(t, async (response, prompt) => {
      second ??= mdapProcess(['resume', 'r'], { cwd });
      await second;
      counts(response, prompt);
    });
    const args = [
      'run',
      fixture('cli-countdown.ts'),
      '--input',
      '{"from":1}',
      '--model',
      'm',
      '--base-url',
      server.baseUrl,
    ];
    const first = await mdap([...args, '--run-id', 'r'], { cwd });
    const refused = await second!;
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^mdap: run "r" is being written by process \d+ on \S+: wait until it ends, .*\n$/);
    assert.equal(first.code, 0, first.stderr);
  });
});

describe('plan', { concurrency }, () => {
  it('--json prints exactly the fields of the contract', async () => {
    const args = [
      'plan',
      'hanoi',
      '--input',
      '{"disks":20}',
      '--p',
      '0.9978',
      '--v',
      '0.968',
      '--price',
      '0.1,0.4',
      '--json',
    ];
    const planned = parse(await mdap(args));
    const fields = 'p v steps stepsPerSubtask target margin stepSuccess success votesPerStep samples costUsd';
    assert.deepEqual(Object.keys(planned), fields.split(' '));
    assert.deepEqual([planned.steps, planned.margin, planned.stepsPerSubtask, planned.target], [1_048_575, 3, 1, 0.95]);
    assert.ok(planned.success > 0.98 && planned.costUsd > 0);
  });

  it('prints a table around the margin it chose, and what the cost needs', async () => {
    const { code, stdout } = await mdap(['plan', 'hanoi', '--input', '{"disks":20}', '--p', '0.9978', '--v', '0.968']);
    assert.equal(code, 0);
    assert.match(stdout, /^hanoi: 1,048,575 steps, target 0\.95\n/);
    assert.match(
      stdout,
      /\n {2}k {2}run succeeds {2}votes a step {4}samples {2}cost\n {2}2 {8}0\.0061 .*\n\* 3 {8}0\.9888 /,
    );
    assert.match(stdout, /the cost needs a price: --price IN,OUT in US dollars per million tokens\n$/);
  });
});

describe('what was done', { concurrency }, () => {
  it('is listed and shown, for people and as JSON', async (t) => {
    const cwd = tempFolder(t);
    const ran = await mdap(['run', ...HANOI, '--run-id', 'first', '--record', 'all'], { cwd });
    await mdap(['run', ...HANOI, '--run-id', 'second', '--max-steps', '5'], { cwd });
    const [runs, runsJson, run, runJson] = await Promise.all([
      mdap(['runs'], { cwd }),
      mdap(['runs', '--json'], { cwd }),
      mdap(['inspect', 'first'], { cwd }),
      mdap(['inspect', 'first', '--json'], { cwd }),
    ]);
    assert.match(
      runs.stdout,
      /^run +process +status +steps +wrong +cost +time +updated \(UTC\)\nsecond +hanoi +paused +5 .*\nfirst +hanoi +done +63 /,
    );
    assert.deepEqual(
      parse(runsJson).map(({ runId, status }: Record<string, unknown>) => [runId, status]),
      [
        ['second', 'paused'],
        ['first', 'done'],
      ],
    );
    const said =
      /contested steps: \d+.*\n.*step +votes +wrong\? +decided\n +(\d+) +\d : \d +\d\S* % [\s\S]*\none step: (mdap inspect first --step (\d+))\n$/;
    const [, closest, command = '', step] = said.exec(run.stdout) ?? assert.fail(run.stdout);
    assert.equal(step, closest);
    const { certificate, contested } = parse(runJson);
    assert.equal(certificate.leastCertain[0].stepIndex, Number(closest));
    assert.match(ran.stdout, new RegExp(`least certain: step ${closest} `));
    assert.equal(contested.length, Number(/contested steps: (\d+)/.exec(run.stdout)?.[1]));
    const [shown, shownJson] = await Promise.all([inShell(command, cwd), inShell(`${command} --json`, cwd)]);
    const { decision, samples } = parse(shownJson);
    assert.equal(samples.length, decision.samples);
    assert.equal(shown.stdout.match(/^draw \d+ /gm)?.length, decision.samples);
    assert.match(shown.stdout, / {4}move = \[/);
  });

  it('can be read by a reader that has seen enough', async (t) => {
    const cwd = tempFolder(t);
    await mdap(['run', ...HANOI, '--run-id', 'r'], { cwd });
    const ended = await inShell('mdap inspect r --json | head -c 20', cwd);
    assert.deepEqual([ended.code, ended.stderr, ended.stdout.length], [0, '', 20]);
  });

  it('is not there yet, which is said', async (t) => {
    const cwd = tempFolder(t);
    await mdap(['run', ...HANOI, '--run-id', 'r', '--max-steps', '5'], { cwd });
    const [step, run] = await Promise.all([
      mdap(['inspect', 'r', '--step', '6'], { cwd }),
      mdap(['inspect', 's'], { cwd }),
    ]);
    assert.deepEqual([step.code, step.stderr], [2, 'mdap: --step: run "r" has not reached step 6 yet.\n']);
    assert.deepEqual(
      [run.code, run.stderr],
      [2, 'mdap: there is no run "s" in this journal: `mdap runs` lists them.\n'],
    );
  });
});

describe('--help', { concurrency }, () => {
  it('of run shows the options of the contract, examples and exit codes', async () => {
    const { code, stdout } = await mdap(['run', '--help']);
    assert.equal(code, 0);
    const options =
      '--input --model --base-url --k --rule --target --run-id --journal --record --max-concurrency --max-votes ' +
      '--max-output-tokens --temperature --max-steps --seed --json';
    for (const option of options.split(' ')) assert.match(stdout, new RegExp(`^ {2}${option}( <|  )`, 'm'));
    assert.match(stdout, /Exit codes: 0 done, 1 stopped, 2 usage, 3 paused \(resume it with mdap resume\)\./);
  });

  it('of every command names only options that exist, and gives examples', async () => {
    const { code, stdout } = await mdap(['--help']);
    assert.equal(code, 0);
    const names = COMMANDS.map(({ name }) => name);
    for (const name of names) assert.match(stdout, new RegExp(`^ {2}${name}( <|  )`, 'm'));
    for (const name of names) {
      const help = (await mdap([name, '--help'])).stdout;
      const [described = '', examples = ''] = help.split('\nExamples:\n');
      const known = new Set([...described.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option!));
      for (const [option] of help.matchAll(/--[a-z][\w-]*/g)) assert.ok(known.has(option), `${name}: ${option}`);
      assert.match(examples, new RegExp(`^  mdap ${name}`));
    }
  });

  it('is shown to who calls without a command, on stderr', async () => {
    const { code, stdout, stderr } = await mdap([]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^Usage: mdap /);
    const version = await mdap(['--version']);
    const { version: expected } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    assert.deepEqual([version.code, version.stdout], [0, `${expected}\n`]);
  });
});

describe('the demo', () => {
  it('derails unvoted and with votes in one form, comes through in thirteen forms', async (t) => {
    const cwd = tempFolder(t);
    const { code, stdout, stderr } = await mdap(['demo'], { cwd });
    assert.deepEqual([code, stderr.replace(/^.* steps\/s .*\n/gm, '')], [0, '']);
    const derailed = [...stdout.matchAll(/^Derailed at step ([\d,]+)/gm)].map(([, step]) => step);
    assert.equal(derailed.length, 2, stdout);
    assert.equal(derailed[0], derailed[1], 'more votes of one form do not help');
    assert.match(stdout, /3\. Voted, ahead by 5, in 13 forms[\s\S]*\n\ndone\n.*\n {2}steps {6}[\d,]+, 0 wrong\n/);
    await followAdvice(stdout, cwd);
  });

  it('with a simulated model derails unvoted, comes through voted', async (t) => {
    const cwd = tempFolder(t);
    const { code, stdout, stderr } = await mdap(['demo', '--simulated'], { cwd });
    assert.deepEqual([code, stderr.replace(/^.* steps\/s .*\n/gm, '')], [0, '']);
    assert.match(stdout, /1\. Unvoted: .*\n\nDerailed at step \d+\./);
    assert.match(stdout, /2\. The plan: .*\n\nhanoi: 1023 steps, target 0\.999\n[\s\S]*\n\* 4 /);
    assert.match(stdout, /3\. Voted: .*\n\ndone\n.*\n {2}steps {6}1,023, 0 wrong\n/);
    assert.match(
      stdout,
      /4\. The most contested step, as a race:\n\nstep \d+: decided \d+ : \d+(?: by variants)?\n[\s\S]*draw 0 .*votes/,
    );
    await followAdvice(stdout, cwd);
  });

  /** The three commands that it names work. */
  async function followAdvice(stdout: string, cwd: string): Promise<void> {
    const commands = stdout.slice(stdout.indexOf('Try next:\n')).split('\n').slice(1, -1);
    assert.equal(commands.length, 3);
    for (const command of commands) {
      assert.match(command, /^ {2}npx mdap \w+ /);
      // Of the longest one, 65,535 steps show no more than 255 do.
      const disks = amount({ quick: 8, slow: 16 });
      const ended = await inShell(command.trim().replace('"disks":16', `"disks":${disks}`), cwd);
      assert.equal(ended.code, 0, `${command}: ${ended.stderr}`);
    }
  }
});

describe('the package', () => {
  it('works from its build, without sources, beside a process in TypeScript that imports it', async (t) => {
    const cwd = tempFolder(t);
    const modules = join(cwd, 'node_modules');
    const installed = join(modules, 'mdap');
    mkdirSync(installed, { recursive: true });
    for (const name of ['bin', 'package.json']) cpSync(join(ROOT, name), join(installed, name), { recursive: true });
    const { dependencies, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const names = new Set(Object.keys(dependencies).map((name) => name.split('/', 1)[0]!));
    for (const name of names) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const build = [
      '-p',
      join(ROOT, 'tsconfig.build.json'),
      '--declaration',
      'false',
      '--outDir',
      join(installed, 'dist'),
    ];
    // Builds in spite of wrong types, which have a check of their own.
    await runChild(process.execPath, [tsc, ...build]);

    const launcher = join(installed, 'bin', 'mdap.js');
    const call = (...args: string[]) => runChild(process.execPath, [launcher, ...args], { cwd });
    assert.equal((await call('--version')).stdout, `${version}\n`);
    // With a copy of the package other than its own, red flags would be taken for errors.
    const source = readFileSync(fixture('cli-countdown.ts'), 'utf8').replace(
      '  reference:',
      '  reply: String,\n  reference:',
    );
    writeFileSync(join(cwd, 'process.ts'), source);
    const args = ['run', './process.ts', '--input', '{"from":50}', '--model', 'simulated:v=0.7,seed=2', '--json'];
    const { status, flags } = parse(await call(...args));
    assert.equal(status, 'done');
    assert.ok(flags.malformed > 0, JSON.stringify(flags));
    // What `npm run build` does with files that are no sources.
    cpSync(join(ROOT, 'src', 'models', 'tiny'), join(installed, 'dist', 'models', 'tiny'), { recursive: true });
    const network = ['--model', 'tiny', '--variants', '8', '--k', '5'];
    const tower = parse(await call('run', 'hanoi-short', '--input', '{"disks":8}', ...network, '--json'));
    assert.deepEqual([tower.steps, tower.wrongSteps], [255, 0]);
  });
});

describe('an error in the code of a process', () => {
  it('is told in one line, and with --stack with all of its stack', async (t) => {
    const cwd = tempFolder(t);
    const source = readFileSync(fixture('cli-countdown.ts'), 'utf8').replace(
      'apply: (_, action) => action,',
      'apply: (state, action) => far(state, action),\n  reply: String,',
    );
    const far =
      "function far(state: number, action: number): number {\n  if (state === 5) throw new Error('too far');\n  return action;\n}";
    writeFileSync(join(cwd, 'breaks.ts'), `${source}\n${far}\n`);
    const args = ['run', 'breaks.ts', '--input', '{"from":9}', '--model', 'simulated:p=1'];
    const short = await mdap(args, { cwd });
    assert.equal(short.code, 1, short.stderr);
    assert.match(short.stderr, /`apply` threw at step 4.*too far/);
    assert.doesNotMatch(short.stderr, /^ {4}at /m);
    const long = await mdap([...args, '--stack'], { cwd });
    assert.match(long.stderr, /`apply` threw at step 4.*too far/);
    assert.match(long.stderr, /^Error: too far\n {4}at far \(.*breaks\.ts:\d+:\d+\)$/m);
  });
});
