import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { encodeUtf8, formatCheckpoint } from '@touchstone/note';
import { canonicalJson } from '../canonical-json.js';

/** A tree's number in Rekor v1, made of the log's origin: 63 bits, as Trillian's ids are. */
export function v1TreeId(origin: string): bigint {
  return BigInt(`0x${bytesToHex(sha256(encodeUtf8(origin)).subarray(0, 8))}`) & (2n ** 63n - 1n);
}

/** An entry's id in Rekor v1: 16 hex digits of the tree, 64 of the leaf hash. */
export function v1EntryId(origin: string, leafHash: Uint8Array): string {
  return v1TreeId(origin).toString(16).padStart(16, '0') + bytesToHex(leafHash);
}

/**
 * The leaf hash in an entry's id, which may come with or without the tree; undefined when it is
 * no id, or one of another tree.
 */
export function v1LeafHash(origin: string, id: string): Uint8Array | undefined {
  const match = /^([0-9a-f]{16})?([0-9a-f]{64})$/.exec(id);
  if (match?.[2] === undefined) return undefined;
  if (match[1] !== undefined && BigInt(`0x${match[1]}`) !== v1TreeId(origin)) return undefined;
  return Uint8Array.from({ length: 32 }, (_, i) =>
    Number.parseInt(id.slice(-64).slice(2 * i, 2 * i + 2), 16),
  );
}

/**
 * The text of a checkpoint as clients of Rekor v1 want it: the tree's number behind the origin is
 * how they tell it from one of version 2.
 */
export function v1CheckpointText(tree: { origin: string; size: number; root: Uint8Array }): string {
  const origin = `${tree.origin} - ${v1TreeId(tree.origin)}`;
  return formatCheckpoint({ origin, size: tree.size, root: tree.root, extensions: [] });
}

/** What a signed entry timestamp signs: canonical JSON of four fields; Rekor v1. */
export function entryTimestampBytes(entry: {
  /** Base64 of the leaf. */
  readonly body: string;
  /** Seconds of the Unix epoch. */
  readonly integratedTime: number;
  /** Hex of the log's id. */
  readonly logID: string;
  readonly logIndex: number;
}): Uint8Array {
  const { body, integratedTime, logID, logIndex } = entry;
  return encodeUtf8(canonicalJson({ body, integratedTime, logID, logIndex }));
}
