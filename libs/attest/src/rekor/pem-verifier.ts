import { fromBase64 } from '@touchstone/note';
import { AttestError } from '../errors.js';
import { readCertificate } from './certificate.js';
import { readPem, writePem } from './pem.js';
import { Remembered } from './remembered.js';
import { signerSearchKeys } from './signer-search-key.js';
import { readSpki, type EntryKey } from './spki.js';

/** With what a signature of a Rekor v1 entry verifies: a public key, or certificates, as PEM. */
export interface PemVerifier {
  readonly key: EntryKey;
  readonly spki: Uint8Array;
  readonly certificate?: Uint8Array;
  readonly names: readonly string[];
  /** The PEM as Rekor v1 writes it into entries. */
  readonly canonical: Uint8Array;
  /** Under which its entries are found. */
  readonly searchKeys: readonly string[];
}

/** Writers are few, and reading a key costs as much as a signature. */
const known = new Remembered<PemVerifier>(1024);
/** Characters of base64 that are remembered: keys are, and chains of certificates are not. */
const MAX_KNOWN_BASE64 = 2048;

/**
 * Reads the base64 of a PEM, as entries of Rekor v1 have it.
 *
 * @throws AttestError as readPemVerifier does, and `base64` of fromBase64
 */
export function readPemBase64(base64: string): PemVerifier {
  const read = (): PemVerifier => readPemVerifier(fromBase64(base64));
  return base64.length > MAX_KNOWN_BASE64 ? read() : known.get(base64, read);
}

/**
 * @throws AttestError `pem-malformed`, `certificate-malformed`, `public-key-malformed`
 */
export function readPemVerifier(pem: Uint8Array): PemVerifier {
  const blocks = readPem(pem);
  const canonical = writePem(blocks);
  const [first] = blocks;
  if (blocks.length === 1 && first?.label === 'PUBLIC KEY') {
    const searchKeys = signerSearchKeys(canonical, []);
    return { key: readSpki(first.der), spki: first.der, names: [], canonical, searchKeys };
  }
  if (!first || blocks.some(({ label }) => label !== 'CERTIFICATE')) {
    throw new AttestError('pem-malformed', 'the PEM holds neither a public key nor certificates');
  }
  const { spki, names } = readCertificate(first.der);
  const searchKeys = signerSearchKeys(canonical, names);
  return { key: readSpki(spki), spki, certificate: first.der, names, canonical, searchKeys };
}
