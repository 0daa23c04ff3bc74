// These tests are about the command line as a whole. They prove: every command's help stands in groups, within the columns of the
// terminal, and leaves no name of an option that only code knows; a misspelt command or option is refused with the nearest name,
// whatever the command; every option that may be given reaches the code of its command under the library's name, read and checked;
// starting it, and its help, loads no command's code.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CommanderError } from 'commander';
import { ROOT } from '../../test/fixtures/cli-child.ts';
import * as fc from '../../test/properties.ts';
import { UsageError } from '../core/errors.ts';
import { flagName, flagOf, hasFlag, withFlags } from '../options/flag-names.ts';
import { GROUPS } from '../options/option.ts';
import { COMMAND_GROUPS, type CommandSpec } from './command.ts';
import { COMMANDS } from './commands.ts';
import { createProgram, wrap, wrapCommand } from './program.ts';

/** What a call writes and does, without doing it. */
async function called(asked: CommandSpec | undefined, args: readonly string[], columns = 80) {
  let [out, refused] = ['', ''];
  const given: unknown[] = [];
  const load =
    async () =>
    async (...values: unknown[]) => {
      given.push(...values);
      return 7;
    };
  let exitCode: number | undefined;
  const recorded = asked && ({ ...asked, load } as CommandSpec);
  const program = createProgram({
    commands: COMMANDS.map((command) => (command === asked ? recorded! : command)),
    asked: recorded,
    details: asked === undefined ? { title: 'More:', items: [['a', 'an item']] } : await asked.details?.(),
    version: '1.2.3',
    columns,
    onExitCode: (code) => {
      exitCode = code;
    },
    onRefused: (text) => {
      refused += text;
    },
  });
  for (const command of [program, ...program.commands]) {
    command.configureOutput({
      writeOut: (text) => {
        out += text;
      },
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
  }
  return { out, refused, given, exitCode };
}

const call = (command: CommandSpec, ...args: string[]) =>
  called(command, [command.name, ...command.arguments.map(({ name }) => `the-${name}`), ...args]);

const flagsIn = (command: CommandSpec) => Object.entries(command.options).filter(([, option]) => hasFlag(option));

function refusal(work: () => Promise<unknown>, message: string): Promise<void> {
  return assert.rejects(work, (thrown) => thrown instanceof UsageError && thrown.message === message);
}

const PRICE_EXPECTED = 'expected two or three numbers of at least 0, as in 0.15,0.60 or 0.15,0.60,0.075';

describe('help', () => {
  for (const command of COMMANDS) {
    it(`of ${command.name} has every option once, in groups, at any width`, async () => {
      for (const columns of [50, 80, 100]) {
        const { out } = await called(command, [command.name, '--help'], columns);
        const headings = out.match(/^[A-Z][\w ]*:$/gm)!.map((heading) => heading.slice(0, -1));
        const groups = GROUPS.filter((group) => flagsIn(command).some(([, option]) => option.group === group));
        assert.deepEqual(
          headings.filter((heading) => (GROUPS as readonly string[]).includes(heading)),
          groups.length === 0 ? [GROUPS[0]] : groups,
        );
        assert.ok(!headings.includes('Options'), out);
        for (const [name, option] of flagsIn(command)) {
          const lines = out.split('\n').filter((line) => line.startsWith(`  ${flagName(name, option)}`));
          assert.ok(
            lines.some((line) => /^ {2}\S+( <[^>]+>)?( |$)/.test(line)),
            `${name}\n${out}`,
          );
        }
        // A word that is longer than the line has one of its own.
        const tooWide = out.split('\n').filter((line) => line.length > columns && line.trim().includes(' '));
        assert.deepEqual(
          tooWide.filter((line) => !/^ {6}\S+ \\$|^ {2,6}(mdap|--)/.test(line)),
          [],
        );
        assert.doesNotMatch(out, /options\.|undefined|\bin code\b/);
      }
    });
  }

  it('lists all commands in groups, and what else there is', async () => {
    const { out } = await called(undefined, ['--help']);
    for (const { name } of COMMANDS) assert.match(out, new RegExp(`^ {2}${name}( <|  )`, 'm'));
    const headings = out.match(/^[A-Z][\w ]*:$/gm)!.map((heading) => heading.slice(0, -1));
    assert.deepEqual(headings, ['Options', ...COMMAND_GROUPS, 'Other', 'More']);
    assert.match(out, /^ {2}a {2}an item$/m);
  });

  it('breaks lines between words, and commands so that they can be copied', () => {
    const words = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', '-') }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(words, fc.integer({ min: 20, max: 100 }), (parts, columns) => {
        const text = parts.join(' ');
        assert.equal(
          wrap(text, columns, 4)
            .trim()
            .replace(/\n {4}/g, ' '),
          text,
        );
        for (const line of wrap(text, columns, 4).split('\n')) assert.ok(line.length <= columns, line);
        assert.equal(
          wrapCommand(`mdap ${text}`, columns)
            .trim()
            .replace(/ \\\n {6}/g, ' '),
          `mdap ${text}`,
        );
      }),
    );
  });
});

describe('a misspelt name is refused with the nearest one:', () => {
  for (const command of COMMANDS) {
    it(`every option of ${command.name}, and the command itself`, async () => {
      for (const [name, option] of flagsIn(command)) {
        const flag = flagName(name, option);
        const slipped = flag.length > 5 ? `${flag.slice(0, -2)}${flag.at(-1)}${flag.at(-2)}` : `${flag}${flag.at(-1)}`;
        if (slipped === flag) continue;
        await refusal(() => call(command, slipped, '1'), `unknown option ${slipped}: did you mean ${flag}?`);
        await refusal(() => call(command, `${slipped}=1`), `unknown option ${slipped}: did you mean ${flag}?`);
      }
      await refusal(() => call(command, '--hlep'), 'unknown option --hlep: did you mean --help?');
      const slipped = `${command.name}${command.name.at(-1)}`;
      const known = JSON.stringify(command.name);
      await refusal(() => called(undefined, [slipped]), `unknown command "${slipped}": did you mean ${known}?`);
    });
  }

  it('the other name of k', async () => {
    const run = COMMANDS.find(({ name }) => name === 'run')!;
    await refusal(() => call(run, '--margin', '3'), 'unknown option --margin: did you mean --k?');
  });

  it('one that is like none is told where they are listed', async () => {
    const run = COMMANDS.find(({ name }) => name === 'run')!;
    await refusal(() => call(run, '--colour', 'red'), 'unknown option --colour: `mdap run --help` lists all options.');
    await refusal(() => called(undefined, ['brew']), 'unknown command "brew": `mdap --help` lists all commands.');
  });
});

describe('options', () => {
  /** A text on the command line that is a value of an option. */
  function textFor(command: CommandSpec, name: string): string | undefined {
    const { kind, example, default: standard } = command.options[name]!;
    if (kind.hint === undefined) return undefined;
    for (const text of [example, standard === undefined ? undefined : kind.show?.(standard), kind.choices?.[0]]) {
      if (text !== undefined) return text;
    }
    return ['7', '0.6', 'p95', 'simulated', '429=0.1'].find((text) => kind.problem(kind.parse!(text)) === undefined)!;
  }

  for (const command of COMMANDS) {
    it(`of ${command.name} reach its code by the library's names, and no others do`, async () => {
      const withJournal = 'journal' in command.options ? { journal: '.mdap/journal.db' } : {};
      const bare = await call(command);
      assert.deepEqual(bare.given, [...command.arguments.map(({ name }) => `the-${name}`), withJournal]);
      assert.equal(bare.exitCode, 7);
      for (const [name, { kind, flag, withoutAbout }] of flagsIn(command)) {
        const text = textFor(command, name);
        const { given } = await call(command, flagName(name, { flag }), ...(text === undefined ? [] : [text]));
        assert.deepEqual(given.at(-1), { ...withJournal, [name]: text === undefined ? true : kind.parse!(text) }, name);
        if (withoutAbout === undefined) continue;
        const without = await call(command, flagName(name, { flag }).replace('--', '--no-'));
        assert.deepEqual(without.given.at(-1), { ...withJournal, [name]: false });
      }
    });
  }

  it('are refused with what was expected, by the name of the option', async () => {
    const run = COMMANDS.find(({ name }) => name === 'run')!;
    for (const [flag, text, problem] of [
      ['--k', '0', 'k: expected a whole number of at least 1, or auto, got 0.'],
      ['--k', 'three', 'k: expected a whole number of at least 1, or auto, got "three".'],
      ['--max-steps', '1.5', 'maxSteps: expected a whole number of at least 1, got 1.5.'],
      ['--temperature', '', 'temperature: expected a number of at least 0, or none, got "".'],
      ['--temperature', '1e999', 'temperature: expected a number of at least 0, or none, got "1e999".'],
      ['--price', '1', `price: ${PRICE_EXPECTED}, got "1".`],
      ['--price', '1,2,3,4', `price: ${PRICE_EXPECTED}, got "1,2,3,4".`],
      ['--price', '1,,3', `price: ${PRICE_EXPECTED}, got "1,,3".`],
      ['--hedge', 'p100', 'hedge: expected a percentile from 50 to below 100, as in p95, got 100.'],
      ['--rule', 'plurality', /^rule: expected one of ahead-by-k, .*, evidence, got "plurality"\.$/],
      ['--escalate', 'panel,boss', 'escalate: expected some of variants, panel, verifier, or none, got "boss".'],
      ['--journal', '', 'journal: expected the path of a file, got an empty one.'],
    ] as const) {
      await assert.rejects(
        () => call(run, flag, text),
        (thrown) => {
          assert.ok(thrown instanceof UsageError);
          if (typeof problem === 'string') assert.equal(thrown.message, problem);
          else assert.match(thrown.message, problem);
          return true;
        },
      );
    }
  });

  it('several times, or with commas, are lists', async () => {
    const compare = COMMANDS.find(({ name }) => name === 'compare')!;
    const { given } = await call(compare, '--models', 'a/b,simulated:p=1,v=0.5', '--calibration', 'x.json', 'y.json');
    assert.deepEqual(given.at(-1), {
      journal: '.mdap/journal.db',
      models: ['a/b', 'simulated:p=1,v=0.5'],
      calibrations: ['x.json', 'y.json'],
    });
    const run = COMMANDS.find(({ name }) => name === 'run')!;
    assert.deepEqual((await call(run, '--escalate', 'none')).given.at(-1), {
      journal: '.mdap/journal.db',
      escalate: [],
    });
  });
});

describe('messages', () => {
  it('name options as the command line calls them', () => {
    assert.equal(
      withFlags('resume with a higher options.maxVotes or options.k'),
      'resume with a higher --max-votes or --k',
    );
    assert.equal(withFlags('or omit options.calibration.'), 'or use --no-calibration.');
    assert.equal(
      withFlags('options.answerKind, options.onEvent, options.none'),
      '--answer, options.onEvent, options.none',
    );
    assert.equal(flagOf('step', COMMANDS.find(({ name }) => name === 'inspect')!.options), '--step');
  });
});

it('neither starting nor help loads the code of a command', () => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ resolve(specifier, context, next) {
      const found = next(specifier, context);
      loaded.push(found.url);
      return found;
    } });
    const { main } = await import('./src/cli/main.ts');
    for (const args of [['--version'], ['run', '--help'], ['map', '--help'], ['run'], ['rnu']]) await main(args);
    process.stderr.write('\\n' + JSON.stringify(loaded));
  `;
  const args = ['--conditions=mdap-source', '--input-type=module', '-e', script];
  const { stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  const loaded: string[] = JSON.parse(stderr.trimEnd().split('\n').at(-1)!);
  const heavy = /zod|src\/(engine\/run-loop|processes\/|journals\/|models\/(?!given-model)|server\/|defaults)|sqlite/;
  assert.deepEqual(
    loaded.filter((url) => heavy.test(url)),
    [],
  );
  assert.ok(
    loaded.some((url) => url.includes(join('src', 'cli', 'program.ts'))),
    stderr,
  );
});
