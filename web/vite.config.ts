import { join } from 'node:path';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  build: {
    outDir: join(import.meta.dirname, '..', 'dist', 'web'),
    emptyOutDir: true,
    target: 'es2022',
    // The server's policy is `default-src 'self'`: no data: addresses.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
