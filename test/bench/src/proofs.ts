import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { rfc6962, verifyInclusion } from '@touchstone/merkle';
import { fromBase64, openCheckpoint, verifierKey } from '@touchstone/note';
import { PosixStorage, TileReader, nodeHasher } from '@touchstone/tlog';
import { percentile, printLine, round } from './bench.js';
import type { Bench } from './bench.js';
import { loadHttp, plainGet } from './http-load.js';
import { LARGE, ORIGIN, growTree } from './large-tree.js';
import { startLogServer } from './log-server.js';

const PROOFS = 5_000;
/** Latency is measured, not throughput: at most one other proof is under way. */
const CONNECTIONS = 2;
const SERVER_P99_MS = 5;
const CLIENT_RATE = 20_000;

/** Inclusion proofs of a large log: made by the library, by the server, and verified by clients. */
export const proofs: Bench = {
  name: 'proofs',
  about: 'inclusion proofs in a tree of 10 million entries: making them and verifying them',
  async run() {
    await mkdir('.touchstone', { recursive: true });
    const dir = await mkdtemp(resolve('.touchstone', 'bench-'));
    try {
      const { key, checkpoint } = await growTree(dir, [LARGE], ({ seconds }) =>
        printLine({ bench: 'proofs', built: LARGE, buildSeconds: round(seconds) }),
      );
      const verifier = verifierKey(ORIGIN, key.publicKey);
      const opened = await openCheckpoint(checkpoint, [verifier], nodeVerifier);
      await benchLibrary(dir, opened.checkpoint.root);
      await benchServer(dir, key);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** Proofs of entries anywhere, most of them in tiles that were not read before. */
async function benchLibrary(dir: string, root: Uint8Array): Promise<void> {
  const storage = new PosixStorage(dir);
  const reader = new TileReader((path) => storage.read(path));
  const latencies = new Float64Array(PROOFS);
  const claims: Parameters<typeof verifyInclusion>[0][] = [];
  for (const [at] of latencies.entries()) {
    const index = Math.floor(Math.random() * LARGE);
    const began = performance.now();
    const proof = await reader.inclusionProof(index, LARGE);
    latencies[at] = performance.now() - began;
    const leafHash = nodeHasher.leaf(await reader.entry(index, LARGE));
    claims.push({ index, size: LARGE, leafHash, proof, root });
  }
  const p99 = percentile(latencies, 0.99);
  const rate = (hasher: typeof nodeHasher): number => {
    const began = process.cpuUsage();
    for (const claim of claims) verifyInclusion(claim, hasher);
    const { user, system } = process.cpuUsage(began);
    return PROOFS / ((user + system) / 1e6);
  };
  rate(nodeHasher);
  const verified = rate(nodeHasher);
  printLine({
    bench: 'proofs',
    of: 'library',
    size: LARGE,
    proofs: PROOFS,
    p50Ms: round(percentile(latencies, 0.5)),
    p99Ms: round(p99),
    limitP99Ms: SERVER_P99_MS,
    p99WithinLimit: p99 < SERVER_P99_MS,
    verifiedPerCpuSecond: Math.round(verified),
    verifiedInJavaScriptPerCpuSecond: Math.round(rate(rfc6962)),
    limitVerifiedPerSecond: CLIENT_RATE,
    verifiedTimesLimit: round(verified / CLIENT_RATE),
  });
}

/** The same over HTTP, the client's time included. */
async function benchServer(dir: string, key: PrivateKey): Promise<void> {
  const server = await startLogServer({
    TILES_DIR: dir,
    LOG_ORIGIN: ORIGIN,
    LOG_KEY: key.toPem(),
    LOG_MAP: 'off',
  });
  try {
    // Before it listens it makes the index of a log that was grown without it.
    const indexCpu = await server.cpuSeconds();
    printLine({
      bench: 'proofs',
      of: 'index',
      size: LARGE,
      seconds: round(server.startMs / 1000),
      cpuMicrosPerLeaf: round((indexCpu / LARGE) * 1e6),
    });
    const { url } = server;
    const requests = Array.from({ length: PROOFS }, () =>
      plainGet(url, `/v1/proof/inclusion?index=${Math.floor(Math.random() * LARGE)}`),
    );
    const check = (body: string): void => {
      const { root } = JSON.parse(body) as { root: string };
      if (fromBase64(root).length !== 32) throw new Error('no root');
    };
    const load = { url, connections: CONNECTIONS, status: 200, check };
    await loadHttp({ ...load, requests: requests.slice(0, PROOFS / 10) });
    const before = await server.cpuSeconds();
    const { seconds, latencies } = await loadHttp({ ...load, requests });
    const cpu = (await server.cpuSeconds()) - before;
    const p99 = percentile(latencies, 0.99);
    printLine({
      bench: 'proofs',
      of: 'server',
      size: LARGE,
      connections: CONNECTIONS,
      proofs: PROOFS,
      proofsPerSecond: Math.round(PROOFS / seconds),
      p50Ms: round(percentile(latencies, 0.5)),
      p99Ms: round(p99),
      serverCpuMicros: Math.round((cpu / PROOFS) * 1e6),
      limitP99Ms: SERVER_P99_MS,
      p99WithinLimit: p99 < SERVER_P99_MS,
    });
  } finally {
    await server.stop();
  }
}
