import { airgap, airgapLarge } from './airgap.js';
import type { Bench } from './bench.js';
import { compose } from './compose.js';
import { diff } from './diff.js';
import { log } from './log.js';
import { logHttp } from './log-http.js';
import { logLarge } from './log-large.js';
import { map } from './map.js';
import { proofs } from './proofs.js';
import { rebuild } from './rebuild.js';
import { wasm } from './wasm.js';

const BENCHES: readonly Bench[] = [
  ...[log, logHttp, logLarge, map, proofs],
  ...[rebuild, wasm, compose, diff],
  ...[airgap, airgapLarge],
];

async function main(names: string[]): Promise<number> {
  const chosen = names.map((name) => BENCHES.find((bench) => bench.name === name));
  if (names.length === 0 || names.includes('--help') || chosen.includes(undefined)) {
    const lines = BENCHES.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`);
    process.stderr.write(`Usage: npm run bench -- NAME...\n\n${lines.join('\n')}\n`);
    return names.includes('--help') ? 0 : 2;
  }
  for (const bench of chosen) await bench?.run();
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
