import { createHash } from 'node:crypto';
import { AirgapError, followAcknowledgement, verifyAcknowledgement } from '@touchstone/airgap';
import type { Acknowledgement } from '@touchstone/airgap';
import { canonicalJson, parseEnvelope } from '@touchstone/attest';
import { nodeVerifier, publicKeyFromSpki } from '@touchstone/keys';
import { MerkleError, treeHasher, verifyConsistency } from '@touchstone/merkle';
import { findSite, keepAcknowledgement, type Database, type SiteRow } from '@touchstone/store';
import { LogError, type LogClient, type SignedCheckpoint } from '../log/log-client.js';
import type { LogHead } from '../log/log-head.js';
import type { LogKeys } from '../log/log-keys.js';
import { ProblemError } from '../problem-error.js';

const hasher = treeHasher((data) => createHash('sha256').update(data).digest());

export interface AcknowledgementParts {
  readonly db: Database;
  readonly log: LogClient;
  readonly head: LogHead;
  readonly keys: LogKeys;
  readonly now: () => number;
}

/**
 * Takes what a site's device signed: verified by the device's key, one step of its counter after
 * the last, held against the log, logged, then kept. A tree that is not the log's is no reason to
 * refuse it: it is the proof, and is kept as an alarm.
 *
 * Crash order: append, then keep. Dying between the two means that it is brought again; the log has
 * the entry by then and answers with its index.
 *
 * @throws ProblemError `site-unknown`, `acknowledgement-malformed`, `acknowledgement-signature`,
 *   `acknowledgement-gap`; StoreError `acknowledgement-conflict`; LogError
 */
export async function takeAcknowledgement(
  parts: AcknowledgementParts,
  siteId: string,
  signed: unknown,
): Promise<SiteRow> {
  const { db, log, head, keys, now } = parts;
  const site = await knownSite(db, siteId);
  const key = publicKeyFromSpki(site.spki);
  const said = await asProblem(() => verifyAcknowledgement(signed, key, nodeVerifier));
  if (said.site !== siteId) {
    throw new ProblemError('acknowledgement-malformed', `it is of site ${said.site}`, 'envelope');
  }
  const envelope = canonicalJson(signed);
  const digest = createHash('sha256').update(envelope).digest('hex');
  const last = site.acknowledgements[0];
  const previous = last && (await readKept(site, last.envelope));
  // Signed anew by a device whose first copy was lost: another nonce, and the same import.
  if (previous?.counter === said.counter && sameImport(previous, said)) return site;
  const broken = await ownFork(previous, said, site.startCounter);
  const entry = await log.append(parseEnvelope(signed), key, keys.open);
  await head.admit(entry.checkpoint);
  const fork = broken ?? (await forkOf(log, said, entry.checkpoint));
  await keepAcknowledgement(db, {
    ...{ siteId, counter: said.counter, digest, envelope, fork: fork ?? null },
    ...{ logIndex: BigInt(entry.index), receivedAt: new Date(now()) },
  });
  return knownSite(db, siteId);
}

/** What is kept was verified when it came. */
export async function readKept(site: SiteRow, envelope: string): Promise<Acknowledgement> {
  return verifyAcknowledgement(JSON.parse(envelope), publicKeyFromSpki(site.spki), nodeVerifier);
}

function sameImport(a: Acknowledgement, b: Acknowledgement): boolean {
  return canonicalJson({ ...a, nonce: '' }) === canonicalJson({ ...b, nonce: '' });
}

async function knownSite(db: Database, id: string): Promise<SiteRow> {
  const site = await findSite(db, id);
  if (site === null) throw new ProblemError('site-unknown', `no site ${id} is registered`, 'site');
  return site;
}

/** A device whose own words cannot be of one log: it was shown two. */
async function ownFork(
  previous: Acknowledgement | undefined,
  next: Acknowledgement,
  start: number,
): Promise<string | undefined> {
  try {
    if (previous?.counter === next.counter) {
      throw new ProblemError(
        'acknowledgement-conflict',
        `the device of site ${next.site} signed another acknowledgement of import ${next.counter}: it was copied, or its state was`,
        'envelope',
      );
    }
    followAcknowledgement(previous, next, start);
    return undefined;
  } catch (error) {
    if (error instanceof AirgapError && error.code === 'acknowledgement-fork') return error.message;
    return asProblem(() => Promise.reject(error as Error));
  }
}

/** Why the tree that a site acknowledged is not a beginning of the log's; undefined when it is. */
async function forkOf(
  log: LogClient,
  { checkpoint: theirs }: Acknowledgement,
  { checkpoint: ours }: SignedCheckpoint,
): Promise<string | undefined> {
  const { origin, size, root } = theirs;
  if (origin !== ours.origin) return `it follows ${origin}, not ${ours.origin}`;
  if (size > ours.size) return `the log has ${ours.size} entries, the site was shown ${size}`;
  try {
    const proof = size === 0 ? [] : await log.consistencyProof(size, ours.size);
    const root1 = new Uint8Array(Buffer.from(root, 'hex'));
    verifyConsistency({ size1: size, root1, size2: ours.size, root2: ours.root, proof }, hasher);
    return undefined;
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error;
    return `the log's tree of ${size} entries has another root than the site was shown`;
  }
}

async function asProblem<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof LogError || !(cause instanceof AirgapError)) throw cause;
    const { code, message } = cause;
    switch (code) {
      case 'acknowledgement-malformed':
      case 'acknowledgement-signature':
      case 'acknowledgement-gap':
        throw new ProblemError(code, message, 'envelope', { cause });
      default:
        throw cause;
    }
  }
}
