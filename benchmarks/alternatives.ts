// node --conditions=mdap-source benchmarks/alternatives.ts [conditioning | votes ...] [--repeats N]
// What people would use instead, with simulated models, whose rates are known:
//  conditioning: a chat whose own errors breed errors, and its cure; voting x {stateful, stateless}.
//  votes:        votes of a step under every rule at equal error (table F.T of the facts), exact and simulated.
// With a real model: `mdap bench`, see BENCHMARKS.md.
import { parseArgs } from 'node:util';
import { measureConditioning } from './conditioning.ts';
import { measureExpectedVotes } from './expected-votes.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { repeats: { type: 'string', default: '200' } },
});
const repeats = Number(values.repeats);
const SECTIONS = {
  conditioning: () => measureConditioning(repeats, say),
  votes: async () => measureExpectedVotes(say),
};
type Section = keyof typeof SECTIONS;

const unknown = positionals.filter((name) => !Object.hasOwn(SECTIONS, name));
if (unknown.length > 0 || !(Number.isSafeInteger(repeats) && repeats > 0)) {
  console.error(`expected sections out of ${Object.keys(SECTIONS).join(', ')}, and --repeats of at least 1`);
  process.exit(2);
}
for (const name of positionals.length > 0 ? (positionals as Section[]) : (Object.keys(SECTIONS) as Section[])) {
  await SECTIONS[name]();
}

function say(line: string): void {
  console.log(line);
}
