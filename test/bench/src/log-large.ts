import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateKey } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { printLine, round } from './bench.js';
import type { Bench } from './bench.js';
import { ENTRIES_PATH, hashedRekordRequest } from './entry-requests.js';
import { jsonPost, loadHttp, plainGet } from './http-load.js';
import { addDigests, LARGE_MAP, mapCovers } from './large-map.js';
import { LARGE, ORIGIN, growTree } from './large-tree.js';
import { startLogServer } from './log-server.js';

const OPEN_LIMIT_MS = 1_000;
const RESIDENT_LIMIT_MB = 400;
const REQUESTS = 5_000;
const CONNECTIONS = 64;
/** What is measured at the end of the growth, against what was at its begin. */
const GROWTH_LIMIT = 1.25;

/** A log of ten million entries: what the last ones cost, how long it takes to open, its memory. */
export const logLarge: Bench = {
  name: 'log-large',
  about:
    'grows a log to 10 million entries and as many digests, opens it, starts its server; 6 GB of disk',
  async run() {
    await mkdir('.touchstone', { recursive: true });
    const dir = await mkdtemp(resolve('.touchstone', 'bench-'));
    try {
      const { key } = await grow(dir);
      await openInProcess(dir, key);
      await startServer(dir, key, 'first');
      await takeInDigests(dir, key);
      await startServer(dir, key, 'again');
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function grow(dir: string): Promise<{ key: PrivateKey }> {
  // The engine is warm before anything is compared.
  await growTree(join(dir, 'warm'), [100_000], () => undefined);
  await rm(join(dir, 'warm'), { recursive: true });
  const sizes = [10_000, 100_000, 1_000_000].filter((size) => size < LARGE);
  const costs: number[] = [];
  const grown = await growTree(dir, [...sizes, LARGE], ({ from, to, seconds, cpuSeconds }) => {
    const cpuMicros = (cpuSeconds / (to - from)) * 1e6;
    costs.push(cpuMicros);
    printLine({
      bench: 'log-large',
      of: 'growth',
      from,
      to,
      seconds: round(seconds),
      microsPerEntry: round((seconds / (to - from)) * 1e6),
      cpuMicrosPerEntry: round(cpuMicros),
    });
  });
  const ratio = (costs.at(-1) ?? NaN) / (costs[1] ?? costs[0] ?? NaN);
  const disk = await promisify(execFile)('du', ['-sm', dir]);
  printLine({
    bench: 'log-large',
    of: 'growth',
    size: LARGE,
    diskMB: Number.parseInt(disk.stdout, 10),
    lastToSecondCost: round(ratio),
    limit: GROWTH_LIMIT,
    doesNotGrow: ratio <= GROWTH_LIMIT,
  });
  return grown;
}

/** What a program that embeds the engine waits for, in a process that has seen nothing else. */
async function openInProcess(dir: string, key: PrivateKey): Promise<void> {
  const program = fileURLToPath(new URL('./open-log.js', import.meta.url));
  const env = { ...process.env, LOG_KEY: key.toPem() };
  const { stdout } = await promisify(execFile)(process.execPath, [program, dir], { env });
  const opened = JSON.parse(stdout) as { size: number; openMs: number; residentMB: number };
  printLine({
    bench: 'log-large',
    of: 'open',
    ...opened,
    limitMs: OPEN_LIMIT_MS,
    openWithinLimit: opened.openMs < OPEN_LIMIT_MS,
  });
}

/** The server over the tree: made ready, used, and looked at. */
async function startServer(dir: string, key: PrivateKey, which: string): Promise<void> {
  const empty = await startLogServer(environmentOf(join(dir, `empty-${which}`), key));
  const idleMB = (await empty.residentBytes()) / 1e6;
  await empty.stop();
  const server = await startLogServer(environmentOf(dir, key));
  try {
    const { url } = server;
    const began = performance.now();
    const mapLeaves = await mapCovers(url, LARGE);
    const mapMs = Math.round(performance.now() - began);
    const openMs = server.startMs - empty.startMs;
    const mapMB = (await server.residentBytes()) / 1e6;
    const reads = Array.from({ length: REQUESTS }, () =>
      plainGet(url, `/v1/proof/inclusion?index=${Math.floor(Math.random() * LARGE)}`),
    );
    const writer = generateKey('ecdsa-p256-sha256');
    const writes = Array.from({ length: REQUESTS }, (_, at) =>
      jsonPost(url, ENTRIES_PATH, hashedRekordRequest(writer, which, at)),
    );
    const load = { url, connections: CONNECTIONS, check: () => undefined };
    await loadHttp({ ...load, requests: reads, status: 200 });
    await loadHttp({ ...load, requests: writes, status: 201 });
    const residentMB = (await server.residentBytes()) / 1e6;
    printLine({
      bench: 'log-large',
      of: 'server',
      start: which,
      size: LARGE,
      // The first start makes index and map, which the next ones find.
      openMs: Math.round(openMs),
      limitMs: OPEN_LIMIT_MS,
      openWithinLimit: which === 'first' ? null : openMs < OPEN_LIMIT_MS,
      idleMB: Math.round(idleMB),
      mapLeaves,
      mapMs,
      mapKeys: await server.mapKeys(),
      mapMB: Math.round(mapMB),
      residentMB: Math.round(residentMB),
      limitMB: RESIDENT_LIMIT_MB,
      residentWithinLimit: residentMB < RESIDENT_LIMIT_MB,
    });
  } finally {
    await server.stop();
  }
}

/** Statements about as many digests, as fast as the server takes them, until the map has them all. */
async function takeInDigests(dir: string, key: PrivateKey): Promise<void> {
  const server = await startLogServer(environmentOf(dir, key));
  try {
    const began = performance.now();
    const statements = await addDigests(server.url, LARGE_MAP);
    await mapCovers(server.url, LARGE + statements);
    const seconds = (performance.now() - began) / 1000;
    printLine({
      bench: 'log-large',
      of: 'digests',
      statements,
      seconds: round(seconds),
      cpuMicrosPerDigest: round(((await server.cpuSeconds()) / LARGE_MAP) * 1e6),
      mapKeys: await server.mapKeys(),
      residentMB: Math.round((await server.residentBytes()) / 1e6),
    });
  } finally {
    await server.stop();
  }
}

function environmentOf(dir: string, key: PrivateKey): Record<string, string> {
  return { LOG_ORIGIN: ORIGIN, LOG_KEY: key.toPem(), LOG_MAP_SECONDS: '1', TILES_DIR: dir };
}
