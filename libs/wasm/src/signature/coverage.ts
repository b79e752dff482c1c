import { bindingHash, equalBytes } from './message.js';
import type { SignedPart, SignedParts } from './parts.js';

/** How a set of hashes was made: with the preamble bound, or as wasmsign2 and sigil do. */
export type SignatureProfile = 'strict' | 'wasmsign2';

/** What a set of hashes speaks of in the bytes at hand. */
export interface Coverage {
  readonly profile: SignatureProfile;
  /** Parts from the first on that are the signed ones; 0 when none is. */
  readonly parts: number;
  /** The preamble that the set binds is not the one at hand. */
  readonly preambleDiffers: boolean;
  /** Hashes in the set that no part of these bytes has. */
  readonly unmatched: number;
}

/** Preambles that there are: of a core module, of a component. */
const PREAMBLES = [
  [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00],
].map((bytes) => Uint8Array.from(bytes));

/**
 * Holds a set of hashes against the bytes. Each hash is over everything from the first section on,
 * so the furthest part that has one is what the set covers. A set of the strict profile is taken
 * whole: its hashes are those of the first parts, all of them and in order, and the last binds the
 * preamble to them.
 */
export function coverageOf(
  hashes: readonly Uint8Array[],
  { parts, preamble }: SignedParts,
): Coverage {
  const [chain, last] = [hashes.slice(0, -1), hashes.at(-1)];
  const bound =
    chain.length === 0
      ? undefined
      : PREAMBLES.find((one) => equalBytes(bindingHash(one, chain), last));
  if (bound === undefined) return looseCoverage(hashes, parts);
  const agreeing = chain.findIndex((hash, position) => !equalBytes(hash, parts[position]?.hash));
  const matched = agreeing === -1 ? chain.length : agreeing;
  const preambleDiffers = !equalBytes(bound, preamble);
  return { profile: 'strict', parts: matched, preambleDiffers, unmatched: chain.length - matched };
}

function looseCoverage(hashes: readonly Uint8Array[], parts: readonly SignedPart[]): Coverage {
  const has = (hash: Uint8Array): boolean => hashes.some((each) => equalBytes(each, hash));
  const furthest = parts.findLastIndex(({ hash }) => has(hash));
  const unmatched = hashes.filter((hash) => !parts.some((part) => equalBytes(part.hash, hash)));
  return {
    profile: 'wasmsign2',
    parts: furthest + 1,
    preambleDiffers: false,
    unmatched: unmatched.length,
  };
}
