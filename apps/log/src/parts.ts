import { join } from 'node:path';
import { parsePae, readEntry, searchKeys } from '@touchstone/attest';
import { readSecret } from '@touchstone/keys';
import { nodeHasher } from '@touchstone/tlog';
import type { Logger } from 'pino';
import { AttestationStore } from './attestations/attestation-store.js';
import { Sweep } from './attestations/sweep.js';
import type { LogEnvironment } from './environment.js';
import { IndexedLog } from './index-store/indexed-log.js';
import type { LogIndex, NewLeaf } from './index-store/log-index.js';
import { LeafTimes } from './index-store/leaf-times.js';
import { LevelLogIndex } from './index-store/level-index.js';
import { LifeDesk } from './life/life-desk.js';
import type { Log } from './log.js';
import type { LogParts } from './log.module.js';
import { LeafKeys } from './map/leaf-keys.js';
import { openLogMap } from './map/open-log-map.js';
import type { LogMetrics } from './metrics.js';
import { attestationOf } from './rekor/export-entry.js';
import { EntryThreads } from './rekor/entry-threads.js';
import { openSigstore } from './rekor/sigstore.js';
import { V1Log } from './rekor/v1/v1-log.js';
import { Scrub } from './scrub/scrub.js';
import { CourierDesk } from './witnesses/courier-desk.js';
import { WriterPolicy } from './writers/writer-policy.js';
import { Writers } from './writers/writers.js';

const TELL_EVERY_MS = 5_000;

/** Beside the tiles. The first can be made anew, the second cannot. */
const INDEX_FOLDER = 'index';
const TIMES_FILE = 'times';

/** Who may write, by the environment. */
async function openWriters(
  environment: LogEnvironment,
  log: Log,
  logger: Logger,
): Promise<Writers> {
  const { writeToken, writersFile, writeLimit: limit } = environment;
  const token = writeToken ? readSecret(writeToken) : null;
  if (token === '') throw new Error('LOG_WRITE_TOKEN_FILE: the file is empty');
  const policy = writersFile === undefined ? null : await WriterPolicy.read(writersFile);
  if (token === null && !policy) {
    logger.warn('no LOG_WRITE_TOKEN is set: whoever reaches this port may write');
  }
  const refuse = (): void => log.refuseFrozen();
  return new Writers({ refuse, token, policy, limit, clock: () => performance.now() });
}

/** Everything around an open log. The index has all of its leaves when this resolves. */
export async function openParts(around: {
  environment: LogEnvironment;
  log: Log;
  metrics: LogMetrics;
  logger: Logger;
}): Promise<LogParts> {
  const { environment, log, metrics, logger } = around;
  const writers = await openWriters(environment, log, logger);
  const adminToken = await openAdminToken(environment);
  const sigstore = await openSigstore(environment, log);
  const attestations = await AttestationStore.open(environment.tilesDir);
  const indexed = await openIndexed(environment, log, attestations, logger);
  const sweep = new Sweep({
    log,
    attestations,
    registry: metrics.registry,
    intervalMs: environment.sweepSeconds * 1000,
    alarm: (entry, digest, what) =>
      logger.error({ entry, digest, what }, `attestation sha256:${digest} is ${what}`),
    failed: (error) => logger.error({ err: error }, 'the sweep through attestations failed'),
  });
  const scrub = new Scrub({
    storage: log.storage,
    keys: log.keys,
    registry: metrics.registry,
    ...environment.scrub,
    alarm: ({ path, code, message }) => logger.error({ path, code }, `${path}: ${message}`),
    finished: ({ ok, size }) => logger.info({ ok, size }, 'a scrub through the log has finished'),
    failed: (error) => logger.error({ err: error }, 'the scrub through the log failed'),
  });
  const { v1Signer } = sigstore;
  const v1 = v1Signer ? new V1Log(indexed, attestations, v1Signer) : null;
  const threads = new EntryThreads({
    threads: environment.verifyThreads,
    maxWaiting: environment.maxQueuedEntries,
  });
  const desk = { indexed, attestations, writers, threads, leafKeys: new LeafKeys() };
  const map = openLogMap({ environment, desk, registry: metrics.registry, logger });
  const life = new LifeDesk({
    indexed,
    map,
    dir: environment.tilesDir,
    clock: () => new Date(),
    told: (event, index) => logger.warn({ event, index }, `the log said of itself: ${event.event}`),
  });
  const couriers = new CourierDesk({
    log,
    couriers: log.couriers ?? null,
    alarm: (message) => logger.error(message),
  });
  return { desk, metrics, sigstore, sweep, scrub, v1, map, life, couriers, adminToken };
}

async function openAdminToken({ adminToken }: LogEnvironment): Promise<string | null> {
  const token = adminToken ? readSecret(adminToken) : null;
  if (token === '') throw new Error('LOG_ADMIN_TOKEN_FILE: the file is empty');
  return token;
}

/** Which leaf stands where and since when; the index has all leaves when this resolves. */
async function openIndexed(
  environment: LogEnvironment,
  log: Log,
  attestations: AttestationStore,
  logger: Logger,
): Promise<IndexedLog> {
  const times = await LeafTimes.open(join(environment.tilesDir, TIMES_FILE), await log.settle());
  const index = await openIndex(environment, log.origin);
  return IndexedLog.open({
    log,
    index,
    times,
    describe: (leaf) => describe(leaf, attestations),
    clock: () => Math.floor(Date.now() / 1000),
    progress: tellNowAndThen((leaves, size) =>
      logger.info({ leaves, size }, 'the index is made from the tiles before the log listens'),
    ),
    failed: (error) => logger.error({ err: error }, 'the index failed'),
  }).catch(async (error: unknown) => {
    await index.close();
    throw error;
  });
}

/** What is quickly done is not worth a line. */
function tellNowAndThen(
  tell: (leaves: number, size: number) => void,
): (leaves: number, size: number) => void {
  let told = performance.now();
  return (leaves, size) => {
    if (performance.now() - told < TELL_EVERY_MS) return;
    told = performance.now();
    tell(leaves, size);
  };
}

/** The database's code is loaded only where there is a database. */
async function openIndex(
  { databaseUrl, tilesDir }: LogEnvironment,
  origin: string,
): Promise<LogIndex> {
  if (databaseUrl === undefined) return LevelLogIndex.open(join(tilesDir, INDEX_FOLDER));
  const url = readSecret(databaseUrl);
  const { migrate, StoredLogIndex } = await import('@touchstone/store');
  await migrate(url);
  return StoredLogIndex.open({ url, origin });
}

/** Leaves that are no entries, such as those about the log itself, are found by index alone. */
async function describe(leaf: Uint8Array, attestations: AttestationStore): Promise<NewLeaf> {
  const hash = nodeHasher.leaf(leaf);
  try {
    const entry = readEntry(leaf);
    const digest = attestationOf(entry);
    const bytes = digest && (await attestations.get(Buffer.from(digest).toString('hex')));
    // Under the digest of what was signed there may be an envelope's encoding, or any other bytes.
    const payload = entry.payloadSha256 ? bytes : bytes && parsePae(bytes)?.payload;
    return { hash, keys: searchKeys(entry, payload) };
  } catch {
    return { hash, keys: [] };
  }
}
