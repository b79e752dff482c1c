import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.js';
import { LARGE } from './large-tree.js';

const SIZES = [10_000, 100_000, 200_000, 1_000_000];
/** Keys up to which the map in memory is compared: more would not fit everywhere. */
const IN_MEMORY = 200_000;

/** The verifiable index: what a key costs, its memory, and how long it takes to open. */
export const map: Bench = {
  name: 'map',
  about: 'grows the map of the verifiable index to 10 million keys, opens it; 3 GB of disk',
  async run() {
    await mkdir('.touchstone', { recursive: true });
    const dir = await mkdtemp(resolve('.touchstone', 'bench-'));
    try {
      const sizes = [...SIZES.filter((size) => size < LARGE), LARGE];
      await program('grow-map.js', 'memory', dir, ...sizes.filter((size) => size <= IN_MEMORY));
      await program('grow-map.js', 'disk', dir, ...sizes);
      await program('open-map.js', dir);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** In a process of its own, whose memory is that of the map alone. */
async function program(name: string, ...args: (string | number)[]): Promise<void> {
  const path = fileURLToPath(new URL(`./${name}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args.map(String)], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
}
