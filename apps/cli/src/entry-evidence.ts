import {
  artifactDescriptor,
  EVIDENCE_SCHEMA,
  parseEnvelope,
  verifyEvidence,
  type Evidence,
} from '@touchstone/attest';
import { Artifact } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { decodeUtf8, toBase64 } from '@touchstone/note';
import { CliError, EXIT } from './failure.js';
import { readJson, readTrustRoot } from './input.js';

/** An entry as the tiles prove it, and the bundle that the log hands out for it. */
export interface ProvenEntry {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  /** The signed note that the proof leads to. */
  readonly note: Uint8Array;
  readonly bundle: Readonly<Record<string, unknown>>;
}

/**
 * Evidence of one entry alone: what one rebuilder said of the publication with this recipe. It is
 * verified before it is handed out, so the rebuilder must be in the trust root; its verdict is what
 * one statement makes of the policy.
 *
 * @throws CliError `bundle-unavailable` when the entry is of no envelope; AttestError as
 * verifyEvidence does
 */
export async function entryEvidence(
  { index, leaf, hashes, note, bundle }: ProvenEntry,
  recipePath: string,
  trustRootPath: string,
): Promise<Evidence> {
  const recipe = (await readJson(recipePath)) as Record<string, unknown> | null;
  const artifact = Artifact.safeParse(recipe?.['artifact']);
  if (!recipe || !artifact.success) {
    throw new CliError('recipe-malformed', `${recipePath} is no recipe`, EXIT.usage);
  }
  const { dsseEnvelope } = bundle;
  if (typeof dsseEnvelope !== 'object' || dsseEnvelope === null) {
    const message = `entry ${index} is of no envelope; evidence has statements alone`;
    throw new CliError('bundle-unavailable', message, EXIT.refuted);
  }
  const evidence: Evidence = {
    schema: EVIDENCE_SCHEMA,
    artifact: artifactDescriptor(artifact.data),
    recipe,
    checkpoint: decodeUtf8(note),
    entries: [
      {
        logIndex: index,
        canonicalizedBody: toBase64(leaf),
        inclusionProof: hashes.map(toBase64),
        envelope: parseEnvelope(dsseEnvelope),
      },
    ],
  };
  const trustRoot = await readTrustRoot(trustRootPath);
  await verifyEvidence(evidence, { trustRoot, verify: nodeVerifier });
  return evidence;
}
