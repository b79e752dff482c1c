import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Sha256 } from '@touchstone/merkle';
import { fromBase64, type SignatureVerifier, type WitnessPolicy } from '@touchstone/note';
import { AttestError } from './errors.js';
import { checkCheckpoint, checkWitnesses, leafOf } from './evidence-log.js';
import type { Evidence } from './evidence.js';
import { parseJson } from './json.js';
import { entryPayload } from './map/entry-payload.js';
import { SearchEvidenceSource } from './map/evidence-source.js';
import { MAX_ATTESTATION_BYTES } from './map/index-keys.js';
import { searchEntries } from './map/search-entries.js';
import { nameOfAsked, type ParsedSearchEvidence } from './map/search-evidence.js';
import { mapKeyOf, type SearchTarget } from './map/search-source.js';
import { REBUILD_PREDICATE_TYPE } from './rebuild-predicate.js';
import { readEntry, type EntryView } from './rekor/read-entry.js';
import { viewRecipe } from './recipe-view.js';
import { countsAt, type ResolvedTrustRoot } from './trust-root.js';

/** How far an answer of a log goes. */
export interface SearchedLog {
  readonly origin: string;
  /** Leaves of the one tree; nothing is said of later ones. */
  readonly size: number;
  /** Of which the committed map covers so many; the rest were read one by one. */
  readonly mapped: number;
}

/** What is asked of a log to have every rebuild of these publications. */
export function publicationTargets(evidence: readonly Evidence[]): SearchTarget[] {
  const digests = evidence.flatMap(({ artifact }) =>
    Object.entries(artifact.digest).map(([algorithm, hex]) => `${algorithm}:${hex}`),
  );
  return [...new Set(digests)].map((digest) => ({ query: { digest }, key: mapKeyOf({ digest }) }));
}

/** Whether a log was asked for all of these. That it answered is for the search to tell. */
export function isAskedFor(
  { evidence }: ParsedSearchEvidence,
  targets: readonly SearchTarget[],
): boolean {
  const asked = new Set(evidence.answers.map((each) => nameOfAsked(each.for)));
  return targets.every(({ query }) => asked.has(nameOfAsked(query)));
}

/**
 * Checks that evidence leaves no rebuild out: every statement in the log, by a key of the trust root
 * that counts there, of what a rebuild by these recipes saw, must be in the evidence. Whoever handed
 * it over could else have left out who dissents. That the evidence itself holds is for `verifyEvidence`.
 *
 * @throws AttestError `evidence-incomplete`, `evidence-unread` when an entry of a rebuilder cannot be
 * read and may be one, those of `searchEntries`
 */
export async function checkComplete(
  evidence: readonly Evidence[],
  search: ParsedSearchEvidence,
  options: {
    readonly trusted: Pick<ResolvedTrustRoot, 'keys' | 'logs' | 'witnessPolicy'>;
    /** Witnesses that must have cosigned besides those of the trust root. */
    readonly witnessPolicy?: WitnessPolicy | undefined;
    readonly verify: SignatureVerifier;
    readonly sha256?: Sha256 | undefined;
  },
): Promise<SearchedLog | undefined> {
  const { trusted, witnessPolicy, verify, sha256 = nobleSha256 } = options;
  const [first, ...others] = publicationTargets(evidence);
  if (first === undefined) return undefined;
  const source = new SearchEvidenceSource(search, sha256);
  const report = await searchEntries({
    ...{ source, targets: [first, ...others], verify, sha256 },
    ...{ logs: trusted.logs, witnessPolicy: trusted.witnessPolicy },
    ...{ signers: trusted.keys.map(({ keyId }) => keyId), maxScan: Number.MAX_SAFE_INTEGER },
  });
  const { checkpoint, commitment, note } = report.search;
  if (witnessPolicy !== undefined) {
    await checkWitnesses(await checkCheckpoint(note, trusted.logs, verify), witnessPolicy, verify);
  }
  const held = new Set(evidence.flatMap((each) => wordsIn(each, sha256)));
  const recipes = new Set(evidence.map(({ recipe }) => viewRecipe(recipe).digest));
  const missing: string[] = [];
  for (const index of [...report.entries.map((entry) => entry.index), ...report.unread]) {
    const [leaf = new Uint8Array()] = await source.leaves(index, index + 1, checkpoint);
    const view = viewOf(leaf, index);
    const signers = signersOf(view, sha256);
    const counting = trusted.keys.filter(
      (key) => signers.includes(key.keyId) && countsAt(key, checkpoint.origin, index),
    );
    if (counting.length === 0) continue;
    const found = await entryPayload(view, source.attestation);
    if (found === 'absent') throw unread(index);
    if (found === 'none' || !recipes.has(rebuiltBy(found.payload) ?? '')) continue;
    for (const { keyId, rebuilder, organisation } of counting) {
      if (held.has(word(found.payload, keyId, sha256))) continue;
      missing.push(`entry ${index} by ${rebuilder} of ${organisation}`);
    }
  }
  const { origin, size } = checkpoint;
  if (evidence.some((each) => originOf(each) !== origin)) {
    const message = `the search is of ${origin}, and the evidence of another log`;
    throw new AttestError('search-evidence-incomplete', message);
  }
  if (missing.length === 0) return { origin, size, mapped: commitment.treeSize };
  const message = `the log has rebuilds that the evidence leaves out: ${missing.join(', ')}`;
  throw new AttestError('evidence-incomplete', message);
}

/** Who signed which payload: the same words, however often or in whatever form they are logged. */
function word(payload: Uint8Array, keyId: string, sha256: Sha256): string {
  return `${bytesToHex(sha256(payload))} ${keyId}`;
}

function wordsIn({ entries }: Evidence, sha256: Sha256): string[] {
  return entries.flatMap((entry) => {
    const view = viewOf(leafOf(entry), entry.logIndex);
    const payload = fromBase64(entry.envelope.payload);
    return signersOf(view, sha256).map((signer) => word(payload, signer, sha256));
  });
}

function viewOf(leaf: Uint8Array, index: number): EntryView {
  try {
    return readEntry(leaf);
  } catch (cause) {
    if (cause instanceof AttestError) throw unread(index, cause);
    throw cause;
  }
}

function signersOf({ signers }: EntryView, sha256: Sha256): string[] {
  return signers.map(({ spki }) => bytesToHex(sha256(spki)));
}

/** Digest of the recipe that a payload is a rebuild by, whatever else is wrong with it. */
function rebuiltBy(payload: Uint8Array): string | undefined {
  try {
    const { predicateType, predicate } = parseJson(payload, MAX_ATTESTATION_BYTES) as {
      predicateType?: unknown;
      predicate?: { recipe?: { digest?: { sha256?: unknown } } };
    };
    const digest = predicate?.recipe?.digest?.sha256;
    return predicateType === REBUILD_PREDICATE_TYPE && typeof digest === 'string'
      ? digest
      : undefined;
  } catch {
    // What cannot be read as a statement is nobody's vote.
    return undefined;
  }
}

function originOf({ checkpoint }: Evidence): string {
  return checkpoint.split('\n', 1)[0] ?? '';
}

function unread(index: number, cause?: Error): AttestError {
  const message = `entry ${index} is by a rebuilder, or may be, and nobody can tell what it says`;
  return new AttestError('evidence-unread', message, { cause });
}
