#!/usr/bin/env node
// `npm run bench -- NAME...`: builds what the benchmarks need and runs them; --help lists them.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

function run(...args) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

run('node_modules/typescript-7/bin/tsc', '-b', 'test/bench/tsconfig.lib.json');
run('test/bench/dist/main.js', ...process.argv.slice(2));
