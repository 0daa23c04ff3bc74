import { UsageError } from '../core/errors.ts';
import { isMap, unknownRun } from '../core/journal.ts';
import { openJournal, systemClock } from '../defaults.ts';
import type { Answer } from '../engine/run-dependencies.ts';
import { parseAs, wholeNumber } from '../options/kinds.ts';
import { resumeOptions } from '../options.ts';
import { run } from '../run.ts';
import type { JournalFlags } from './options.ts';
import { loadProcess, sourceOf } from './process-source.ts';
import { journalFlag } from './run-summary.ts';
import { printableJson, shellWord } from './terminal.ts';
import { readInput } from './text-input.ts';

interface DecideFlags extends JournalFlags {
  readonly action?: string;
  readonly draw?: number;
}

/** Records a person's decision on the step at which a run is paused. No model is called. */
export async function decideCommand(runId: string, step: string, flags: DecideFlags): Promise<number> {
  const answer = readAnswer(parseAs(wholeNumber({ min: 0 }), 'step', step), flags);
  const journal = openJournal(flags.journal, systemClock, { mustExist: true });
  try {
    const record = await journal.find(runId);
    if (record === undefined) throw unknownRun(runId);
    if (isMap(record)) {
      throw new UsageError(
        `run ${JSON.stringify(runId)} is a map, which gives up items that its votes cannot decide and continues: use its
          failures as the --input of another map.`,
      );
    }
    const source = sourceOf(record, 'decide there, with the option `answer`');
    const { process: definition } = await loadProcess(source);
    const result = await run(definition, record.input, resumeOptions(record, { journal, answer }));
    if (flags.json) process.stdout.write(`${printableJson(result)}\n`);
    else {
      const next =
        result.status === 'done'
          ? 'the run is done'
          : `resume: mdap resume ${shellWord(runId)}${journalFlag(flags.journal)}`;
      process.stdout.write(`step ${answer.stepIndex} is decided\n${next}\n`);
    }
    return 0;
  } finally {
    await journal.close();
  }
}

function readAnswer(stepIndex: number, { action, draw }: DecideFlags): Answer {
  if ((action === undefined) === (draw === undefined)) {
    throw new UsageError(
      `expected either --action JSON or --draw N (the draw whose answer to take), got ${action === undefined ? 'neither' : 'both'}.`,
    );
  }
  return draw === undefined ? { stepIndex, action: readInput(action!, 'action') } : { stepIndex, draw };
}
