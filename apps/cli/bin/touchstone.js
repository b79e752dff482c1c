#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  process.stderr.write('touchstone is not built yet: run `npm run setup && npm run build` first\n');
  process.exit(3);
}
const { run } = await import(main.href);
process.exitCode = await run(process.argv.slice(2));
