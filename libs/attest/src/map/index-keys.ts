import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Sha256 } from '@touchstone/merkle';
import { encodeUtf8, fromBase64 } from '@touchstone/note';
import { equalBytes } from '../bytes.js';
import { isPlainObject } from '../canonical-json.js';
import { readCborAsJson } from '../cose/cbor-statement.js';
import { parseSigStructure } from '../cose/sig-structure.js';
import { parseJson, type ReadJson } from '../json.js';
import { isLifeLeaf } from '../life/life-leaf.js';
import { parsePae } from '../rekor/bundle.js';
import { readCertificate } from '../rekor/certificate.js';

/*
 * Which keys of the verifiable index a leaf stands under. This is a format: whoever rebuilds the
 * map must come to the same keys, so a change here is a new INDEX_DOMAIN. It is deliberately
 * laxer than the parsers that verify: an entry that no verifier of ours accepts is found all the
 * same.
 */

/** Begins the input of every key. */
export const INDEX_DOMAIN = 'touchstone.dev/map/v2';

/** Digests and names of one attestation that are indexed; the leaf of more counts as unread. */
export const MAX_INDEXED_DIGESTS = 4096;
/** Largest attestation that is read. */
export const MAX_ATTESTATION_BYTES = 16 * 1024 * 1024;

const MAX_SIGNERS = 64;
const MAX_LEAF_BYTES = 65_535;

/** The attestation with this SHA-256 (hex), or undefined when it cannot be had. */
export type ReadAttestation = (sha256: string) => Promise<Uint8Array | undefined>;

/** What a leaf is indexed under. */
export interface IndexedEntry {
  /** Keys of the map, each once. */
  readonly keys: readonly Uint8Array[];
  /** SHA-256 (hex) of the attestation that the leaf names, or may name, and that cannot be read. */
  readonly absent?: string;
}

function key(kind: string, value: string, hash: Sha256 = sha256): Uint8Array {
  return hash(encodeUtf8(`${INDEX_DOMAIN}\n${kind}\n${value}`));
}

/** Key of all leaves that speak of a digest: `sha256` and its hex digits, for example. */
export function digestKey(algorithm: string, hex: string, hash?: Sha256): Uint8Array {
  return key('digest', `${algorithm}:${hex}`, hash);
}

/** Key of all leaves whose statement has a subject of this name, as it is written there. */
export function nameKey(name: string, hash?: Sha256): Uint8Array {
  return key('name', name, hash);
}

/** Key of all leaves whose statement has a predicate of this type. */
export function predicateKey(predicateType: string, hash?: Sha256): Uint8Array {
  return key('predicate', predicateType, hash);
}

/** Key of all leaves with a signature of a key, named by the hex SHA-256 of its SPKI. */
export function signerKey(keyId: string, hash?: Sha256): Uint8Array {
  return key('signer', keyId, hash);
}

/**
 * Key of the leaves of which the index cannot say all they speak of: entries whose attestation
 * could not be read, entries of unknown kind, attestations with too many subjects. No answer is
 * complete without a look at these.
 */
export const UNREAD_KEY: Uint8Array = key('leaf', 'unread');
/**
 * Key of the leaves that a key signed, named by the hex SHA-256 of its SPKI, and that name what was
 * signed by a digest whose bytes could not be read. That may be the digest of any file; it may be
 * an envelope's too. So no answer is complete without a look at these of the signers that count.
 */
export function unreadKeyOf(keyId: string, hash?: Sha256): Uint8Array {
  return key('unread', keyId, hash);
}
/** Key of the leaves that commit to the map. */
export const COMMITMENTS_KEY: Uint8Array = key('leaf', 'map-commitment');
/** Key of the leaves in which the log speaks of itself. */
const LIFE_KEY: Uint8Array = key('leaf', 'life');

/** Canonical JSON sorts, so every leaf of this kind begins like this. */
export const MAP_LEAF_PREFIX: Uint8Array = encodeUtf8('{"apiVersion":"0.0.2","kind":"map",');

/** Whether a leaf is of the kind that commits to a map; whether it is a good one shows later. */
export function isMapLeaf(leaf: Uint8Array): boolean {
  return equalBytes(leaf.subarray(0, MAP_LEAF_PREFIX.length), MAP_LEAF_PREFIX);
}

/**
 * The keys of one leaf: what it holds itself (payload or data digest, signers), and the subjects'
 * digests and names and the predicate's type of the attestation it names. Where it names the
 * digest of what was signed, that may be the pre-authentication encoding of an envelope or the
 * Sig_structure of COSE, and is read as one, or any other bytes. Bytes
 * that have another digest than the leaf names count as absent. Never throws for what is in the leaf;
 * what `read` throws is passed on. Services pass the SHA-256 of their platform.
 */
export async function indexEntry(
  leaf: Uint8Array,
  read: ReadAttestation,
  hash: Sha256 = sha256,
  readJson: ReadJson = parseJson,
): Promise<IndexedEntry> {
  if (isMapLeaf(leaf)) return { keys: [COMMITMENTS_KEY] };
  if (isLifeLeaf(leaf)) return { keys: [LIFE_KEY] };
  const found = readLeaf(leaf, readJson);
  if (!found) return { keys: [UNREAD_KEY] };
  const keys = new KeySet();
  const signers = found.signers.map((spki) => bytesToHex(hash(spki)));
  keys.add(digestKey(found.digest.algorithm, found.digest.hex, hash));
  for (const signer of signers) keys.add(signerKey(signer, hash));
  const { attestation, signed } = found;
  const named = attestation ?? signed;
  if (named === undefined) return { keys: keys.list };
  const bytes = await read(named);
  if (!bytes || bytesToHex(hash(bytes)) !== named) {
    const unread = signers.map((signer) => unreadKeyOf(signer, hash));
    for (const each of attestation === undefined ? unread : [UNREAD_KEY]) keys.add(each);
    return { keys: keys.list, absent: named };
  }
  const cbor = attestation === undefined ? parseSigStructure(bytes) : undefined;
  const json = attestation === undefined ? parsePae(bytes)?.payload : bytes;
  const payload = cbor ?? json;
  if (!payload) return { keys: keys.list };
  keys.add(digestKey('sha256', bytesToHex(hash(payload)), hash));
  const statement = statementKeys(payload, hash, cbor ? readCborAsJson : readJson);
  for (const one of statement.keys) keys.add(one);
  if (!statement.all) keys.add(UNREAD_KEY);
  return { keys: keys.list };
}

class KeySet {
  readonly #seen = new Set<string>();
  readonly list: Uint8Array[] = [];

  add(bytes: Uint8Array): void {
    const hex = bytesToHex(bytes);
    if (this.#seen.has(hex)) return;
    this.#seen.add(hex);
    this.list.push(bytes);
  }
}

interface LeafContent {
  /** Of the payload, or of what was signed. */
  readonly digest: NamedDigest;
  readonly signers: Uint8Array[];
  /** Hex SHA-256 of the payload of a DSSE envelope. */
  readonly attestation?: string;
  /** Hex SHA-256 of what was signed, whatever that is. */
  readonly signed?: string;
}

/** Undefined for a leaf that is none of the kinds below. */
function readLeaf(leaf: Uint8Array, readJson: ReadJson): LeafContent | undefined {
  try {
    const { kind, apiVersion, spec } = object(readJson(leaf, MAX_LEAF_BYTES));
    const reader = READERS.get(`${text(kind)} ${text(apiVersion)}`);
    return reader?.(object(spec));
  } catch {
    return undefined;
  }
}

const READERS: ReadonlyMap<string, (spec: Record<string, unknown>) => LeafContent> = new Map([
  ['dsse 0.0.2', dsseV2],
  ['dsse 0.0.1', dsseV1],
  ['intoto 0.0.2', intotoV1],
  ['hashedrekord 0.0.2', hashedRekordV2],
  ['hashedrekord 0.0.1', hashedRekordV1],
]);

function dsseV2({ dsseV002 }: Record<string, unknown>): LeafContent {
  const { payloadHash, signatures } = object(dsseV002);
  const payload = hashV2(payloadHash);
  return attested(
    payload,
    list(signatures).map((one) => verifierV2(object(one)['verifier'])),
  );
}

function hashedRekordV2({ hashedRekordV002 }: Record<string, unknown>): LeafContent {
  const { data, signature } = object(hashedRekordV002);
  return signedDigest(hashV2(data), [verifierV2(object(signature)['verifier'])]);
}

function dsseV1({ payloadHash, signatures }: Record<string, unknown>): LeafContent {
  return attested(
    hashV1(payloadHash),
    list(signatures).map((one) => pem(object(one)['verifier'])),
  );
}

function intotoV1({ content }: Record<string, unknown>): LeafContent {
  const { payloadHash, envelope } = object(content);
  const signatures = list(object(envelope)['signatures']);
  return attested(
    hashV1(payloadHash),
    signatures.map((one) => pem(object(one)['publicKey'])),
  );
}

function hashedRekordV1({ data, signature }: Record<string, unknown>): LeafContent {
  const { publicKey } = object(signature);
  return signedDigest(hashV1(object(data)['hash']), [pem(object(publicKey)['content'])]);
}

interface NamedDigest {
  readonly algorithm: string;
  readonly hex: string;
}

function attested({ algorithm, hex }: NamedDigest, signers: Uint8Array[]): LeafContent {
  if (algorithm !== 'sha256') throw new Error('payloads are named by SHA-256');
  return { digest: { algorithm, hex }, signers, attestation: hex };
}

/** Attestations are kept by SHA-256: what is named by another hash cannot be had. */
function signedDigest({ algorithm, hex }: NamedDigest, signers: Uint8Array[]): LeafContent {
  const digest = { algorithm, hex };
  return { digest, signers, ...(algorithm === 'sha256' && { signed: hex }) };
}

/** Names of protobuf-specs, as in-toto writes them. */
const ALGORITHMS = new Map([
  ['SHA2_256', 'sha256'],
  ['SHA2_384', 'sha384'],
  ['SHA2_512', 'sha512'],
]);

function hashV2(value: unknown): NamedDigest {
  const { algorithm, digest } = object(value);
  const name = ALGORITHMS.get(text(algorithm));
  if (name === undefined) throw new Error('unknown algorithm');
  return { algorithm: name, hex: bytesToHex(fromBase64(text(digest))) };
}

function hashV1(value: unknown): NamedDigest {
  const { algorithm, value: hex } = object(value);
  const named = { algorithm: text(algorithm), hex: text(hex) };
  if (!isDigest(named.algorithm, named.hex)) throw new Error('no digest');
  return named;
}

function verifierV2(value: unknown): Uint8Array {
  const { publicKey, x509Certificate } = object(value);
  if (publicKey !== undefined) return fromBase64(text(object(publicKey)['rawBytes']));
  return readCertificate(fromBase64(text(object(x509Certificate)['rawBytes']))).spki;
}

/** A PEM block in base64, as Rekor v1 has keys and certificates. */
function pem(value: unknown): Uint8Array {
  const block = String.fromCharCode(...fromBase64(text(value)));
  const found =
    /^-----BEGIN (PUBLIC KEY|CERTIFICATE)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/.exec(
      block,
    );
  if (!found) throw new Error('no PEM');
  const der = fromBase64((found[2] as string).replace(/\s+/g, ''));
  return found[1] === 'CERTIFICATE' ? readCertificate(der).spki : der;
}

/** Keys of an in-toto statement of whatever version; none of other payloads. */
function statementKeys(
  payload: Uint8Array,
  hash: Sha256,
  readJson: ReadJson,
): { keys: Uint8Array[]; all: boolean } {
  if (payload.length > MAX_ATTESTATION_BYTES) return { keys: [], all: false };
  let statement: unknown;
  try {
    statement = readJson(payload, MAX_ATTESTATION_BYTES);
  } catch {
    return { keys: [], all: true };
  }
  if (!isPlainObject(statement)) return { keys: [], all: true };
  const { subject: subjects, predicateType } = statement;
  const keys: Uint8Array[] = [];
  if (isName(predicateType)) keys.push(predicateKey(predicateType, hash));
  for (const subject of Array.isArray(subjects) ? (subjects as unknown[]) : []) {
    for (const one of subjectKeys(subject, hash)) {
      if (keys.length === MAX_INDEXED_DIGESTS) return { keys, all: false };
      keys.push(one);
    }
  }
  return { keys, all: true };
}

function* subjectKeys(subject: unknown, hash: Sha256): Generator<Uint8Array, void, undefined> {
  if (!isPlainObject(subject)) return;
  const { name, digest } = subject;
  if (isName(name)) yield nameKey(name, hash);
  if (!isPlainObject(digest)) return;
  for (const [algorithm, hex] of Object.entries(digest)) {
    if (typeof hex === 'string' && isDigest(algorithm, hex)) yield digestKey(algorithm, hex, hash);
  }
}

/** What has no UTF-8 form is nobody's name: it cannot be asked for. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value);
}

/** What can be asked for: an algorithm's name and lower-case hex digits. */
export function isDigest(algorithm: string, hex: string): boolean {
  return /^[A-Za-z0-9_]{1,32}$/.test(algorithm) && /^(?:[0-9a-f]{2}){16,64}$/.test(hex);
}

function object(value: unknown): Record<string, unknown> {
  if (!isPlainObject(value)) throw new Error('no object');
  return value;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length > MAX_SIGNERS) throw new Error('no list');
  return value as unknown[];
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('no text');
  return value;
}
