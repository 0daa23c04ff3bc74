// `mdap/journals`: where runs are kept, the ports that an adapter of your own implements, and readers beside the writers.

export type * from '../core/journal.ts';
export type * from '../core/journal-reader.ts';
export { type MemoryJournal, memoryJournal } from './memory.ts';
export { sqliteJournal } from './sqlite.ts';
export type { SqliteJournalOptions } from './sqlite-file.ts';
export { type SqliteReaderOptions, sqliteJournalReader } from './sqlite-reader.ts';
