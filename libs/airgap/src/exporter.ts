import { p256 } from '@noble/curves/nist.js';
import { publicKeyFromBase64, type TrustRoot } from '@touchstone/attest';
import type { SignatureVerifier, Signer } from '@touchstone/note';
import { AirgapError } from './errors.js';
import { exporterMessage, type CarryHeader } from './record.js';

/**
 * The exporter's signature: ECDSA P-256, the only one that an ATECC608 can check, as r‖s (64
 * bytes), the way the chip takes it.
 */

/** @throws AirgapError `plan` when the key is of another kind */
export async function signExport(
  header: CarryHeader,
  note: Uint8Array,
  signer: Signer,
): Promise<Uint8Array> {
  if (signer.publicKey.algorithm !== 'ecdsa-p256-sha256') {
    throw new AirgapError('plan', 'an exporter signs with a P-256 key: a chip checks no other');
  }
  const der = await signer.sign(exporterMessage(header, note));
  return new Uint8Array(p256.Signature.fromBytes(der, 'der').toBytes('compact'));
}

/**
 * One of the trust root's exporters signed. A trust root that names none asks for none.
 *
 * @throws AirgapError `exporter-signature`
 */
export async function verifyExporter(
  { header, note, signature }: { header: CarryHeader; note: Uint8Array; signature?: Uint8Array },
  { exporters, version }: TrustRoot,
  verify: SignatureVerifier,
): Promise<void> {
  if (exporters === undefined) return;
  const der = signature === undefined ? undefined : derOf(signature);
  const message = exporterMessage(header, note);
  for (const { algorithm, spki } of der === undefined ? [] : exporters) {
    if (await verify(publicKeyFromBase64(algorithm, spki), message, der as Uint8Array)) return;
  }
  throw new AirgapError(
    'exporter-signature',
    signature === undefined
      ? `the bundle is not signed, and trust root ${version} names who must`
      : `the bundle is signed by none of the exporters of trust root ${version}`,
  );
}

function derOf(raw: Uint8Array): Uint8Array | undefined {
  try {
    return p256.Signature.fromBytes(raw, 'compact').toBytes('der');
  } catch {
    return undefined;
  }
}
