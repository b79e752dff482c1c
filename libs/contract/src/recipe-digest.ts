import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { canonicalJson } from '@touchstone/attest';
import { encodeUtf8 } from '@touchstone/note';
import type { Recipe } from './recipe.js';

/** Identity of a recipe: SHA-256 of its canonical JSON (RFC 8785), lower-case hex. */
export function recipeDigest(recipe: Recipe): string {
  return bytesToHex(sha256(encodeUtf8(canonicalJson(recipe))));
}
