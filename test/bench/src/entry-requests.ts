import { createHash } from 'node:crypto';
import { paeBytes } from '@touchstone/attest';
import type { PrivateKey } from '@touchstone/keys';
import { encodeUtf8, toBase64 } from '@touchstone/note';

/** Where entries are sent. */
export const ENTRIES_PATH = '/api/v2/log/entries';

/** A request to log a digest that a P-256 key signed; another for each `run` and `at`. */
export function hashedRekordRequest(writer: PrivateKey, run: string, at: number): string {
  const artifact = encodeUtf8(`artifact ${run} ${at}`);
  return JSON.stringify({
    hashedRekordRequestV002: {
      digest: createHash('sha256').update(artifact).digest('base64'),
      signature: {
        content: toBase64(writer.sign(artifact)),
        verifier: verifierOf(writer),
      },
    },
  });
}

/** An in-toto statement of the size that a small rebuild has; or about more than one subject. */
export function dsseRequest(writer: PrivateKey, run: string, at: number, subjects = 1): string {
  const subject = Array.from({ length: subjects }, (_, i) => {
    const name = i === 0 ? `${run} ${at}` : `${run} ${at}/${i}`;
    const digest = { sha256: createHash('sha256').update(name).digest('hex') };
    return { name: `pkg:npm/bench@1.0.${at}`, digest };
  });
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject,
    predicateType: 'https://bench.touchstone.dev/v1',
    predicate: { filler: 'x'.repeat(512) },
  };
  const payloadType = 'application/vnd.in-toto+json';
  const payload = encodeUtf8(JSON.stringify(statement));
  const sig = toBase64(writer.sign(paeBytes(payloadType, payload)));
  const envelope = { payload: toBase64(payload), payloadType, signatures: [{ sig }] };
  return JSON.stringify({ dsseRequestV002: { envelope, verifiers: [verifierOf(writer)] } });
}

function verifierOf({ publicKey: { spki } }: PrivateKey): object {
  return { publicKey: { rawBytes: toBase64(spki) }, keyDetails: 'PKIX_ECDSA_P256_SHA_256' };
}
