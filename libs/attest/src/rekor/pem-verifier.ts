import { AttestError } from '../errors.js';
import { readCertificate } from './certificate.js';
import { readPem, writePem } from './pem.js';
import { readSpki, type EntryKey } from './spki.js';

/** With what a signature of a Rekor v1 entry verifies: a public key, or certificates, as PEM. */
export interface PemVerifier {
  readonly key: EntryKey;
  readonly spki: Uint8Array;
  readonly certificate?: Uint8Array;
  readonly names: readonly string[];
  /** The PEM as Rekor v1 writes it into entries. */
  readonly canonical: Uint8Array;
}

/**
 * @throws AttestError `pem-malformed`, `certificate-malformed`, `public-key-malformed`
 */
export function readPemVerifier(pem: Uint8Array): PemVerifier {
  const blocks = readPem(pem);
  const canonical = writePem(blocks);
  const [first] = blocks;
  if (blocks.length === 1 && first?.label === 'PUBLIC KEY') {
    return { key: readSpki(first.der), spki: first.der, names: [], canonical };
  }
  if (!first || blocks.some(({ label }) => label !== 'CERTIFICATE')) {
    throw new AttestError('pem-malformed', 'the PEM holds neither a public key nor certificates');
  }
  const { spki, names } = readCertificate(first.der);
  return { key: readSpki(spki), spki, certificate: first.der, names, canonical };
}
