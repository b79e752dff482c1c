import { AttestError, decodeCbor, encodeCbor, type CborLimits } from '@touchstone/attest';
import { z } from 'zod';
import { ComposeError } from '../errors.js';
import { MAX_NODES } from '../limits.js';

export const CAPSULE_SCHEMA = 'https://touchstone.dev/composition-capsule/v1';

/** Largest capsule that is read, in bytes: a file of 256 MiB and what is said of it. */
export const MAX_CAPSULE_BYTES = 320 * 1024 * 1024;
/** Largest document in one that is read as JSON. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
const LIMITS: CborLimits = { bytes: MAX_CAPSULE_BYTES, depth: 5, items: 100_000 };

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes');
/** A name to show and to write to; never a path. */
const fileName = z
  .string()
  .max(255)
  .regex(/^(?!\.{1,2}$)[^/\\\p{C}]+$/u, 'must be a file name');
const proofHash = bytes.refine(({ length }) => length === 32, 'must have 32 bytes');

/** A bill of materials that the integrator was given for one node. A claim, unlike those in evidence. */
const CapsuleSbom = z.strictObject({ node: z.string().max(2048), document: bytes });

const place = {
  leaf: bytes,
  index: z.int().nonnegative(),
  /** RFC 9162 section 2.1.3. */
  proof: z.array(proofHash).max(64),
};

/** An envelope, and where it stands in the log of the capsule's one checkpoint. */
const LoggedAttestation = z.strictObject({
  /** DSSE envelope, JSON; or COSE_Sign. */
  envelope: bytes,
  /** Of who signed it, in DER, the signer's first. */
  certificates: z.array(bytes).min(1).max(8).exactOptional(),
  /** Of DSSE, which has one entry. */
  leaf: place.leaf.exactOptional(),
  index: place.index.exactOptional(),
  proof: place.proof.exactOptional(),
  /** Of COSE_Sign: one for each signature, in their order. */
  entries: z.array(z.strictObject(place)).min(1).max(16).exactOptional(),
});

/**
 * Everything that is needed to judge a composed file without a network, but for the one thing that
 * nobody may hand over with it: whom to trust. Documents are kept as the bytes that they came as.
 */
export const Capsule = z.strictObject({
  schema: z.literal(CAPSULE_SCHEMA),
  file: z.strictObject({ name: fileName, content: bytes }),
  /** Evidence files (JSON), in the order of their SHA-256. */
  evidence: z.array(bytes).max(MAX_NODES),
  attestation: LoggedAttestation.exactOptional(),
  /** Sigstore bundles (JSON) about nodes, in the order of their SHA-256. */
  bundles: z.array(bytes).min(1).max(MAX_NODES).exactOptional(),
  /** Revocation lists (DSSE, JSON), in the order of their SHA-256. */
  revocations: z.array(bytes).min(1).max(MAX_NODES).exactOptional(),
  /** What the log answered about who may take nodes back: search evidence (JSON). */
  search: bytes.exactOptional(),
  sboms: z.array(CapsuleSbom).max(MAX_NODES),
  /** The trust root (JSON) that the packer judged by; it counts only for a reader who knows its digest. */
  trustRoot: bytes,
});

export type Capsule = z.infer<typeof Capsule>;

/** Deterministic CBOR (RFC 8949 section 4.2.1): the same contents are the same bytes. */
export function encodeCapsule(capsule: Capsule): Uint8Array {
  return encodeCbor(capsule);
}

/**
 * Reads a capsule. That it has the right form says nothing of its truth: see `verifyCapsule`.
 *
 * @throws ComposeError `capsule-malformed`, `capsule-too-large`
 */
export function parseCapsule(content: Uint8Array): Capsule {
  if (content.length > MAX_CAPSULE_BYTES) {
    const message = `the capsule has ${content.length} bytes, the limit is ${MAX_CAPSULE_BYTES}`;
    throw new ComposeError('capsule-too-large', '/', 0, message);
  }
  let value: unknown;
  try {
    value = plain(decodeCbor(content, LIMITS));
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw malformed(cause.message, cause);
  }
  const parsed = Capsule.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw malformed(`${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
}

/** Maps with text keys as objects; a schema closed on every level then refuses all others. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]));
}

function malformed(message: string, cause?: Error): ComposeError {
  return new ComposeError('capsule-malformed', '/', 0, `capsule: ${message}`, { cause });
}
