import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MerkleMap } from '@touchstone/merkle';
import { IndexedMap, nodeMapHasher } from '@touchstone/tlog';
import { printLine, round } from './bench.js';
import { keysOfLeaves, LEAVES } from './map-leaves.js';

/*
 * Grows a map to each of some numbers of keys, as a log does that commits after every 1,024 leaves:
 * `grow-map.js disk|memory FOLDER KEYS…`. Keys are there before the map is asked, so that what
 * they cost is not counted as its own.
 */

interface GrowingMap {
  size(): number;
  root(): Uint8Array;
  /** Takes in the keys of leaves that follow. */
  grow(first: number, keys: readonly Uint8Array[][]): Promise<void>;
  close(): Promise<void>;
}

/** The map that the log keeps. */
async function onDisk(dir: string): Promise<GrowingMap> {
  const map = await IndexedMap.open(dir, { size: 0, bytes: 0 });
  const leaf = new Uint8Array();
  return {
    size: () => map.map.size,
    root: () => map.map.root(),
    async grow(first, keys) {
      const staged = await map.stage({
        to: first + keys.length,
        readLeaves: async (from, to) => Array.from({ length: to - from }, () => leaf),
        keysOf: async (_, index) => ({ keys: keys[index - first] as Uint8Array[] }),
        maxRanges: 0,
        maxKeys: Number.MAX_SAFE_INTEGER,
      });
      await map.accept(staged);
    },
    async close() {
      await writeFile(join(dir, 'recorded.json'), JSON.stringify(map.recorded));
      await map.close();
    },
  };
}

/** The map of the definition, in objects: what the log kept before, a bundle of leaves at a time. */
function inMemory(): GrowingMap {
  const bundle = 256;
  let map = MerkleMap.empty(nodeMapHasher);
  return {
    size: () => map.size,
    root: () => map.root(),
    async grow(first, keys) {
      for (let at = 0; at < keys.length; at += bundle) {
        const changes = new Map<string, { key: Uint8Array; indices: number[] }>();
        for (const [i, some] of keys.slice(at, at + bundle).entries()) {
          for (const key of some) {
            const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
            const change = changes.get(name) ?? { key, indices: [] };
            change.indices.push(first + at + i);
            changes.set(name, change);
          }
        }
        map = map.with([...changes.values()].map(({ key, indices }) => [key, indices] as const));
      }
    },
    async close() {
      // Nothing is left of it.
    },
  };
}

const [kind = '', dir = '', ...sizes] = process.argv.slice(2);
const map = kind === 'memory' ? inMemory() : await onDisk(dir);
const idleMB = process.memoryUsage.rss() / 1e6;
let leaves = 0;
for (const keys of sizes.map(Number)) {
  const from = map.size();
  let cpuMicros = 0;
  let longestMs = 0;
  while (map.size() < keys) {
    const some = keysOfLeaves(leaves, leaves + LEAVES);
    const cpu = process.cpuUsage();
    const began = performance.now();
    await map.grow(leaves, some);
    longestMs = Math.max(longestMs, performance.now() - began);
    const { user, system } = process.cpuUsage(cpu);
    cpuMicros += user + system;
    leaves += LEAVES;
  }
  printLine({
    bench: 'map',
    of: 'growth',
    kind,
    from,
    keys: map.size(),
    cpuMicrosPerKey: round(cpuMicros / (map.size() - from)),
    longestCommitMs: round(longestMs),
    idleMB: Math.round(idleMB),
    residentMB: Math.round(process.memoryUsage.rss() / 1e6),
    root: Buffer.from(map.root()).toString('base64'),
  });
}
await map.close();
