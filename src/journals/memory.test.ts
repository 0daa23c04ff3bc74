/**
 * The memory journal keeps what every Journal promises, and its reader what every JournalReader does.
 */
import { testJournal } from '../testing/journal-conformance.ts';
import { testJournalReader } from '../testing/journal-reader-conformance.ts';
import { memoryJournal } from './memory.ts';

testJournal('memory', () => memoryJournal());

testJournalReader('memory', () => {
  const journal = memoryJournal();
  return { journal, reader: journal.reader() };
});
