import { concatBytes } from '@noble/hashes/utils.js';
import { unsignedLeb } from '../component/leb.js';
import { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import type { Span } from '../module.js';

/** One signature over the hashes of its set. */
export interface SectionSignature {
  /** Empty when the signer named no key; what it means is between signer and verifier. */
  readonly keyId: Uint8Array;
  /** See `algorithmOf`. */
  readonly algorithm: number;
  readonly signature: Uint8Array;
  /**
   * X.509 in DER, the signer's first, as sigil appends them. Absent where wasmsign2 wrote the
   * signature, empty where sigil wrote one without certificates.
   */
  readonly certificates?: readonly Uint8Array[];
}

export interface SignedHashes {
  /** SHA-256 each. */
  readonly hashes: readonly Uint8Array[];
  readonly signatures: readonly (SectionSignature & Span)[];
}

/** Bounds; those of hashes, signatures and certificates are wasmsign2's and sigil's. */
const MAX = {
  sets: 64,
  hashes: 64,
  /** In all sets together. */
  signatures: 256,
  certificates: 16,
  certificateBytes: 16_384,
  keyIdBytes: 1_024,
  signatureBytes: 1_024,
} as const;

export const MAX_PARTS = MAX.hashes;

const HASH_SIZE = 32;

/** Version 1, content type WebAssembly, SHA-256: the only ones there are. */
export const SIGNATURE_HEADER: readonly number[] = [0x01, 0x01, 0x01];
const HEADER_FIELDS = ['version', 'content type', 'hash function'];

/**
 * Reads what a `signature` section holds, or a detached signature (tool-conventions,
 * Signatures.md; where that is silent, as wasmsign2 writes it: every set and every signature has
 * its length before it). Only the shortest integers are read, and every length must be true, so
 * that one list of signatures has one form.
 *
 * @throws WasmError `signature-version`, `signature-malformed`, `leb-overlong`, `leb-out-of-range`,
 * `truncated`, `count-too-large`
 */
export function readSignatureData(bytes: Uint8Array, { offset, size }: Span): SignedHashes[] {
  const cursor = new Cursor(bytes, offset, offset + size, true);
  for (const [at, value] of SIGNATURE_HEADER.entries()) {
    const start = cursor.offset;
    const field = `the ${HEADER_FIELDS[at] ?? 'header'} of signatures`;
    const found = cursor.u8(field);
    if (found !== value) {
      throw new WasmError(
        'signature-version',
        start,
        `${field} is ${found}; only ${value} is read`,
      );
    }
  }
  const count = cursor.count('the number of sets of hashes', MAX.sets, 2);
  let signatures = 0;
  const sets = Array.from({ length: count }, () => {
    const set = readSet(slice(cursor, 'a set of hashes', size));
    signatures += set.signatures.length;
    if (signatures > MAX.signatures) {
      const message = `there are more than ${MAX.signatures} signatures`;
      throw new WasmError('count-too-large', cursor.offset, message);
    }
    return set;
  });
  expectDone(cursor, 'the signatures');
  return sets;
}

function readSet(cursor: Cursor): SignedHashes {
  const start = cursor.offset;
  const hashCount = cursor.count('the number of hashes', MAX.hashes, HASH_SIZE);
  const hashes = Array.from({ length: hashCount }, () => take(cursor, HASH_SIZE, 'a hash'));
  const length = cursor.count('the number of signatures', MAX.signatures, 4);
  if (hashCount === 0 || length === 0) {
    const message = `a set of ${hashCount} hashes with ${length} signatures signs nothing`;
    throw new WasmError('signature-malformed', start, message);
  }
  const signatures = Array.from({ length }, () => {
    const offset = cursor.offset;
    const signature = readSignature(slice(cursor, 'a signature', cursor.remaining));
    return { ...signature, offset, size: cursor.offset - offset };
  });
  expectDone(cursor, 'a set of hashes');
  return { hashes, signatures };
}

function readSignature(cursor: Cursor): SectionSignature {
  const keyId = vector(cursor, 'a key id', MAX.keyIdBytes);
  const algorithm = cursor.u8('a signature algorithm');
  const signature = vector(cursor, 'the bytes of a signature', MAX.signatureBytes);
  if (cursor.remaining === 0) return { keyId, algorithm, signature };
  const length = cursor.count('the number of certificates', MAX.certificates, 1);
  const certificates = Array.from({ length }, () =>
    vector(cursor, 'a certificate', MAX.certificateBytes),
  );
  expectDone(cursor, 'a signature');
  return { keyId, algorithm, signature, certificates };
}

/** A cursor over length-prefixed bytes, which the outer one steps over. */
function slice(cursor: Cursor, field: string, max: number): Cursor {
  const { offset, size } = bounded(cursor, field, max);
  return new Cursor(cursor.bytes, offset, offset + size, true);
}

function vector(cursor: Cursor, field: string, max: number): Uint8Array {
  const { offset, size } = bounded(cursor, field, max);
  return cursor.bytes.slice(offset, offset + size);
}

function bounded(cursor: Cursor, field: string, max: number): Span {
  const start = cursor.offset;
  const size = cursor.u32(`the length of ${field}`);
  if (size > max && size <= cursor.remaining) {
    throw new WasmError(
      'count-too-large',
      start,
      `${field} has ${size} bytes, the limit is ${max}`,
    );
  }
  const { offset } = cursor;
  cursor.skip(size, field);
  return { offset, size };
}

function take(cursor: Cursor, size: number, field: string): Uint8Array {
  const { offset } = cursor;
  cursor.skip(size, field);
  return cursor.bytes.slice(offset, offset + size);
}

function expectDone(cursor: Cursor, what: string): void {
  if (cursor.remaining === 0) return;
  const message = `${what} says that it is ${cursor.remaining} bytes longer than what it holds`;
  throw new WasmError('signature-malformed', cursor.offset, message);
}

/** The one form of a list of sets, which {@link readSignatureData} reads. */
export function writeSignatureData(
  sets: readonly {
    readonly hashes: readonly Uint8Array[];
    readonly signatures: readonly SectionSignature[];
  }[],
): Uint8Array {
  const written = sets.map(({ hashes, signatures }) =>
    prefixed(
      concatBytes(
        leb(hashes.length),
        ...hashes,
        leb(signatures.length),
        ...signatures.map((signature) => prefixed(writeSignature(signature))),
      ),
    ),
  );
  return concatBytes(Uint8Array.from(SIGNATURE_HEADER), leb(sets.length), ...written);
}

function writeSignature(of: SectionSignature): Uint8Array {
  const { keyId, algorithm, signature, certificates } = of;
  const written = [prefixed(keyId), Uint8Array.of(algorithm), prefixed(signature)];
  if (certificates !== undefined) {
    written.push(leb(certificates.length), ...certificates.map(prefixed));
  }
  return concatBytes(...written);
}

function prefixed(bytes: Uint8Array): Uint8Array {
  return concatBytes(leb(bytes.length), bytes);
}

function leb(value: number): Uint8Array {
  return Uint8Array.from(unsignedLeb(value));
}
