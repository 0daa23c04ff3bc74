import { testTogether } from './together.ts';

await testTogether('cli');
