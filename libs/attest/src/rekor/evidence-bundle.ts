import { fromBase64, fullKeyHash, toBase64, type SignatureVerifier } from '@touchstone/note';
import { paeBytes } from '../dsse.js';
import { checkCheckpoint } from '../evidence-log.js';
import { narrowEvidence, type Evidence, type EvidenceEntry } from '../evidence.js';
import { resolveTrustRoot, type TrustRoot } from '../trust-root.js';
import { verifyEvidence } from '../verify-evidence.js';
import { sigstoreBundle } from './bundle.js';
import { readEntry } from './read-entry.js';

/** One statement of an evidence file as other tools verify it. */
export interface EvidenceBundle {
  readonly logIndex: number;
  readonly predicateType: string;
  readonly rebuilder: string;
  /** Sigstore bundle 0.3 in JSON. */
  readonly bundle: object;
}

/**
 * The statements of an evidence file as Sigstore bundles, made from the file alone. The evidence is
 * verified before; what rebuilders said whom the trust root does not name is left out.
 *
 * @throws AttestError of `verifyEvidence`
 */
export async function evidenceBundles(
  evidence: Evidence,
  { trustRoot, verify }: { trustRoot: TrustRoot; verify: SignatureVerifier },
): Promise<EvidenceBundle[]> {
  const narrowed = narrowEvidence(evidence, trustRoot);
  const { entries: verified } = await verifyEvidence(narrowed, { trustRoot, verify });
  const { logs } = resolveTrustRoot(trustRoot);
  const signed = await checkCheckpoint(narrowed.checkpoint, logs, verify);
  const [key] = signed.verified;
  if (key === undefined) throw new TypeError('a checkpoint that opens has a key that signed it');
  const logId = { keyId: toBase64(fullKeyHash(key.name, key.publicKey)) };
  const { size, root } = signed.checkpoint;
  const bundles: EvidenceBundle[] = [];
  for (const [at, { logIndex, predicateType, rebuilder }] of verified.entries()) {
    const entry = narrowed.entries[at] as EvidenceEntry;
    const view = readEntry(fromBase64(entry.canonicalizedBody));
    const logged = {
      logIndex: String(logIndex),
      logId,
      kindVersion: { kind: view.kind, version: view.version },
      integratedTime: '0',
      inclusionProof: {
        logIndex: String(logIndex),
        rootHash: toBase64(root),
        treeSize: String(size),
        hashes: entry.inclusionProof,
        checkpoint: { envelope: narrowed.checkpoint },
      },
      canonicalizedBody: entry.canonicalizedBody,
    };
    const { payloadType } = entry.envelope;
    const payload = fromBase64(entry.envelope.payload);
    const attestation = view.payloadSha256 ? payload : paeBytes(payloadType, payload);
    const bundle = await sigstoreBundle({ entry: view, logged, attestation, payloadType }, verify);
    bundles.push({ logIndex, predicateType, rebuilder, bundle });
  }
  return bundles;
}
