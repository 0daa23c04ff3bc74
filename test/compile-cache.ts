// Loaded before each test file: compiled modules are kept for the next process of the tests, and those that they start.
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';

/** Where Node keeps them by default. */
env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');
enableCompileCache(env.NODE_COMPILE_CACHE);
