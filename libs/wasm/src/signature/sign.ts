import { concatBytes } from '@noble/hashes/utils.js';
import type { PublicKey, Signer } from '@touchstone/note';
import { readBinary, type Node } from '../component/component.js';
import { appendCustomSection } from '../component/edit-custom.js';
import { PREAMBLE_SIZE } from '../component/preamble.js';
import { WasmError } from '../errors.js';
import { algorithmId, defaultKeyId, toSectionForm } from './algorithms.js';
import { coverageOf, type SignatureProfile } from './coverage.js';
import { bindingHash, equalBytes, signedMessage } from './message.js';
import {
  DELIMITER_SECTION,
  DELIMITER_SIZE,
  partsOf,
  SIGNATURE_SECTION,
  type RollingHash,
  type SignedParts,
} from './parts.js';
import {
  readSignatureData,
  writeSignatureData,
  type SectionSignature,
  type SignedHashes,
} from './signature-data.js';

export interface SignOptions {
  readonly signer: Signer;
  /** `strict` when left out. */
  readonly profile?: SignatureProfile;
  /** wasmsign2's default for the key when left out. */
  readonly keyId?: Uint8Array;
  /** X.509 in DER, the signer's first; readers of wasmsign2 pass over them. */
  readonly certificates?: readonly Uint8Array[];
  /** For a file too large to be hashed in JavaScript; a fresh one for each time bytes are read. */
  readonly hash?: () => RollingHash;
}

/**
 * Signs a module or component and everything in it, in its `signature` section. Signatures that are
 * there stay: they are of the sections before the delimiter that stood last then.
 *
 * A delimiter is added behind the last section, so that others can add sections and sign them over.
 * Where an earlier signer left none, adding one would break what was signed; then the same bytes
 * are signed once more.
 *
 * @param delimiter 16 random bytes
 * @throws WasmError of the reader and of {@link partsOf}; RangeError for a delimiter of another size
 */
export async function signBinary(
  bytes: Uint8Array,
  delimiter: Uint8Array,
  options: SignOptions,
): Promise<Uint8Array> {
  if (delimiter.length !== DELIMITER_SIZE) {
    throw new RangeError(`a delimiter has ${DELIMITER_SIZE} bytes`);
  }
  const before = readAll(bytes, options);
  const isOpen = before.parts.parts.at(-1)?.delimited === false;
  const isSigned = before.sets.some(
    ({ hashes }) => coverageOf(hashes, before.parts).parts === before.parts.parts.length,
  );
  const extended =
    isOpen && !isSigned ? appendCustomSection(bytes, DELIMITER_SECTION, delimiter) : bytes;
  const { node, parts, sets } = extended === bytes ? before : readAll(extended, options);
  const data = await withSignature(parts, sets, options);
  const start = node.offset + PREAMBLE_SIZE;
  const header = appendCustomSection(extended.subarray(0, start), SIGNATURE_SECTION, data);
  const body = parts.header === undefined ? start : parts.header.offset + parts.header.size;
  return concatBytes(header, extended.subarray(body));
}

/**
 * The same, apart from the file, which stays as it is; a signature that stands in it is not signed.
 *
 * @param previous a detached signature to add to
 * @throws WasmError of the reader, of {@link partsOf} and `readSignatureData`
 */
export async function signDetached(
  bytes: Uint8Array,
  options: SignOptions,
  previous?: Uint8Array,
): Promise<Uint8Array> {
  const { parts } = readAll(bytes, options);
  const sets =
    previous === undefined ? [] : readSignatureData(previous, { offset: 0, size: previous.length });
  return withSignature(parts, sets, options);
}

function readAll(
  bytes: Uint8Array,
  { hash }: SignOptions,
): { node: Node; parts: SignedParts; sets: SignedHashes[] } {
  const node = readBinary(bytes);
  const parts = partsOf(bytes, node, hash?.());
  const { header } = parts;
  const sets = header === undefined ? [] : readSignatureData(bytes, header.content);
  return { node, parts, sets };
}

async function withSignature(
  { parts, preamble }: SignedParts,
  sets: readonly SignedHashes[],
  { signer, profile = 'strict', keyId, certificates }: SignOptions,
): Promise<Uint8Array> {
  const chain = parts.map(({ hash }) => hash);
  const hashes = profile === 'strict' ? [...chain, bindingHash(preamble, chain)] : chain;
  const { publicKey } = signer;
  const signature: SectionSignature = {
    keyId: keyId ?? defaultKeyId(publicKey),
    algorithm: algorithmId(publicKey.algorithm),
    signature: sectionForm(publicKey, await signer.sign(signedMessage(hashes))),
    ...(certificates && { certificates }),
  };
  const same = sets.findIndex(
    (set) =>
      set.hashes.length === hashes.length &&
      set.hashes.every((hash, position) => equalBytes(hash, hashes[position])),
  );
  if (same === -1) return writeSignatureData([...sets, { hashes, signatures: [signature] }]);
  const grown = sets.map((set, position) =>
    position === same ? { hashes, signatures: [...set.signatures, signature] } : set,
  );
  return writeSignatureData(grown);
}

function sectionForm(key: PublicKey, signature: Uint8Array): Uint8Array {
  const form = toSectionForm(key.algorithm, signature);
  if (form !== undefined) return form;
  throw new WasmError('signature-malformed', 0, 'the signer gave no signature in DER');
}
