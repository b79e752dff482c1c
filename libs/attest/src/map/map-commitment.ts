import {
  encodeUtf8,
  fromBase64,
  toBase64,
  type Signer,
  type SignatureVerifier,
  type VerifierKey,
} from '@touchstone/note';
import { z } from 'zod';
import { base64Text } from '../base64-text.js';
import { equalBytes } from '../bytes.js';
import { canonicalJson } from '../canonical-json.js';
import { paeBytes } from '../dsse.js';
import { AttestError } from '../errors.js';
import { parseBy, parseJson } from '../json.js';

export const MAP_COMMITMENT_SCHEMA = 'https://touchstone.dev/map-commitment/v2';
/** What is signed is the DSSE pre-authentication encoding with this type: no other kind of text. */
const SIGNED_TYPE = 'application/vnd.touchstone.map-commitment+json';

/** Ranges of one commitment; what has more is committed to in steps. */
export const MAX_ABSENT_RANGES = 2048;
const MAX_LEAF_BYTES = 65_535;

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What a log says of its map at one size. */
export const MapCommitment = z.strictObject({
  schema: z.literal(MAP_COMMITMENT_SCHEMA),
  /** Origin of the log, so that a commitment is worth nothing in another one. */
  origin: z.string().min(1).max(256),
  /** The map covers leaves [0, treeSize). */
  treeSize: count,
  /** treeSize of the commitment before; 0 for the first. */
  previous: count,
  /** Base64 of the root. */
  mapRoot: base64Text(44),
  /** Keys in the map. */
  keys: count,
  /**
   * Leaves of [previous, treeSize) that name an attestation which the log could not read when it
   * made the map: ascending ranges [from, to) with a gap between any two.
   */
  absent: z.array(z.tuple([count, count])).max(MAX_ABSENT_RANGES),
});
export type MapCommitment = z.infer<typeof MapCommitment>;

const MapLeaf = z.strictObject({
  apiVersion: z.literal('0.0.2'),
  kind: z.literal('map'),
  spec: z.strictObject({
    commitment: MapCommitment,
    /** Base64, by the key of the log. */
    signature: base64Text(2048).min(1),
  }),
});

/** The leaf of a commitment: canonical JSON, signed by the key of the log. */
export async function mapCommitmentLeaf(
  commitment: MapCommitment,
  signer: Signer,
): Promise<Uint8Array> {
  checkCommitment(commitment);
  const signature = toBase64(await signer.sign(signedBytes(commitment)));
  const leaf = { apiVersion: '0.0.2', kind: 'map', spec: { commitment, signature } };
  return encodeUtf8(canonicalJson(leaf));
}

/**
 * Reads the leaf of a commitment and checks that a key of the log it names signed it.
 *
 * @throws AttestError `map-commitment-malformed`, `map-commitment-signature`
 */
export async function openMapCommitment(
  leaf: Uint8Array,
  logs: readonly VerifierKey[],
  verify: SignatureVerifier,
): Promise<MapCommitment> {
  const { commitment, signature } = readMapLeaf(leaf);
  const message = signedBytes(commitment);
  for (const { name, publicKey } of logs) {
    if (name !== commitment.origin) continue;
    if (await verify(publicKey, message, fromBase64(signature))) return commitment;
  }
  throw new AttestError(
    'map-commitment-signature',
    `no known key of ${JSON.stringify(commitment.origin)} signed the commitment to the map`,
  );
}

function readMapLeaf(leaf: Uint8Array): z.infer<typeof MapLeaf>['spec'] {
  const code = 'map-commitment-malformed';
  let value: unknown;
  try {
    value = parseJson(leaf, MAX_LEAF_BYTES);
  } catch (cause) {
    throw new AttestError(code, 'the commitment to the map is not JSON', { cause });
  }
  const { spec } = parseBy(MapLeaf, value, code, 'map commitment');
  checkCommitment(spec.commitment);
  if (!equalBytes(leaf, encodeUtf8(canonicalJson(value)))) {
    throw new AttestError(code, 'the commitment to the map is not canonical JSON (RFC 8785)');
  }
  return spec;
}

/** What the schema cannot say. */
function checkCommitment({ previous, treeSize, absent, mapRoot }: MapCommitment): void {
  const refuse = (why: string): never => {
    throw new AttestError('map-commitment-malformed', `map commitment: ${why}`);
  };
  if (fromBase64(mapRoot).length !== 32) refuse('mapRoot has not 32 bytes');
  if (previous >= treeSize) refuse('treeSize must be above previous');
  let end = previous - 1;
  for (const [from, to] of absent) {
    if (from <= end || to <= from || to > treeSize) {
      refuse('absent must be ascending ranges of [previous, treeSize) with gaps between them');
    }
    end = to;
  }
}

function signedBytes(commitment: MapCommitment): Uint8Array {
  return paeBytes(SIGNED_TYPE, encodeUtf8(canonicalJson(commitment)));
}
