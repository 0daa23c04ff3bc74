// How many replies of a small model to `extract` are valid, and how many fields wrong, with and without a JSON Schema:
//   node --conditions=mdap-source benchmarks/structured-outputs.ts gguf:.models/SmolLM2-135M-Instruct.Q4_1.gguf auto 200 3
// (a model file or the base URL of a server, auto or off, records, draws of each).
import { RedFlag, readReply } from '../src/core/red-flags.ts';
import { undress } from '../src/core/reply-dress.ts';
import { systemClock } from '../src/defaults.ts';
import { llamaModel } from '../src/models/llama.ts';
import { openAiCompatibleModel } from '../src/models/openai-compatible.ts';
import { extract } from '../src/processes/extract.ts';
import { type Fields, readSchema } from '../src/processes/record-schema.ts';

const [asked = 'http://127.0.0.1:8080/v1', structured = 'auto', records = '20', draws = '3'] = process.argv.slice(2);
const FIELDS = ['name', 'city', 'total'];
const NAMES =
  'Ada Brown,Ben Clark,Cara Diaz,Dan Evans,Eva Fox,Finn Gray,Gina Hall,Hugo Ivers,Iris Jones,Jack King'.split(',');
const CITIES = ['Ulm', 'Bonn', 'Graz', 'Bern', 'Linz', 'Kiel'];
let state = 7;

function roll(sides: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor(state / 65_536) % sides;
}

const { json: schema } = readSchema({ name: 'string', city: 'string', total: 'integer' });
const task = extract();
const model = asked.startsWith('gguf:')
  ? await llamaModel({ file: asked.slice('gguf:'.length), clock: systemClock })
  : openAiCompatibleModel({ baseUrl: asked, model: 'any', clock: systemClock });
const sums = { samples: 0, valid: 0, cut: 0, fields: 0, wrongFirst: 0, wrongVoted: 0 };
for (let i = 0; i < Number(records); i++) {
  const [name, city, total] = [NAMES[roll(10)]!, CITIES[roll(6)]!, roll(900) + 10];
  const right: Fields = { name, city, total };
  const step = { schema, record: `Invoice for ${name} from ${city}. Total due: ${total} EUR.` };
  const tally = new Map<string, { votes: number; answer: Fields }>();
  const wrongIn = (answer?: Fields) => FIELDS.filter((field) => answer?.[field] !== right[field]).length;
  for (let draw = 0; draw < Number(draws); draw++) {
    const temperature = draw === 0 ? 0 : 0.7;
    const settings = {
      prompt: task.prompt(step),
      maxOutputTokens: 80,
      seed: 1_000 * (i + 1) + draw,
      temperature,
      draw,
    };
    const signal = new AbortController().signal;
    const reply = await model.generate({ ...settings, signal, schema: structured === 'off' ? undefined : schema });
    const isCut = reply.finishReason === 'length';
    const read = readReply(undress(reply.text).text, { parse: (text) => task.parse(text, step), key: task.key });
    const vote = isCut || read instanceof RedFlag ? undefined : read;
    sums.samples++;
    if (isCut) sums.cut++;
    if (draw === 0) sums.wrongFirst += wrongIn(vote?.action);
    if (vote === undefined) continue;
    sums.valid++;
    tally.set(vote.key, { votes: (tally.get(vote.key)?.votes ?? 0) + 1, answer: vote.action });
  }
  const [most] = [...tally.values()].sort((a, b) => b.votes - a.votes);
  sums.fields += FIELDS.length;
  sums.wrongVoted += wrongIn(most?.answer);
}
await model.close?.();
console.log(JSON.stringify({ structured, records: Number(records), ...sums }));
