import {
  AttestError,
  decodeCbor,
  encodeCbor,
  parseJson,
  Sha256Digest,
  type CborValue,
} from '@touchstone/attest';
import { z } from 'zod';
import { ComposeError } from './errors.js';
import {
  MAX_EDGES,
  MAX_MANIFEST_BYTES,
  MAX_MANIFEST_DEPTH,
  MAX_MANIFEST_ITEMS,
  MAX_NODES,
  MAX_PORTS,
} from './limits.js';
import { OlderManifest, readOlderManifest, type ListedComponents } from './older-manifest.js';

export const MANIFEST_SCHEMA = 'https://touchstone.dev/composition-manifest/v1';

const text = z.string().min(1).max(8192);
/** Names come from binaries, where they may be empty and long. */
const name = z.string().max(100_000);
const path = z.string().max(2048);
const list = <T extends z.ZodType>(item: T): z.ZodArray<T> => z.array(item).max(MAX_NODES);

/** A document elsewhere, by its digest: a bill of materials, provenance. */
const Reference = z.strictObject({
  uri: text.exactOptional(),
  mediaType: text.exactOptional(),
  digest: Sha256Digest,
});

/** Who signed a component. A claim: the signature itself is checked where it stands. */
const Signer = z.strictObject({
  identity: text.exactOptional(),
  /** Hex SHA-256 of the key's SPKI. */
  keyId: text.exactOptional(),
  /** Of the certificate in DER. */
  certificate: Sha256Digest.exactOptional(),
});

/** What is said of one nested module or component. */
const ManifestComponent = z.strictObject({
  path,
  name: text,
  version: text.exactOptional(),
  source: text.exactOptional(),
  commit: text.exactOptional(),
  hash: Sha256Digest,
  signer: Signer.exactOptional(),
  sboms: list(Reference).exactOptional(),
  provenance: list(Reference).exactOptional(),
});

const CompositionMetadata = z.strictObject({
  tool: text.exactOptional(),
  toolVersion: text.exactOptional(),
  /** RFC 3339, UTC. */
  timestamp: z.iso.datetime().exactOptional(),
  composedBy: text.exactOptional(),
  composedFromCommits: list(text).exactOptional(),
});

const kind = z.enum(['module', 'component']);
const Port = z.strictObject({ kind: z.string().max(64), name: z.string().max(200_001) });

const ManifestGraph = z.strictObject({
  /** All but the file itself. */
  nodes: list(z.strictObject({ path, kind, name: name.exactOptional(), digest: Sha256Digest })),
  edges: z
    .array(
      z.strictObject({
        from: path,
        to: path,
        kind: z.enum(['instantiates', 'import', 'export']),
        interface: name.exactOptional(),
        through: name.exactOptional(),
      }),
    )
    .max(MAX_EDGES),
  imports: z.array(Port).max(MAX_PORTS),
  exports: z.array(Port).max(MAX_PORTS),
});

/** The composition manifest. `root` binds it to the bytes it stands in. */
export const CompositionManifest = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  /** Digest of the file without its attestation sections. */
  root: z.strictObject({ kind, contentDigest: Sha256Digest }),
  components: list(ManifestComponent),
  composition: CompositionMetadata,
  sboms: list(Reference).exactOptional(),
  provenance: list(Reference).exactOptional(),
  graph: ManifestGraph,
});

/** What a person adds to a graph. The rest of a manifest is derived from the bytes. */
export const ManifestClaims = z.strictObject({
  components: list(ManifestComponent.partial({ path: true, hash: true })).exactOptional(),
  composition: CompositionMetadata.exactOptional(),
  sboms: list(Reference).exactOptional(),
  provenance: list(Reference).exactOptional(),
});

export type CompositionManifest = z.infer<typeof CompositionManifest>;
export type ManifestComponent = z.infer<typeof ManifestComponent>;
export type ManifestClaims = z.infer<typeof ManifestClaims>;

/** A manifest in the form of today, or the list of components that was written before. */
export type AnyManifest =
  | { readonly form: 'v1'; readonly manifest: CompositionManifest }
  | { readonly form: 'older'; readonly manifest: ListedComponents; readonly original: unknown };

/** Deterministic CBOR (RFC 8949 section 4.2.1) of the manifest's JSON. */
export function encodeManifest(manifest: CompositionManifest): Uint8Array {
  return encodeCbor(manifest);
}

/**
 * Reads the content of a manifest's section: deterministic CBOR, or JSON, which opens with a brace.
 *
 * @throws AttestError `cbor-malformed`, `cbor-limit` and those of `parseJson`; ComposeError
 * `manifest-malformed`, `manifest-too-large`
 */
export function decodeManifest(
  content: Uint8Array,
  place: { readonly node: string; readonly offset: number },
): AnyManifest {
  if (content.length > MAX_MANIFEST_BYTES) {
    const message = `the manifest has ${content.length} bytes, the limit is ${MAX_MANIFEST_BYTES}`;
    throw new ComposeError('manifest-too-large', place.node, place.offset, message);
  }
  try {
    return parseManifest(plainValue(content), place);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new ComposeError(cause.code, place.node, place.offset, `manifest: ${cause.message}`, {
      cause,
    });
  }
}

/** Reads a manifest of either form from JSON. */
export function parseManifest(
  value: unknown,
  { node, offset } = { node: '/', offset: 0 },
): AnyManifest {
  const isOurs = typeof value === 'object' && value !== null && 'schema' in value;
  const older = isOurs ? undefined : OlderManifest.safeParse(value);
  if (older?.success === true) {
    return { form: 'older', manifest: readOlderManifest(older.data), original: value };
  }
  const parsed = CompositionManifest.safeParse(value);
  if (parsed.success) return { form: 'v1', manifest: parsed.data };
  const message = `manifest: ${firstIssue(parsed.error)}`;
  throw new ComposeError('manifest-malformed', node, offset, message);
}

/** Reads claims from JSON. */
export function parseClaims(value: unknown): ManifestClaims {
  const parsed = ManifestClaims.safeParse(value);
  if (parsed.success) return parsed.data;
  const message = `claims: ${firstIssue(parsed.error)}`;
  throw new ComposeError('manifest-malformed', '/', 0, message);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'malformed'}`;
}

function plainValue(content: Uint8Array): unknown {
  if (content[0] === 0x7b) return parseJson(content, MAX_MANIFEST_BYTES);
  const limits = {
    bytes: MAX_MANIFEST_BYTES,
    depth: MAX_MANIFEST_DEPTH,
    items: MAX_MANIFEST_ITEMS,
  };
  return asJson(decodeCbor(content, limits));
}

/** Maps of CBOR as the objects of JSON; bytes, which no manifest has, are left for the schema. */
function asJson(value: CborValue): unknown {
  if (Array.isArray(value)) return value.map((item: CborValue) => asJson(item));
  if (!(value instanceof Map)) return value;
  const entries = [...(value as ReadonlyMap<string | number, CborValue>)];
  return Object.fromEntries(entries.map(([key, item]) => [String(key), asJson(item)]));
}
