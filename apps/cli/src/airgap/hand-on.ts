import {
  AirgapError,
  choosePartSubset,
  decodePartSubset,
  encodePartSubset,
  missingParts,
  PART_SUBSET_BYTES,
} from '@touchstone/airgap';
import { writeDurably } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { nodeHashing } from './hashing.js';
import { checkParts, type DamagedPart, type Part } from './media.js';

/*
 * Handing on some parts of a file: one proof names them, so that who receives them knows which to
 * expect, and holds what came against it, without the other parts.
 */

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A part file by its place in the whole, from 0. */
export interface PlacedPart {
  readonly index: number;
  readonly path: string;
}

export interface HandedOn {
  readonly proof: string;
  /** Name of the whole file, in hexadecimal: the root of the tree over all parts. */
  readonly file: string;
  readonly count: number;
  readonly parts: readonly PlacedPart[];
}

/**
 * Writes the proof of some parts, from all of them.
 *
 * @param indices from 0
 * @throws AirgapError `part-missing`, `part-mixed`; CliError `part-unknown`, `file-unreadable`
 */
export async function handOnParts(
  paths: readonly string[],
  indices: readonly number[],
  proof: string,
): Promise<HandedOn> {
  const { parts, damaged } = await checkParts(paths);
  const missing = missingParts(parts.map(({ head }) => head));
  if (missing.length > 0) throw incomplete(missing, damaged);
  const byIndex = new Map(parts.map((part) => [part.head.index, part]));
  const all = Array.from(byIndex.keys(), (_, index) => byIndex.get(index) as Part);
  const beyond = indices.find((index) => index >= all.length);
  if (beyond !== undefined) {
    throw new CliError(
      'part-unknown',
      `there is no part ${beyond + 1} of ${all.length}`,
      EXIT.usage,
    );
  }
  const { head } = all[0] as Part;
  const digests = all.map((part) => part.head.sha256);
  const subset = choosePartSubset(digests, head, indices, nodeHashing.sha256);
  await writeDurably(proof, encodePartSubset(subset));
  return {
    proof,
    file: hex(subset.whole),
    count: subset.count,
    parts: subset.parts.map(({ index }) => ({ index, path: (all[index] as Part).path })),
  };
}

/** What came of the parts that a proof names. */
export interface HandedOnCheck {
  readonly whole: readonly PlacedPart[];
  /** Named by the proof, and not there as a whole file. */
  readonly missing: readonly number[];
  /** Of the same file, and not named by the proof. */
  readonly beyond: readonly PlacedPart[];
  /** Files that are damaged, or parts of another file. */
  readonly damaged: readonly DamagedPart[];
  /** Name of the whole file, as {@link HandedOn.file}. */
  readonly file: string;
  /** Parts of the whole file. */
  readonly count: number;
}

/**
 * Holds part files against the proof that was handed on with them.
 *
 * @throws AirgapError `part-malformed`, `part-digest` when the proof does not hold; CliError
 *   `file-unreadable`, `file-too-large`
 */
export async function checkHandedOn(
  paths: readonly string[],
  proof: string,
): Promise<HandedOnCheck> {
  const bytes = await readBounded(proof, PART_SUBSET_BYTES);
  const subset = decodePartSubset(new Uint8Array(bytes), nodeHashing.sha256);
  const named = new Map(subset.parts.map(({ index, sha256 }) => [index, hex(sha256)]));
  const { parts, damaged } = await checkParts(paths);
  const file = hex(subset.whole);
  const whole = new Map<number, PlacedPart>();
  const beyond: PlacedPart[] = [];
  const others: DamagedPart[] = [];
  for (const { head, path } of parts) {
    const placed = { index: head.index, path };
    if (hex(head.whole) !== file) others.push({ path, reason: 'it is a part of another file' });
    else if (named.get(head.index) === hex(head.sha256)) whole.set(head.index, placed);
    else beyond.push(placed);
  }
  const missing = [...named.keys()].filter((index) => !whole.has(index));
  const found = [...named.keys()].flatMap((index) => whole.get(index) ?? []);
  return {
    whole: found,
    missing,
    beyond,
    damaged: [...damaged, ...others],
    file,
    count: subset.count,
  };
}

function incomplete(missing: readonly number[], damaged: readonly DamagedPart[]): AirgapError {
  const numbers = missing.map((index) => index + 1).join(', ');
  const why = damaged.map(({ path, reason }) => `; ${path}: ${reason}`).join('');
  return new AirgapError(
    'part-missing',
    `all parts are needed once, and missing: ${numbers}${why}`,
  );
}
