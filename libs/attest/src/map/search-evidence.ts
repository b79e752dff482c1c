import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { LIST_PAGE_SIZE, type Sha256 } from '@touchstone/merkle';
import { encodeUtf8, fromBase64 } from '@touchstone/note';
import { z } from 'zod';
import { base64Text } from '../base64-text.js';
import { AttestError } from '../errors.js';
import { parseBy, parseJson } from '../json.js';
import { MAX_ATTESTATION_BYTES } from './index-keys.js';
import { KeyAnswer, SearchAnswer } from './search-answer.js';
import type { Asked } from './search-source.js';

export const SEARCH_EVIDENCE_SCHEMA = 'https://touchstone.dev/search-evidence/v1';

/** Largest file that is read or written, in bytes. */
export const MAX_SEARCH_EVIDENCE_BYTES = 64 * 1024 * 1024;

const MAX_ANSWERS = 8192;
const MAX_PAGES = 1024;
const MAX_LEAVES = LIST_PAGE_SIZE * MAX_PAGES;
const MAX_LEAF_BASE64 = 90_000;

const index = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const leaf = base64Text(MAX_LEAF_BASE64);
const hashes = z.array(base64Text(44).length(44)).max(64);
const term = z.string().min(1).max(4096).exactOptional();
const { page, ...keyAnswer } = KeyAnswer.shape;
const { number: _, ...keptPage } = page.unwrap().shape;

/** What the map has for one key, with its pages from the first on. */
const KeptAnswer = z.strictObject({
  ...keyAnswer,
  pages: z.array(z.strictObject(keptPage)).max(MAX_PAGES),
});
const asked = { digest: term, signer: term, name: term, predicateType: term, unreadOf: term };
const AskedFor = z
  .strictObject(asked)
  .refine((terms) => Object.keys(terms).length === 1, 'must be one of the five');

/**
 * What a log answered to a search, kept so that the search can be made again from it without a
 * network. Everything in it is proved against one checkpoint, or it is of no use. It cannot hide an entry: a
 * list that is not whole, a leaf or an attestation that is not there end the search or are named
 * by it.
 */
export const SearchEvidence = z.strictObject({
  schema: z.literal(SEARCH_EVIDENCE_SCHEMA),
  /** The signed note. */
  checkpoint: SearchAnswer.shape.checkpoint.min(1),
  /** The leaf that commits to the map, and its inclusion proof. */
  commitment: SearchAnswer.shape.commitment,
  answers: z
    .array(z.strictObject({ for: AskedFor, answer: KeptAnswer }))
    .min(1)
    .max(MAX_ANSWERS),
  /** The leaves of which the index cannot tell all that they speak of. */
  unread: KeptAnswer,
  /** Leaves that the map covers, ascending. */
  entries: z.array(z.strictObject({ index, leaf, inclusionProof: hashes })).max(MAX_LEAVES),
  /** All leaves from the first that the map does not cover, and the compact range before them. */
  tail: z.strictObject({ range: hashes, leaves: z.array(leaf).max(MAX_LEAVES) }),
  /** Base64, in the order of their SHA-256. What is not here could not be had. */
  attestations: z.array(base64Text(Math.ceil(MAX_ATTESTATION_BYTES / 3) * 4)).max(MAX_LEAVES),
});

export type SearchEvidence = z.infer<typeof SearchEvidence>;
export type KeptAnswer = z.infer<typeof KeptAnswer>;

/** What was asked, in one form. */
export function nameOfAsked({ digest, signer, name, predicateType, unreadOf }: Asked): string {
  return JSON.stringify([digest, signer, name, predicateType, unreadOf]);
}

/**
 * The file: JSON.
 *
 * @throws AttestError `answer-too-large`
 */
export function encodeSearchEvidence(evidence: SearchEvidence): Uint8Array {
  const bytes = encodeUtf8(JSON.stringify(evidence));
  if (bytes.length <= MAX_SEARCH_EVIDENCE_BYTES) return bytes;
  const message = `search evidence of ${bytes.length} bytes is over ${MAX_SEARCH_EVIDENCE_BYTES}`;
  throw new AttestError('answer-too-large', message);
}

/** Search evidence of the right form, with its attestations by SHA-256 in hex. */
export interface ParsedSearchEvidence {
  readonly evidence: SearchEvidence;
  readonly attestations: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads search evidence. That it has the right form says nothing of its truth: see `searchEntries`.
 *
 * @throws AttestError `search-evidence-malformed`
 */
export function parseSearchEvidence(
  bytes: Uint8Array,
  sha256: Sha256 = nobleSha256,
): ParsedSearchEvidence {
  const code = 'search-evidence-malformed';
  const refuse = (why: string): never => {
    throw new AttestError(code, `search evidence: ${why}`);
  };
  let value: unknown;
  try {
    value = parseJson(bytes, MAX_SEARCH_EVIDENCE_BYTES);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new AttestError(code, `search evidence: ${cause.message}`, { cause });
  }
  const evidence = parseBy(SearchEvidence, value, code, 'search evidence');
  const names = evidence.answers.map((each) => nameOfAsked(each.for));
  if (new Set(names).size < names.length) refuse('answers.for: one is answered twice');
  let last = -1;
  for (const entry of evidence.entries) {
    if (entry.index <= last) refuse('entries must ascend by index');
    last = entry.index;
  }
  const attestations = new Map<string, Uint8Array>();
  let before = '';
  for (const text of evidence.attestations) {
    const attestation = fromBase64(text);
    const digest = bytesToHex(sha256(attestation));
    if (digest <= before) refuse('attestations must be in the order of their SHA-256, each once');
    attestations.set((before = digest), attestation);
  }
  return { evidence, attestations };
}
