import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TransparencyLogEntry } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { encodeUtf8 } from '@touchstone/note';
import { percentile, printLine, round } from './bench.js';
import type { Bench } from './bench.js';
import { ENTRIES_PATH, dsseRequest, hashedRekordRequest } from './entry-requests.js';
import { jsonPost, loadHttp } from './http-load.js';
import { startLogServer } from './log-server.js';
import { fdatasyncRate } from './machine.js';

const ENTRIES = Number(process.env['TOUCHSTONE_BENCH_ENTRIES'] ?? 30_000);
/** Until the server runs as compiled code: its steady state is what is measured. */
const WARM_UP = 20_000;
const CONNECTIONS = 256;
const TARGET_RATE = 3_000;
const TARGET_P99_MS = 300;

const KINDS = { hashedrekord: hashedRekordRequest, dsse: dsseRequest } as const;

/** The server as it is shipped, verifying each entry's signature, this process as its clients. */
export const logHttp: Bench = {
  name: 'log-http',
  about: 'entries per second over HTTP, each with an ECDSA P-256 signature to verify',
  async run() {
    await mkdir('.touchstone', { recursive: true });
    for (const kind of ['hashedrekord', 'dsse'] as const) {
      const dir = await mkdtemp(resolve('.touchstone', 'bench-'));
      try {
        await runCase(kind, dir);
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    }
  },
};

async function runCase(kind: keyof typeof KINDS, dir: string): Promise<void> {
  const fdatasyncs = await fdatasyncRate(dir);
  const writer = generateKey('ecdsa-p256-sha256');
  const verifyBefore = verifyMicros(writer);
  const server = await startLogServer({
    TILES_DIR: join(dir, 'log'),
    LOG_ORIGIN: 'bench.touchstone.dev',
    LOG_KEY: generateKey('ed25519').toPem(),
  });
  try {
    const { url } = server;
    const request = (at: number): Buffer =>
      jsonPost(url, ENTRIES_PATH, KINDS[kind](writer, 'http', at));
    const requests = Array.from({ length: ENTRIES }, (_, at) => request(at));
    const warmUp = Array.from({ length: WARM_UP }, (_, at) => request(ENTRIES + at));
    const load = { url, connections: CONNECTIONS, status: 201, check };
    await loadHttp({ ...load, requests: warmUp });
    const serverBefore = await server.cpuSeconds();
    const clientBefore = process.cpuUsage();
    const { seconds, latencies } = await loadHttp({ ...load, requests });
    const client = process.cpuUsage(clientBefore);
    const serverSeconds = (await server.cpuSeconds()) - serverBefore;
    const verify = (verifyBefore + verifyMicros(writer)) / 2;
    const serverMicros = (serverSeconds / ENTRIES) * 1e6;
    const rate = ENTRIES / seconds;
    const p99 = percentile(latencies, 0.99);
    printLine({
      bench: 'log-http',
      kind,
      connections: CONNECTIONS,
      entries: ENTRIES,
      entriesPerSecond: Math.round(rate),
      p50Ms: round(percentile(latencies, 0.5)),
      p99Ms: round(p99),
      serverCpuMicros: Math.round(serverMicros),
      clientCpuMicros: Math.round((client.user + client.system) / ENTRIES),
      residentMB: Math.round((await server.residentBytes()) / 1e6),
      fdatasyncPerSecond: Math.round(fdatasyncs),
      verifyCpuMicros: Math.round(verify),
      // What a machine that is busy with other things does not change.
      serverCpuVerifies: round(serverMicros / verify),
      targetPerSecond: TARGET_RATE,
      timesTarget: round(rate / TARGET_RATE),
      targetP99Ms: TARGET_P99_MS,
      withinTarget: rate >= TARGET_RATE && p99 < TARGET_P99_MS,
    });
  } finally {
    await server.stop();
  }
}

function check(body: string): void {
  TransparencyLogEntry.parse(JSON.parse(body));
}

/** Processor time of one ECDSA P-256 verification: what the signature alone costs, here and now. */
function verifyMicros(writer: PrivateKey): number {
  const message = encodeUtf8('one of many');
  const signature = writer.sign(message);
  const before = process.cpuUsage();
  const count = 5_000;
  for (let i = 0; i < count; i++) nodeVerifier(writer.publicKey, message, signature);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
