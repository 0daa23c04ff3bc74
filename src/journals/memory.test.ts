/**
 * The memory journal keeps what every Journal promises.
 */
import { testJournal } from '../testing/journal-conformance.ts';
import { memoryJournal } from './memory.ts';

testJournal('memory', () => memoryJournal());
