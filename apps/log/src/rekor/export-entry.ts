import { AttestError, readEntry, sigstoreBundle, v1LogId } from '@touchstone/attest';
import type { EntryView } from '@touchstone/attest';
import type { TransparencyLogEntry } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { formatTlogProof, toBase64 } from '@touchstone/note';
import type { AttestationStore } from '../attestations/attestation-store.js';
import { HttpProblem } from '../http-problem.js';
import type { Log } from '../log.js';
import { proveInclusion, provenEntry } from './proven-entry.js';
import type { V1Log } from './v1/v1-log.js';

/** What entries are exported from. */
export interface ExportDesk {
  readonly log: Log;
  readonly attestations: AttestationStore;
  readonly v1: V1Log | null;
}

/**
 * One entry as a Sigstore bundle 0.3. Entries of Rekor v1's kinds carry the promise and checkpoint
 * of v1, without which their verifiers take no time from the log.
 */
export async function exportBundle(
  index: number,
  payloadType: string | undefined,
  { log, attestations, v1 }: ExportDesk,
): Promise<object> {
  const leaf = await leafAt(log, index);
  try {
    const entry = readEntry(leaf);
    const digest = attestationOf(entry);
    const attestation = digest && (await attestations.get(Buffer.from(digest).toString('hex')));
    const { note, size } = log;
    const logged =
      v1 && entry.version !== V2_VERSION[entry.kind]
        ? await v1Entry(leaf, index, entry, v1)
        : await provenEntry(log, { ...entry, body: leaf }, index, { note, size });
    return await sigstoreBundle(
      {
        entry,
        logged,
        ...(attestation && { attestation }),
        ...(payloadType !== undefined && { payloadType }),
      },
      nodeVerifier,
    );
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
    throw new HttpProblem('bundle-unavailable', 409, error.message, { cause: error });
  }
}

/** One entry as C2SP tlog-proof. */
export async function exportTlogProof(index: number, log: Log): Promise<string> {
  const leaf = await leafAt(log, index);
  const { note, size } = log;
  const { hashes } = await proveInclusion(log, leaf, index, { note, size });
  return formatTlogProof({ index, hashes, checkpoint: note });
}

const V2_VERSION: Readonly<Record<string, string>> = { hashedrekord: '0.0.2', dsse: '0.0.2' };

/** What the entry names that the log may keep. */
export function attestationOf({ signed, payloadSha256 }: EntryView): Uint8Array | undefined {
  return payloadSha256 ?? (signed?.algorithm === 'sha256' ? signed.digest : undefined);
}

async function v1Entry(
  leaf: Uint8Array,
  index: number,
  { kind, version }: EntryView,
  v1: V1Log,
): Promise<TransparencyLogEntry> {
  const [entry] = Object.values((await v1.entryAt(index)) ?? {});
  if (!entry) throw unknown(index);
  const { inclusionProof: proof, signedEntryTimestamp } = entry.verification;
  return {
    logIndex: String(index),
    logId: { keyId: toBase64(v1LogId(v1.publicKey)) },
    kindVersion: { kind, version },
    integratedTime: String(entry.integratedTime),
    inclusionPromise: { signedEntryTimestamp },
    inclusionProof: {
      logIndex: String(index),
      rootHash: hexToBase64(proof.rootHash),
      treeSize: String(proof.treeSize),
      hashes: proof.hashes.map(hexToBase64),
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: toBase64(leaf),
  };
}

async function leafAt(log: Log, index: number): Promise<Uint8Array> {
  if (index >= log.size) throw unknown(index);
  return log.reader.entry(index, log.size);
}

function hexToBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

function unknown(index: number): HttpProblem {
  return new HttpProblem('entry-unknown', 404, `the published tree has no entry ${index}`);
}
