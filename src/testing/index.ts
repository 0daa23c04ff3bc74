export { type MakeJournal, testJournal } from './journal-conformance.ts';
export { type VirtualClock, virtualClock } from './virtual-clock.ts';
