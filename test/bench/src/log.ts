import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { noteSigner } from '@touchstone/note';
import { PosixStorage, Tlog, lockFolder } from '@touchstone/tlog';
import { percentile, printLine, round } from './bench.js';
import type { Bench } from './bench.js';
import { fdatasyncRate, sha256Rate } from './machine.js';

interface Case {
  readonly concurrent: number;
  readonly entries: number;
  /** What a well-known Go implementation reaches on this kind of machine, entries per second. */
  readonly goRate: number;
}

const ENTRY_BYTES = 1024;
const CASES: readonly Case[] = [
  { concurrent: 256, entries: 60_000, goRate: 2_021 },
  { concurrent: 2_048, entries: 120_000, goRate: 13_396 },
  { concurrent: 4_096, entries: 160_000, goRate: 23_411 },
];

export const log: Bench = {
  name: 'log',
  about: 'entries per second from append() to a published checkpoint, 1 KiB entries, on disk',
  async run() {
    // Not the system's temporary folder: that is memory on many machines.
    await mkdir('.touchstone', { recursive: true });
    const dir = await mkdtemp(resolve('.touchstone', 'bench-'));
    try {
      const fdatasyncs = await fdatasyncRate(dir);
      const hashes = sha256Rate();
      for (const [at, each] of CASES.entries()) {
        await runCase(each, join(dir, String(at)), fdatasyncs, hashes);
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function runCase(
  { concurrent, entries, goRate }: Case,
  dir: string,
  fdatasyncs: number,
  hashes: number,
): Promise<void> {
  let batches = 0;
  const tlog = await Tlog.open({
    lock: await lockFolder(dir),
    storage: new PosixStorage(dir),
    signer: noteSigner('bench.touchstone.dev/log', generateKey('ed25519')),
    verify: nodeVerifier,
    observe: (event) => {
      if (event.type === 'integrated') batches++;
      if (event.type === 'failed') throw event.error;
    },
  });
  await appendAll(tlog, concurrent, Math.min(entries / 4, concurrent * 16));
  batches = 0;
  const began = performance.now();
  const latencies = await appendAll(tlog, concurrent, entries);
  const seconds = (performance.now() - began) / 1000;
  await tlog.close();
  const rate = entries / seconds;
  printLine({
    bench: 'log',
    concurrent,
    entries,
    entryBytes: ENTRY_BYTES,
    entriesPerSecond: Math.round(rate),
    p50Ms: round(percentile(latencies, 0.5)),
    p99Ms: round(percentile(latencies, 0.99)),
    batches,
    fdatasyncPerSecond: Math.round(fdatasyncs),
    sha256PerSecond: Math.round(hashes),
    entriesPerFdatasync: round(rate / fdatasyncs),
    entriesPerSha256: round(rate / hashes),
    goPerSecond: goRate,
    timesGo: round(rate / goRate),
  });
}

/** A closed loop: so many callers, each appending again once its entry is published. */
async function appendAll(tlog: Tlog, concurrent: number, entries: number): Promise<Float64Array> {
  const latencies = new Float64Array(entries);
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < entries) {
      const at = next++;
      const leaf = entry(at);
      const began = performance.now();
      const { published } = await tlog.append(leaf);
      await published;
      latencies[at] = performance.now() - began;
    }
  };
  await Promise.all(Array.from({ length: concurrent }, caller));
  return latencies;
}

const filler = randomBytes(ENTRY_BYTES);

function entry(at: number): Uint8Array {
  const leaf = new Uint8Array(filler);
  new DataView(leaf.buffer).setFloat64(0, at);
  return leaf;
}
