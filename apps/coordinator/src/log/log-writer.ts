import { parseEnvelope } from '@touchstone/attest';
import { publicKeyFromSpki } from '@touchstone/keys';
import {
  claimOutbox,
  findAttestation,
  postponeOutbox,
  recordLogged,
  settleOutbox,
  type Database,
  type OutboxRow,
} from '@touchstone/store';
import type { Logger } from 'pino';
import { backoff } from '../background/loop.js';
import type { LogClient } from './log-client.js';
import type { LogHead } from './log-head.js';
import type { LogKeys } from './log-keys.js';

const BATCH = 16;
/** Longer than an append may take, so that two coordinators do not append the same. */
const CLAIM_MILLISECONDS = 120_000;

export interface LogWriterParts {
  readonly db: Database;
  readonly log: LogClient;
  readonly head: LogHead;
  readonly logger: Logger;
  readonly now: () => number;
  readonly keys: LogKeys;
  readonly retryMilliseconds: number;
  readonly retryMaxMilliseconds: number;
  /** Seconds from the request until a proof of inclusion had been checked. */
  readonly appended: (seconds: number) => void;
}

/**
 * Brings accepted attestations into the log.
 *
 * Crash order: claim, append, verify, prove that the log only grew, then record index and body and strike the row off in one
 * transaction. Dying after the append and before the record means that the next one appends again;
 * the log has the entry by then and answers with its first index. Even a log that kept it twice
 * would do no harm: a statement counts once however often it is logged.
 *
 * @returns whether there may be more to do at once
 */
export async function writeToLog(parts: LogWriterParts): Promise<boolean> {
  const { db, now } = parts;
  await parts.head.expectOneHistory();
  const claimedAt = now();
  const rows = await claimOutbox(db, {
    kind: 'log',
    now: new Date(claimedAt),
    claimedUntil: new Date(claimedAt + CLAIM_MILLISECONDS),
    limit: BATCH,
  });
  // To the end of all of them, so that who stops the work can then close what it stands on.
  const ends = await Promise.allSettled(rows.map((row) => writeOne(parts, row)));
  const broken = ends.find((end) => end.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  return rows.length === BATCH;
}

async function writeOne(parts: LogWriterParts, row: OutboxRow): Promise<void> {
  const { db, log, keys, logger, now } = parts;
  try {
    const attestation = await findAttestation(db, row.subject);
    if (attestation === null || attestation.state === 'logged') {
      await settleOutbox(db, [row.id]);
      return;
    }
    const envelope = parseEnvelope(JSON.parse(attestation.envelope));
    const key = publicKeyFromSpki(attestation.key.spki);
    const begun = performance.now();
    const entry = await log.append(envelope, key, keys.open);
    parts.appended((performance.now() - begun) / 1000);
    await parts.head.admit(entry.checkpoint);
    await recordLogged(db, attestation, entry, new Date(now()));
    logger.info({ attestation: attestation.id, index: entry.index }, 'logged');
  } catch (error) {
    const { retryMilliseconds, retryMaxMilliseconds } = parts;
    const pause = backoff(row.attempts + 1, retryMilliseconds, retryMaxMilliseconds);
    logger.warn({ err: error, attestation: row.subject, pause }, 'not logged yet');
    await postponeOutbox(db, [row.id], new Date(now() + pause));
  }
}
