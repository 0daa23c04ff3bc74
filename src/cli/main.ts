import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { METHODS } from '../comparison/methods/index.ts';
import { MdapError, messageOf, UsageError } from '../core/errors.ts';
import { ANSWER_KINDS, BUILT_IN_PROCESSES } from '../processes/index.ts';
import { decideCommand } from './decide.ts';
import { demoCommand } from './demo.ts';
import { inspectCommand, runsCommand } from './inspect.ts';
import {
  addBudgetOptions,
  addCalibrationOptions,
  addItemOptions,
  addJournalOption,
  addJsonOption,
  addModelOptions,
  addPlanOptions,
  addSamplingOptions,
  addVariantsOption,
  addVoteOptions,
  parseCounts,
  parseK,
  parseModels,
  parseNumber,
  parsePrice,
} from './options.ts';
import { planCommand } from './plan.ts';
import { addReplayOptions, replayCommand } from './replay.ts';
import { resumeCommand, runCommand } from './run.ts';
import { decomposeCommand, solveCommand } from './solve.ts';
import { printable, printableLines } from './terminal.ts';

/**
 * The command line.
 * @returns the exit code: 0 done, 2 usage, 3 paused, 1 stopped or failed.
 */
export async function main(argv: readonly string[]): Promise<number> {
  // A reader that has seen enough (`mdap runs | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  let exitCode = 0;
  const program = createProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    if (thrown instanceof MdapError) {
      process.stderr.write(`mdap: ${printable(asFlags(thrown.message, program))}\n`);
      if (thrown instanceof UsageError || thrown.code === 'unknown-run') return 2;
      // Later in the run a full disk pauses it; before it, the same command again goes on as well.
      return thrown.code === 'disk-full' ? 3 : 1;
    }
    const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
    process.stderr.write(`mdap: unexpected error, please report it: ${printableLines(stack)}\n`);
    return 1;
  }
}

/** Options as the command line calls them: `maxSteps: expected ...` becomes `--max-steps: expected ...`. */
function asFlags(message: string, program: Command): string {
  const name = /^(\w+): /.exec(message)?.[1];
  const option = program.commands.flatMap(({ options }) => options).find((known) => known.attributeName() === name);
  return option?.long == null ? message : `${option.long}${message.slice(name!.length)}`;
}

/** Two folders up from src/cli/ and from dist/cli/. */
function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

const PROCESS = 'a built-in process, or the path of a .ts or .js module; with @m=2 behind it: two steps a sample';

const ITEMS = 'or many inputs, as those of mdap map: JSON Lines, or CSV by its name';

function createProgram(setExitCode: (code: number) => void): Command {
  const ending =
    <Arguments extends unknown[]>(command: (...args: Arguments) => Promise<number>) =>
    async (...args: Arguments) => {
      setExitCode(await command(...args));
    };
  const program = new Command('mdap')
    .description('Runs very long processes on language models without errors: minimal steps, each decided by a vote.')
    .version(readVersion())
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(
          `mdap: ${printable(
            text
              .trimEnd()
              .replace(/^error: /, '')
              .replaceAll('\n', ' '),
          )} (--help shows what is expected)\n`,
        ),
    });

  const run = program
    .command('run')
    .argument('<process>', PROCESS)
    .description('start a run, or resume the one with the same --run-id')
    .option('--input <json>', 'JSON, @FILE or @- for stdin')
    .option('--run-id <id>', 'the same id again resumes (default: a new one)');
  addJsonOption(addJournalOption(addCalibrationOptions(addPlanOptions(addVoteOptions(addModelOptions(run))))))
    .addHelpText('after', RUN_EXAMPLES)
    .action(ending(runCommand));

  const resume = program
    .command('resume')
    .argument('<run-id>')
    .description('go on with a run; options given now replace those it had');
  addJsonOption(addJournalOption(addCalibrationOptions(addPlanOptions(addVoteOptions(addModelOptions(resume))))))
    .addHelpText('after', RESUME_EXAMPLES)
    .action(ending(resumeCommand));

  const plan = program
    .command('plan')
    .argument('<process>', PROCESS)
    .description('estimate success rate, votes and cost of a run')
    .option('--input <json>', 'JSON, @FILE or @- for stdin')
    .option('--k <n|auto>', 'margin of ahead-by-k (default: the least that reaches --target)', parseK)
    .option('--steps <n>', 'where the process does not say', parseNumber)
    .option('--steps-per-subtask <m>', 'steps that one sample answers (default: 1)', parseNumber)
    .option('--max-votes <n>', 'votes after which a step is undecided', parseNumber)
    .option('--calibration <file>', 'what `mdap calibrate` wrote; by default the one beside the journal')
    .option('--no-calibration', 'plan from --p and --v, taking errors as independent')
    .option('--accept-calibration', 'use one of another version of the process, or of another model');
  addJsonOption(addJournalOption(addPlanOptions(addModelOptions(plan))))
    .addHelpText('after', PLAN_EXAMPLES)
    .action(ending(planCommand));

  const calibrate = program
    .command('calibrate')
    .argument('<process>', PROCESS)
    .description('measure what voting can rest on, before paying for a run')
    .option('--input <json>', 'JSON, @FILE or @- for stdin')
    .option('--items <file>', ITEMS)
    .option('--sample-steps <n>', 'steps to sample (default: 50)', parseNumber)
    .option('--draws <n>', 'draws of each voter on each of them (default: 4)', parseNumber)
    .option('--extra-draws <n>', 'further draws of a voter where one of these was wrong (default: 8)', parseNumber)
    .option('--panel <a,b>', 'further models to measure with it', parseModels)
    .option('--output <file>', 'default: calibration-PROCESS.json beside the journal');
  addItemOptions(addVariantsOption(addModelOptions(calibrate), '(default: all)'));
  addJsonOption(addJournalOption(addSamplingOptions(calibrate)))
    .addHelpText('after', CALIBRATE_EXAMPLES)
    .action(ending(async (source, flags) => (await import('./calibrate.ts')).calibrateCommand(source, flags)));

  const compare = program
    .command('compare')
    .argument('<process>', 'a built-in process, or the path of a .ts or .js module')
    .description('which model does it at what cost: measures each on a sample of steps, predicts the run')
    .option('--input <json>', 'JSON, @FILE or @- for stdin')
    .option('--items <file>', ITEMS)
    .option('--models <a,b,...>', 'each named as for `mdap run`', parseModels)
    .option(
      '--steps-per-subtask <m,...>',
      'steps that one sample answers, each with every model (default: 1)',
      parseCounts,
    )
    .option('--target <t>', 'chance wanted for a run without a wrong decision (default: 0.95)', parseNumber)
    .option('--steps <n>', 'number of steps, where the process does not say', parseNumber)
    .option('--sample-steps <n>', 'steps to sample (default: 50)', parseNumber)
    .option('--draws <n>', 'draws on each of them (default: 4)', parseNumber)
    .option('--extra-draws <n>', 'further draws where one of these was wrong (default: 8)', parseNumber)
    .option('--max-votes <n>', 'votes after which a step is undecided', parseNumber)
    .option('--base-url <url>', 'an OpenAI-compatible server that knows all of them')
    .option('--price <in,out>', 'US dollars per million input and output tokens, of every model', parsePrice)
    .option('--timeout-ms <ms>', 'longest time of one call', parseNumber)
    .option('--seed <n>', 'of the sample of steps and of simulated models', parseNumber)
    .option('--calibration <files...>', 'what is known already (default: what is beside the journal)')
    .option('--no-calibration', 'measure all anew')
    .option('--accept-calibration', 'use those of another version of the process');
  addJsonOption(addJournalOption(addSamplingOptions(addItemOptions(compare))))
    .addHelpText('after', COMPARE_EXAMPLES)
    .action(ending(async (source, flags) => (await import('./compare.ts')).compareCommand(source, flags)));

  const bench = program
    .command('bench')
    .argument('<suite>', 'built-in processes with commas between them, all of them, or the path of a .ts or .js module')
    .description('measure a model on tasks of several sizes, by mdap and by what people would use instead')
    .option(
      '--methods <a,b,...>',
      'with their sizes: mdap@k=3,chat@window=5,k=3 (default: the usual ones)',
      parseModels,
    )
    .option('--sizes <n,...>', 'of the tasks, as their processes count them', parseCounts)
    .option('--steps <n,...>', 'or the least steps that they are to take (default: 10,30,100)', parseCounts)
    .option('--repeats <n>', 'attempts of each method at each size (default: 10)', parseNumber)
    .option('--input <json>', 'with "SIZE" and "SEED" in place of numbers (default: from the example of the process)')
    .option('--out <dir>', 'attempts, figures and page; the same again goes on (default: .mdap/bench-SUITE)')
    .option('--attempts-at-once <n>', 'default: 1 for a model on this machine, else 8', parseNumber)
    .option('--speculate <n>', 'steps that are voted on ahead, and drafts at once (default: as mdap run)', parseNumber);
  addJsonOption(addBudgetOptions(addSamplingOptions(addModelOptions(bench))))
    .addHelpText('after', `\nMethods:\n${describeMethods()}\n${BENCH_EXAMPLES}`)
    // Loaded by itself, with the methods.
    .action(ending(async (suite, flags) => (await import('./bench.ts')).benchCommand(suite, flags, readVersion())));

  const map = program
    .command('map')
    .argument('<process>', 'a built-in process (extract), or the path of a .ts or .js module')
    .description('decide many inputs, each by itself; the same command again goes on where it stopped')
    .option('--input <file>', 'items: JSON Lines, or CSV by its name; - for JSON Lines on stdin')
    .option(
      '--output <file>',
      'results, one to a line, in the order of the items, each with how sure it is; CSV by its name',
    )
    .option(
      '--failures <file>',
      'items without a result, and why (default: OUTPUT.failures.jsonl, or .csv where the input is CSV)',
    )
    .option('--batch', "in the provider's batches: cheaper, and may take hours; one batch for each round of votes")
    .option(
      '--window <n>',
      'items that may be under way, or wait for a slower one before them; where answers hang, --hedge p95 helps most, a ' +
        'larger window at the price of memory (default: 16 times --max-concurrency; 10,000 with --batch)',
      parseNumber,
    )
    .option('--run-id <id>', 'the same id again goes on (default: by process, input and output)');
  addJsonOption(
    addJournalOption(addCalibrationOptions(addPlanOptions(addVoteOptions(addModelOptions(addItemOptions(map)))))),
  )
    .addHelpText('after', MAP_EXAMPLES)
    .action(ending(async (source, flags) => (await import('./map.ts')).mapCommand(source, flags)));

  const solve = addSolveOptions(program.command('solve'))
    .description('solve a problem by decomposing it: decompositions, answers and compositions are voted on')
    .option('--max-depth <n>', 'levels of decomposition (default: 3)', parseNumber)
    .option(
      '--max-nodes <n>',
      'problems in the tree; beyond, they are answered in one piece (default: 200)',
      parseNumber,
    );
  addJsonOption(addJournalOption(addCalibrationOptions(addPlanOptions(addVoteOptions(addModelOptions(solve))))))
    .addHelpText('after', SOLVE_EXAMPLES)
    .action(ending(solveCommand));

  // `plan-steps` is what it was called before.
  for (const [name, hidden] of [
    ['decompose', false],
    ['plan-steps', true],
  ] as const) {
    const decompose = addSolveOptions(program.command(name, { hidden }))
      .description(
        'write a plan: a file of steps with prompts and dependencies, voted on as a whole, to read, edit and run',
      )
      .option('--output <file>', 'the plan (default: plan.json)');
    addJsonOption(addJournalOption(addCalibrationOptions(addPlanOptions(addVoteOptions(addModelOptions(decompose))))))
      .addHelpText('after', DECOMPOSE_EXAMPLES)
      .action(ending(decomposeCommand));
  }

  const runs = program.command('runs').description('list the runs of a journal, the newest first');
  addJsonOption(addJournalOption(runs)).addHelpText('after', RUNS_EXAMPLES).action(ending(runsCommand));

  const inspect = program
    .command('inspect')
    .argument('<run-id>')
    .description('look at a run: contested steps and notes, or one step with every recorded sample')
    .option('--step <n>', 'this step, from 0', parseNumber);
  addJsonOption(addJournalOption(inspect)).addHelpText('after', INSPECT_EXAMPLES).action(ending(inspectCommand));

  const report = program
    .command('report')
    .argument('<run-id>')
    .description(
      'a run as one page to hand on: figures, charts, certificate, the least certain steps with their samples',
    )
    .option('--html <file>', 'the page: it needs no network and runs no scripts');
  addJsonOption(addJournalOption(report))
    .addHelpText('after', REPORT_EXAMPLES)
    // Loaded by itself, with what it takes from the dashboard's server.
    .action(ending(async (runId, flags) => (await import('./report.ts')).reportCommand(runId, flags, readVersion())));

  const decide = program
    .command('decide')
    .argument('<run-id>')
    .argument('<step>', 'the step that the run is paused at')
    .description('decide a step by hand that the votes could not')
    .option('--action <json>', 'what is to be done there')
    .option('--draw <n>', 'the answer of this draw, as `mdap inspect` shows them', parseNumber);
  addJsonOption(addJournalOption(decide)).addHelpText('after', DECIDE_EXAMPLES).action(ending(decideCommand));

  const replay = program
    .command('replay')
    .argument('<run-id>')
    .description('decide the recorded samples of a run again, by another rule or other red flags, without paying');
  addJsonOption(addJournalOption(addReplayOptions(replay)))
    .addHelpText('after', REPLAY_EXAMPLES)
    .action(ending(replayCommand));

  const rehearse = program
    .command('rehearse')
    .argument('<process>', 'a built-in process, or the path of a .ts or .js module, with a reference')
    .description('serve a simulated model as a provider would, to rehearse a run: latency, limits, faults')
    .option('--model <id>', 'what answers, as simulated:p=0.99,v=0.97')
    .option('--input <json>', 'of the run: JSON, @FILE or @- for stdin')
    .option('--port <n>', 'on 127.0.0.1 (default: one that is free)', parseNumber)
    .option('--latency-ms <ms>', 'median of a lognormal latency (default: none)', parseNumber)
    .option('--latency-sigma <s>', 'its spread (default: 0.5)', parseNumber)
    .option('--requests-per-minute <n>', 'more are answered by 429', parseNumber)
    .option('--tokens-per-minute <n>', 'the same in tokens', parseNumber)
    .option('--faults <list>', 'shares of 429, 500, hang, half, json, reset: 429=0.05,hang=0.01')
    .option('--batch-seconds <n>', 'how long a batch takes (default: 0)', parseNumber)
    .option('--for-seconds <n>', 'end by itself', parseNumber)
    .option('--seed <n>', 'of model, latency and faults', parseNumber);
  addJsonOption(rehearse)
    .addHelpText('after', REHEARSE_EXAMPLES)
    .action(ending(async (source, flags) => (await import('./rehearse.ts')).rehearseCommand(source, flags)));

  const ui = program
    .command('ui')
    .description('watch the runs of a journal in a browser, and decide paused steps there')
    .option('--port <n>', 'where it is in use, the next free one is taken', parseNumber, 4400)
    .option('--host <address>', 'any but this machine needs a token', '127.0.0.1')
    .option('--token <text>', 'asked of every browser (default: a random one, where others than this machine can ask)');
  addJournalOption(ui)
    .addHelpText('after', UI_EXAMPLES)
    // Loaded by itself: nobody else needs a server.
    .action(ending(async (flags) => (await import('./ui.ts')).uiCommand(flags, readVersion())));

  const demo = program.command('demo').description('see it work in ten seconds: no key, no network');
  addJournalOption(demo).addHelpText('after', DEMO_EXAMPLES).action(ending(demoCommand));

  const names = Object.entries(BUILT_IN_PROCESSES).map(([name, { about }]) => `  ${name.padEnd(13)} ${about}`);
  return program.addHelpText(
    'after',
    `\nBuilt-in processes:\n${names.join('\n')}\nWith @m=2 at its end, as in hanoi@m=2, a sample answers two steps, where a process has \`subtasks\`.\n\nStart with: mdap demo`,
  );
}

function addSolveOptions(command: Command): Command {
  return command
    .argument('<problem>', 'its text, @FILE, or @- for stdin')
    .addOption(
      new Option(
        '--answer <kind>',
        'what the answer looks like; free texts are judged, not voted on (default: text)',
      ).choices(ANSWER_KINDS),
    )
    .option('--proposals <n>', 'decompositions to choose from (default: 5)', parseNumber)
    .option('--decomposer <id>', 'the model that decomposes (default: --model)')
    .option('--judge <id>', 'the model that chooses among decompositions (default: --model)')
    .option('--run-id <id>', 'the same id again goes on (default: a new one)');
}

const RUN_EXAMPLES = `
Examples:
  mdap run hanoi --input '{"disks":10}' --model simulated:p=0.99,v=0.97 --k auto --target 0.999
  mdap run add --input @numbers.json --model openai/gpt-4.1-mini --price 0.40,1.60 --run-id sum-1
  mdap run ./process.ts --input '{}' --base-url http://localhost:8080/v1 --model qwen --json

Exit codes: 0 done, 2 usage, 3 paused (mdap resume goes on), 1 stopped.`;

const MAP_EXAMPLES = `
Examples:
  mdap map extract --schema '{"name":"string","total":"number"}' --input mails.jsonl --output bills.csv --model openai/gpt-4.1-mini
  mdap map extract --schema @bill.json --input bills.csv --output out.csv --model qwen --base-url http://localhost:8080/v1 --budget-usd 5
  mdap map ./classify.ts --input tickets.jsonl --output labels.jsonl --model openai/gpt-4.1-nano --k 2

Exit codes: 0 every item was looked at (failures: see the summary), 2 usage, 3 paused, 1 stopped.`;

const SOLVE_EXAMPLES = `
Examples:
  mdap solve "Multiply 33197 by 90512." --answer number --max-depth 8 --model simulated:p=0.95,v=0.97
  mdap solve @problem.txt --answer text --model openai/gpt-4.1-mini --judge openai/gpt-4.1 --budget-usd 1
  mdap solve "Write a test plan for a login page." --answer free --model qwen --base-url http://localhost:8080/v1

\`mdap inspect RUN\` shows the tree with the votes at every node; \`mdap resume RUN\` goes on.`;

const DECOMPOSE_EXAMPLES = `
Examples:
  mdap decompose "Multiply 33197 by 90512." --answer number --model simulated:p=0.95 --output product.json
  mdap run product.json --model simulated:p=0.95
With "parameters": ["name"] in the file, {name} in its texts is bound by the input, of \`mdap run\` or of each record of \`mdap map\`.`;

const RESUME_EXAMPLES = `
Examples:
  mdap resume sum-1
  mdap resume sum-1 --max-votes 50 --model openai/gpt-4.1
  mdap resume sum-1 --accept-change`;

const REPORT_EXAMPLES = `
Examples:
  mdap report sum-1 --html sum-1.html
  mdap report sum-1 --json`;

const DECIDE_EXAMPLES = `
Examples:
  mdap decide sum-1 417 --draw 2
  mdap decide sum-1 417 --action '{"digit":3,"carry":1}'`;

const REPLAY_EXAMPLES = `
Examples:
  mdap replay sum-1 --k 2
  mdap replay sum-1 --rule evidence --calibration .mdap/calibration-add.json --target 0.99
  mdap replay sum-1 --red-flags malformed,illegal --json`;

const CALIBRATE_EXAMPLES = `
Examples:
  mdap calibrate hanoi --input '{"disks":20}' --model openai/gpt-4.1-mini --sample-steps 200
  mdap calibrate ./process.ts --input '{}' --model qwen --base-url http://localhost:8080/v1 --variants 1
  mdap calibrate hanoi --input '{"disks":20}' --model openai/gpt-4.1-mini --panel anthropic/claude-haiku-4-5
  mdap calibrate extract-checked --items labelled.jsonl --schema '{"total":"number"}' --model openai/gpt-4.1-mini
Then \`mdap run\` with the same model decides by the evidence rule.`;

const COMPARE_EXAMPLES = `
Examples:
  mdap compare hanoi --input '{"disks":20}' --models openai/gpt-4.1-mini,anthropic/claude-haiku-4-5
  mdap compare hanoi --input '{"disks":8}' --models simulated:p=0.99,v=0.9,simulated:p=0.95
  mdap compare ./process.ts --input '{}' --models qwen,llama --base-url http://localhost:8080/v1
  mdap compare hanoi --input '{"disks":8}' --models simulated:p=0.99 --steps-per-subtask 1,2,4
  mdap compare extract-checked --items labelled.jsonl --schema '{"total":"number"}' --models openai/gpt-4.1-mini,openai/gpt-4.1-nano
What was measured is written beside the journal and used again: calibration-PROCESS-MODEL.json.`;

function describeMethods(): string {
  const sizesOf = (sizes: Readonly<Record<string, number | undefined>>) =>
    Object.entries(sizes).map(([size, value]) => (value === undefined ? size : `${size}=${value}`));
  return Object.entries(METHODS)
    .map(([name, { about, sizes }]) => `  ${[name, ...sizesOf(sizes)].join(' ')}\n    ${about}`)
    .join('\n');
}

const BENCH_EXAMPLES = `
Examples:
  mdap bench hanoi,add --model openai/gpt-4.1-mini --steps 15,60 --repeats 20 --budget-usd 5
  mdap bench add --model simulated:p=0.98,perStep=1,conditioning=8 --methods one-call,chat,mdap@k=3
  mdap bench ./process.ts --model qwen --base-url http://localhost:8080/v1 --input '{"rows":"SIZE","seed":"SEED"}' --sizes 10,50`;

const PLAN_EXAMPLES = `
Examples:
  mdap plan hanoi --input '{"disks":20}' --p 0.9978 --v 0.968
  mdap plan hanoi --input '{"disks":20}' --p 0.9978 --target 0.99 --price 0.10,0.40
  mdap plan ./process.ts --input '{}' --steps 5000 --p 0.98 --json
  mdap plan hanoi --input '{"disks":20}' --calibration .mdap/calibration-hanoi.json
Without --p it plans by the calibration beside the journal, where there is one.`;

const RUNS_EXAMPLES = `
Examples:
  mdap runs
  mdap runs --journal sums.db --json`;

const REHEARSE_EXAMPLES = `
Examples:
  mdap rehearse hanoi --input '{"disks":8}' --model simulated:p=0.99,v=0.97 --latency-ms 300 --faults 429=0.05,reset=0.01
  mdap rehearse hanoi --input '{"disks":8}' --model simulated:p=0.99 --requests-per-minute 600 --for-seconds 60 --json`;

const UI_EXAMPLES = `
Examples:
  mdap ui
  mdap ui --journal sums.db --port 8080
  mdap ui --host 0.0.0.0

It ends with Ctrl-C; runs go on without it.`;

const DEMO_EXAMPLES = `
Examples:
  mdap demo
  mdap demo --journal /tmp/demo.db`;

const INSPECT_EXAMPLES = `
Examples:
  mdap inspect sum-1
  mdap inspect sum-1 --step 417`;
