import { bytesToHex } from '@noble/hashes/utils.js';
import { decodeUtf8, fromBase64 } from '@touchstone/note';
import { z } from 'zod';
import { AttestError } from '../errors.js';
import { parseBy, parseJson, type ReadJson } from '../json.js';
import { HASHES, type HashName } from './algorithms.js';
import { readPemBase64 } from './pem-verifier.js';
import { EntryVerifier, readVerifier } from './verifier.js';

/** One signature of an entry with what it verifies with. */
export interface EntrySigner {
  readonly signature: Uint8Array;
  readonly spki: Uint8Array;
  readonly certificate?: Uint8Array;
  /** E-mail addresses and URIs that the certificate names. */
  readonly names: readonly string[];
  /** As Rekor v1 writes and searches it. */
  readonly pem: Uint8Array;
  /** Under which its entries are found. */
  readonly searchKeys: readonly string[];
}

/** What an entry says, whatever its kind. */
export interface EntryView {
  readonly kind: string;
  readonly version: string;
  /** What was signed, by digest: the artifact, or the pre-authentication encoding of an envelope. */
  readonly signed?: { readonly algorithm: HashName; readonly digest: Uint8Array };
  /** SHA-256 of the payload of a DSSE envelope. */
  readonly payloadSha256?: Uint8Array;
  /** SHA-256 of the envelope as its client wrote it; Rekor v1. */
  readonly envelopeSha256?: Uint8Array;
  readonly signers: readonly EntrySigner[];
}

/** The largest leaf there can be. */
const MAX_LEAF_BYTES = 65_535;
const hex = z.string().regex(/^(?:[0-9a-f]{2})+$/);
const v1Hash = z.object({ algorithm: z.enum(['sha256', 'sha384', 'sha512']), value: hex });
const v2Hash = z.object({ algorithm: z.string(), digest: z.string() });
const v2Signature = z.object({ content: z.string(), verifier: EntryVerifier });
const named = <K extends string, V extends string, S extends z.ZodType>(
  kind: K,
  apiVersion: V,
  spec: S,
) => z.object({ kind: z.literal(kind), apiVersion: z.literal(apiVersion), spec });

const HashedRekord1 = z.object({
  data: z.object({ hash: v1Hash }),
  signature: z.object({ content: z.string(), publicKey: z.object({ content: z.string() }) }),
});
const HashedRekord2 = z.object({
  hashedRekordV002: z.object({ data: v2Hash, signature: v2Signature }),
});
const Dsse1 = z.object({
  envelopeHash: v1Hash,
  payloadHash: v1Hash,
  signatures: z.array(z.object({ signature: z.string(), verifier: z.string() })).min(1),
});
const Dsse2 = z.object({
  dsseV002: z.object({ payloadHash: v2Hash, signatures: z.array(v2Signature).min(1) }),
});
const Intoto2 = z.object({
  content: z.object({
    envelope: z.object({
      signatures: z.array(z.object({ sig: z.string(), publicKey: z.string() })).min(1),
    }),
    payloadHash: v1Hash,
  }),
});

const LEAVES = {
  'hashedrekord 0.0.1': named('hashedrekord', '0.0.1', HashedRekord1),
  'hashedrekord 0.0.2': named('hashedrekord', '0.0.2', HashedRekord2),
  'dsse 0.0.1': named('dsse', '0.0.1', Dsse1),
  'dsse 0.0.2': named('dsse', '0.0.2', Dsse2),
  'intoto 0.0.2': named('intoto', '0.0.2', Intoto2),
} as const;
type Leaf = z.infer<(typeof LEAVES)[keyof typeof LEAVES]>;

/** What says by which schema a leaf is read; five tried in turn would cost five times as much. */
const LeafKind = z
  .object({ kind: z.string(), apiVersion: z.string() })
  .transform(({ kind, apiVersion }) => `${kind} ${apiVersion}`)
  .pipe(z.enum(Object.keys(LEAVES) as (keyof typeof LEAVES)[]));

/**
 * Reads a leaf of a kind that this log writes.
 *
 * @throws AttestError `entry-kind-unknown`, `json-malformed`, `entry-malformed`
 */
export function readEntry(leaf: Uint8Array, readJson: ReadJson = parseJson): EntryView {
  const value = readJson(leaf, MAX_LEAF_BYTES);
  const kind = parseBy(LeafKind, value, 'entry-kind-unknown', 'entry');
  const parsed: Leaf = parseBy(LEAVES[kind], value, 'entry-kind-unknown', 'entry');
  try {
    return { kind: parsed.kind, version: parsed.apiVersion, ...viewOf(parsed) };
  } catch (cause) {
    const message = `the ${parsed.kind} entry cannot be read`;
    throw new AttestError('entry-malformed', message, { cause });
  }
}

function viewOf(leaf: Leaf): Omit<EntryView, 'kind' | 'version'> {
  if (leaf.kind === 'intoto') {
    const { envelope, payloadHash } = leaf.spec.content;
    return {
      payloadSha256: fromHex(payloadHash.value),
      signers: envelope.signatures.map(({ sig, publicKey }) =>
        pemSigner(decodeUtf8(fromBase64(sig)), publicKey),
      ),
    };
  }
  if (leaf.kind === 'dsse' && leaf.apiVersion === '0.0.1') {
    const { envelopeHash, payloadHash, signatures } = leaf.spec;
    return {
      payloadSha256: fromHex(payloadHash.value),
      envelopeSha256: fromHex(envelopeHash.value),
      signers: signatures.map(({ signature, verifier }) => pemSigner(signature, verifier)),
    };
  }
  if (leaf.kind === 'dsse') {
    const { payloadHash, signatures } = leaf.spec.dsseV002;
    return {
      payloadSha256: fromBase64(payloadHash.digest),
      signers: signatures.map(({ content, verifier }) => signerOf(content, verifier)),
    };
  }
  if (leaf.apiVersion === '0.0.1') {
    const { data, signature } = leaf.spec;
    return {
      signed: { algorithm: data.hash.algorithm, digest: fromHex(data.hash.value) },
      signers: [pemSigner(signature.content, signature.publicKey.content)],
    };
  }
  const { data, signature } = leaf.spec.hashedRekordV002;
  return {
    signed: { algorithm: hashNamed(data.algorithm), digest: fromBase64(data.digest) },
    signers: [signerOf(signature.content, signature.verifier)],
  };
}

function hashNamed(name: string): HashName {
  const found = (Object.keys(HASHES) as HashName[]).find((hash) => HASHES[hash].name === name);
  if (found === undefined) throw new Error(`unknown hash ${name}`);
  return found;
}

function pemSigner(signature: string, pem: string): EntrySigner {
  const { spki, certificate, names, canonical, searchKeys } = readPemBase64(pem);
  const view = { signature: fromBase64(signature), spki, names, pem: canonical, searchKeys };
  return certificate ? { ...view, certificate } : view;
}

function signerOf(signature: string, verifier: EntryVerifier): EntrySigner {
  const { spki, certificate, names, pem, searchKeys } = readVerifier(verifier, 'verifier');
  const view = { signature: fromBase64(signature), spki, names, pem, searchKeys };
  return certificate ? { ...view, certificate } : view;
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** A digest as search keys and URLs have it: `sha256:` and lower-case hex. */
export function digestName(algorithm: HashName, digest: Uint8Array): string {
  return `${algorithm}:${bytesToHex(digest)}`;
}
