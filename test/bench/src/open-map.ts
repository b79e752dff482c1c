import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyMapProof } from '@touchstone/merkle';
import { IndexedMap, nodeMapHasher } from '@touchstone/tlog';
import { percentile, printLine, round } from './bench.js';
import { ownKey } from './map-leaves.js';

/** Opens the map in a folder, asks for proofs and checks them: `open-map.js FOLDER`. */
const PROOFS = 10_000;

const [dir = ''] = process.argv.slice(2);
const recorded = JSON.parse(await readFile(join(dir, 'recorded.json'), 'utf8')) as {
  size: number;
  bytes: number;
};
const began = performance.now();
const map = await IndexedMap.open(dir, recorded);
const openMs = performance.now() - began;
const openedMB = Math.round(process.memoryUsage.rss() / 1e6);
const root = map.map.root();
const micros = new Float64Array(PROOFS);
for (let i = 0; i < PROOFS; i++) {
  const key = ownKey(Math.floor(Math.random() * recorded.size));
  const asked = performance.now();
  const proof = map.map.prove(key);
  micros[i] = (performance.now() - asked) * 1000;
  if (!verifyMapProof(key, proof, root, nodeMapHasher)) throw new Error('a key is not there');
}
printLine({
  bench: 'map',
  of: 'open',
  keys: map.map.size,
  openMs: round(openMs),
  openedMB,
  residentMB: Math.round(process.memoryUsage.rss() / 1e6),
  proofMicrosP50: round(percentile(micros, 0.5)),
  proofMicrosP99: round(percentile(micros, 0.99)),
});
await map.close();
