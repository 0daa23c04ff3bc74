export { type MakeJournal, testJournal } from './journal-conformance.ts';
export {
  type JournalWithReader,
  type MakeJournalWithReader,
  testJournalReader,
} from './journal-reader-conformance.ts';
export { type OpenAiServer, type OpenAiServerOptions, openAiServer, type ServedRequest } from './openai-server.ts';
export { answersOf, statesOf } from './served-process.ts';
export { type VirtualClock, virtualClock } from './virtual-clock.ts';
