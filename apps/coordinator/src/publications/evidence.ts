import {
  EVIDENCE_SCHEMA,
  parseEnvelope,
  type Evidence,
  type EvidenceEntry,
} from '@touchstone/attest';
import { toBase64 } from '@touchstone/note';
import {
  findPublication,
  listLoggedAttestations,
  parseRecipe,
  type AttestationRow,
  type Database,
} from '@touchstone/store';
import { LogError, type LogClient, type SignedCheckpoint } from '../log/log-client.js';
import type { LogHead } from '../log/log-head.js';
import type { LogKeys } from '../log/log-keys.js';
import { ProblemError } from '../problem-error.js';
import { digestSet } from './publication-view.js';

const PROOFS_AT_ONCE = 16;

/**
 * All that was logged about a publication, with proofs against the log's newest checkpoint. Each
 * proof is verified before it is handed out.
 *
 * @throws ProblemError `artifact-unknown`, `evidence-not-ready`, `log-unreachable`,
 *   `log-forked`
 */
export async function gatherEvidence(
  parts: { db: Database; log: LogClient; keys: LogKeys; head: LogHead },
  publicationId: string,
): Promise<Evidence> {
  const { db, log, keys, head } = parts;
  const publication = await findPublication(db, publicationId);
  if (publication === null) {
    throw new ProblemError('artifact-unknown', `there is no publication ${publicationId}`);
  }
  const attestations = await listLoggedAttestations(db, publicationId);
  if (attestations.length === 0) {
    throw new ProblemError('evidence-not-ready', 'nothing about this publication is logged yet');
  }
  try {
    const checkpoint = await log.checkpoint(keys.open);
    await head.admit(checkpoint);
    const entries: EvidenceEntry[] = [];
    for (let from = 0; from < attestations.length; from += PROOFS_AT_ONCE) {
      const some = attestations.slice(from, from + PROOFS_AT_ONCE);
      entries.push(...(await Promise.all(some.map((one) => evidenceEntry(log, one, checkpoint)))));
    }
    return {
      schema: EVIDENCE_SCHEMA,
      artifact: {
        uri: publication.artifactUri,
        digest: digestSet(publication.artifactDigest),
      },
      recipe: parseRecipe(publication.recipe),
      checkpoint: checkpoint.note,
      entries,
    };
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    if (cause.code === 'log-forked') throw new ProblemError('log-forked', cause.message);
    // What the log said, and where it is, is for our own log.
    const sentence = 'the log does not prove its entries at the moment; try again later';
    throw new ProblemError('log-unreachable', sentence, undefined, { cause });
  }
}

async function evidenceEntry(
  log: LogClient,
  attestation: AttestationRow,
  checkpoint: SignedCheckpoint,
): Promise<EvidenceEntry> {
  const { logIndex, logBody, envelope } = attestation;
  if (logIndex === null || logBody === null) throw new TypeError('the attestation is not logged');
  const index = Number(logIndex);
  return {
    logIndex: index,
    canonicalizedBody: toBase64(logBody),
    inclusionProof: await log.inclusionProof(index, logBody, checkpoint),
    envelope: parseEnvelope(JSON.parse(envelope)),
  };
}
