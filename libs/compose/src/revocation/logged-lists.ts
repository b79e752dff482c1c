import { bytesToHex } from '@noble/hashes/utils.js';
import {
  AttestError,
  entryPayload,
  mapKeyOf,
  MAX_ATTESTATION_BYTES,
  parseJson,
  parseSigStructure,
  readCborAsJson,
  readEntry,
  searchEntries,
  SearchEvidenceSource,
  STATEMENT_PAYLOAD_TYPE,
  type Asked,
  type DsseEnvelope,
  type EntryView,
  type ParsedSearchEvidence,
  type ResolvedTrustRoot,
  type SearchedLog,
  type SearchTarget,
} from '@touchstone/attest';
import { keyId, toBase64, type PublicKey, type SignatureVerifier } from '@touchstone/note';
import type { Sha256 } from '../graph.js';
import { REVOCATION_PREDICATE_TYPE } from './revocation-list.js';

/** What a log answered about everybody who may take a node back. */
export interface RevocationSearch {
  readonly evidence: ParsedSearchEvidence;
  /** Whose checkpoints count, and whose cosignatures they need. */
  readonly trust: Pick<ResolvedTrustRoot, 'logs' | 'witnessPolicy'>;
}

export interface LoggedLists {
  readonly log: SearchedLog;
  /** What is said to be a revocation list, as an envelope of that one signer; not verified. */
  readonly lists: readonly { readonly index: number; readonly envelope: DsseEnvelope }[];
  /** Entries that a revoker signed and of which nobody can tell what they say. */
  readonly unread: readonly { readonly index: number; readonly signer: string }[];
}

/** What is asked of a log to have every entry that one of these keys signed. */
export function revokerTargets(revokers: readonly PublicKey[]): SearchTarget[] {
  return revokers.map((key) => targetOf({ signer: keyId(key) }));
}

function targetOf(query: Asked): SearchTarget {
  return { query, key: mapKeyOf(query) };
}

/**
 * Every revocation list of these keys in a log, by its own proof that it leaves none out. Asked
 * by signer, for that stands in the leaf: neither an attestation that is lost nor entries of strangers
 * can hide a list or stand in its way.
 *
 * @throws AttestError those of `searchEntries`, `search-evidence-incomplete` when the log was not
 * asked about one of the keys
 */
export async function loggedLists(
  { evidence, trust }: RevocationSearch,
  revokers: readonly PublicKey[],
  { verify, sha256 }: { readonly verify: SignatureVerifier; readonly sha256: Sha256 },
): Promise<LoggedLists | undefined> {
  const [first, ...others] = revokerTargets(revokers);
  if (first === undefined) return undefined;
  const source = new SearchEvidenceSource(evidence, sha256);
  const { search, entries } = await searchEntries({
    ...{ source, targets: [first, ...others], verify, sha256, ...trust },
    ...{ signers: [], maxScan: Number.MAX_SAFE_INTEGER },
  });
  const { checkpoint, commitment } = search;
  const lists: { index: number; envelope: DsseEnvelope }[] = [];
  const unread: { index: number; signer: string }[] = [];
  for (const { index } of entries) {
    const [leaf] = await source.leaves(index, index + 1, checkpoint);
    for (const signer of revokers.map(keyId)) {
      const found = await envelopesIn(leaf, signer, { source, sha256 });
      if (found === undefined) unread.push({ index, signer });
      else for (const envelope of found) lists.push({ index, envelope });
    }
  }
  const { origin, size } = checkpoint;
  return { log: { origin, size, mapped: commitment.treeSize }, lists, unread };
}

/** The revocation lists that a leaf has a signature of this key for; undefined when nobody can tell. */
async function envelopesIn(
  leaf: Uint8Array | undefined,
  signer: string,
  { source, sha256 }: { readonly source: SearchEvidenceSource; readonly sha256: Sha256 },
): Promise<DsseEnvelope[] | undefined> {
  let view: EntryView;
  try {
    view = readEntry(leaf ?? new Uint8Array());
  } catch (cause) {
    if (cause instanceof AttestError) return undefined;
    throw cause;
  }
  const own = view.signers.filter(({ spki }) => bytesToHex(sha256(spki)) === signer);
  if (own.length === 0) return [];
  const found = await entryPayload(view, source.attestation);
  // Lists are DSSE; what says so in COSE is not to be passed over.
  if (found === 'absent' || (await isCborList(view, source))) return undefined;
  if (found === 'none' || found.payloadType !== STATEMENT_PAYLOAD_TYPE) return [];
  const { payloadType, payload } = found;
  if (!isList(payload)) return [];
  return own.map(({ signature }) => ({
    ...{ payload: toBase64(payload), payloadType },
    signatures: [{ keyid: signer, sig: toBase64(signature) }],
  }));
}

function isList(payload: Uint8Array): boolean {
  return saysRevocation(() => parseJson(payload, MAX_ATTESTATION_BYTES));
}

async function isCborList({ signed }: EntryView, source: SearchEvidenceSource): Promise<boolean> {
  const bytes = signed && (await source.attestation(bytesToHex(signed.digest)));
  const payload = bytes && parseSigStructure(bytes);
  return payload !== undefined && saysRevocation(() => readCborAsJson(payload));
}

function saysRevocation(read: () => unknown): boolean {
  try {
    const statement = read() as { predicateType?: unknown } | null;
    return statement?.predicateType === REVOCATION_PREDICATE_TYPE;
  } catch (cause) {
    if (cause instanceof AttestError) return false;
    throw cause;
  }
}
