import { hexToBytes } from '@noble/hashes/utils.js';
import { LIST_PAGE_SIZE, MAX_MAP_DEPTH, type ListPage, type MapProof } from '@touchstone/merkle';
import { fromBase64, toBase64 } from '@touchstone/note';
import { bytesToHex } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { base64Text } from '../base64-text.js';
import { Sha256Hex } from '../digest-set.js';

const MAX_CHECKPOINT = 1024 * 1024;
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const Hash = base64Text(44).length(44);
const InclusionHashes = z.array(Hash).max(64);
const ListHeadJson = { count: count.min(1), root: Hash };

/** What the map has for one key, with a page of its list. */
export const KeyAnswer = z.strictObject({
  /** Map proof, from the end of the key's way up to the root. */
  siblings: z.array(Hash).max(MAX_MAP_DEPTH),
  /** There when the key is. */
  list: z.strictObject(ListHeadJson).exactOptional(),
  /** The leaf in the key's place, when another key's is there. */
  other: z.strictObject({ key: Sha256Hex, ...ListHeadJson }).exactOptional(),
  /** There when the list is and has that page. */
  page: z
    .strictObject({
      number: count,
      indices: z.array(count).max(LIST_PAGE_SIZE),
      proof: InclusionHashes,
    })
    .exactOptional(),
});

/** An answer that proves itself against a checkpoint. */
export const SearchAnswer = z.strictObject({
  /** The signed note against whose tree the commitment is proved. */
  checkpoint: z.string().max(MAX_CHECKPOINT),
  /** The newest commitment that the log holds the map of, or the one asked for. */
  commitment: z.strictObject({
    index: count,
    /** Base64 of the leaf. */
    leaf: base64Text(90_000),
    inclusionProof: InclusionHashes,
  }),
  /** The leaves that speak of what was asked for. */
  found: KeyAnswer,
  /** The leaves of which the index cannot tell all that they speak of. */
  unread: KeyAnswer,
});

export type KeyAnswer = z.infer<typeof KeyAnswer>;
export type SearchAnswer = z.infer<typeof SearchAnswer>;

/** A proof and a page as they travel. */
export function encodeKeyAnswer(
  { siblings, list, other }: MapProof,
  page: ListPage | undefined,
): KeyAnswer {
  const head = (one: { count: number; root: Uint8Array }): { count: number; root: string } => ({
    count: one.count,
    root: toBase64(one.root),
  });
  return {
    siblings: siblings.map(toBase64),
    ...(list && { list: head(list) }),
    ...(other && { other: { key: bytesToHex(other.key), ...head(other) } }),
    ...(page && {
      page: {
        number: page.number,
        indices: [...page.indices],
        proof: page.proof.map(toBase64),
      },
    }),
  };
}

export function decodeMapProof({ siblings, list, other }: KeyAnswer): MapProof {
  return {
    siblings: siblings.map(fromBase64),
    ...(list && { list: { count: list.count, root: fromBase64(list.root) } }),
    ...(other && {
      other: { key: hexToBytes(other.key), count: other.count, root: fromBase64(other.root) },
    }),
  };
}

export function decodeListPage(page: NonNullable<KeyAnswer['page']>): ListPage {
  return { ...page, proof: page.proof.map(fromBase64) };
}
