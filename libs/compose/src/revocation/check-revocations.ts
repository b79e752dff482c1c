import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { AttestError, soleSigner, verifyEnvelope, type SearchedLog } from '@touchstone/attest';
import { keyId, type PublicKey, type SignatureVerifier } from '@touchstone/note';
import { at as findingAt, rootOf } from '../compare.js';
import { ComposeError, type Finding } from '../errors.js';
import type { CompositionGraph, GraphNode, Sha256 } from '../graph.js';
import { loggedLists, type RevocationSearch } from './logged-lists.js';
import { parseRevocationList, type RevocationList } from './revocation-list.js';

export interface RevocationOptions {
  /** Revocation lists: DSSE envelopes as parsed JSON. */
  readonly files: readonly unknown[];
  /** Who may take a node back. Of each there must be a list that is in force. */
  readonly revokers: readonly PublicKey[];
  /** All that a log has of them; without it nobody knows whether a newer list was withheld. */
  readonly search?: RevocationSearch;
  /** Refuse when no log was asked. */
  readonly mustBeSearched?: boolean;
  readonly verify: SignatureVerifier;
  /** For which time: now, for somebody who is about to run the file. */
  readonly at: Date;
  readonly sha256?: Sha256;
}

/** What is known of one who may take nodes back. */
export interface RevokerReport {
  /** Key id. */
  readonly revoker: string;
  /** Lists of theirs, handed over or logged. */
  readonly lists: number;
  readonly newest?: {
    readonly issuedOn: string;
    readonly nextUpdate: string;
    /** Its place in the log; absent of one that was handed over alone. */
    readonly index?: number;
  };
  /** Up to where no other list of theirs is in a log; absent when none was asked. */
  readonly log?: SearchedLog;
}

export interface CheckedRevocations {
  readonly findings: readonly Finding[];
  readonly revokers: readonly RevokerReport[];
}

type SignedList = RevocationList & { readonly signer: string; readonly index?: number };

/**
 * Whether a node was taken back: its bytes, with or without its own attestation sections, are on a
 * list of somebody who may do that. Every list counts that is signed, older ones too; but one that
 * is in force must be among them, or a list might have been left out. What a log has counts
 * like what was handed over, and tells whether that was the newest.
 */
export async function checkRevocations(
  graph: CompositionGraph,
  options: RevocationOptions,
): Promise<CheckedRevocations> {
  const { files, revokers, search, at, mustBeSearched = false } = options;
  const root = rootOf(graph);
  const findings: Finding[] = [];
  const lists: SignedList[] = [];
  for (const [index, file] of files.entries()) {
    const list = await readList(file, options);
    if (!('code' in list)) lists.push(list);
    else findings.push(findingAt(root, list.code, `revocation list ${index + 1}: ${list.message}`));
  }
  const logged = search && (await readLogged(search, root, options));
  if (logged !== undefined) {
    lists.push(...logged.lists);
    findings.push(...logged.findings);
  } else if (mustBeSearched) {
    const message = 'no log was asked whether these are all revocation lists, and the newest';
    findings.push(findingAt(root, 'revocation-unsearched', message));
  }
  for (const revoker of revokers) {
    const own = lists.filter(({ signer }) => signer === keyId(revoker));
    findings.push(...inForce(root, keyId(revoker), own, at), ...superseded(root, own));
  }
  for (const node of graph.nodes) findings.push(...revokedBy(node, lists));
  const reports = revokers.map((revoker) => reportOf(keyId(revoker), lists, logged?.log));
  return { findings, revokers: reports };
}

/** A list that one of the revokers signed, or why it is none. */
async function readList(
  file: unknown,
  { revokers, verify }: RevocationOptions,
): Promise<SignedList | AttestError | ComposeError> {
  try {
    const verified = await verifyEnvelope(file, revokers, verify);
    const signer = keyId(soleSigner(verified));
    return { ...parseRevocationList(verified.payload), signer };
  } catch (cause) {
    if (cause instanceof AttestError || cause instanceof ComposeError) return cause;
    throw cause;
  }
}

async function readLogged(
  search: RevocationSearch,
  root: GraphNode,
  options: RevocationOptions,
): Promise<{ lists: SignedList[]; findings: Finding[]; log: SearchedLog | undefined } | undefined> {
  const { revokers, verify, sha256 = nobleSha256 } = options;
  const found = await loggedLists(search, revokers, { verify, sha256 });
  if (found === undefined) return undefined;
  const lists: SignedList[] = [];
  const findings = found.unread.map(({ index, signer }) =>
    findingAt(
      root,
      'revocation-unread',
      `entry ${index} is signed by ${signer} and cannot be read`,
    ),
  );
  for (const { index, envelope } of found.lists) {
    const list = await readList(envelope, options);
    if (!('code' in list)) lists.push({ ...list, index });
    // Signed as something else than a statement: not a list that anybody gave out.
    else if (list.code !== 'dsse-signature') {
      findings.push(findingAt(root, list.code, `entry ${index} of the log: ${list.message}`));
    }
  }
  return { lists, findings, log: found.log };
}

function inForce(root: GraphNode, signer: string, own: readonly SignedList[], at: Date): Finding[] {
  if (own.length === 0) {
    return [findingAt(root, 'revocation-missing', `there is no revocation list of ${signer}`)];
  }
  if (own.some(({ issuedOn, nextUpdate }) => issuedOn <= at && at <= nextUpdate)) return [];
  const message = `no revocation list of ${signer} is in force at ${at.toISOString()}`;
  return [findingAt(root, 'revocation-expired', message)];
}

/** Who hands over an old list while the log has a newer one would rather have it not seen. */
function superseded(root: GraphNode, own: readonly SignedList[]): Finding[] {
  const handed = newestOf(own.filter(({ index }) => index === undefined));
  const logged = newestOf(own.filter(({ index }) => index !== undefined));
  if (!handed || !logged || handed.issuedOn >= logged.issuedOn) return [];
  const message =
    `the list of ${handed.signer} that was handed over is of ${handed.issuedOn.toISOString()};` +
    ` entry ${logged.index} of the log is one of ${logged.issuedOn.toISOString()}`;
  return [findingAt(root, 'revocation-superseded', message)];
}

function newestOf(lists: readonly SignedList[]): SignedList | undefined {
  return lists.reduce<SignedList | undefined>(
    (newest, list) => (newest && newest.issuedOn > list.issuedOn ? newest : list),
    undefined,
  );
}

function revokedBy(node: GraphNode, lists: readonly SignedList[]): Finding[] {
  const digests = [node.digest.sha256, node.contentDigest.sha256];
  for (const { revoked, signer, index } of lists) {
    const entry = revoked.find(({ digest }) => digests.includes(digest.sha256));
    if (entry === undefined) continue;
    const why = entry.reason === undefined ? '' : `: ${entry.reason}`;
    const where = index === undefined ? '' : ` in entry ${index} of the log`;
    const message = `${node.path}, sha256:${entry.digest.sha256}, was revoked by ${signer}${where}${why}`;
    return [findingAt(node, 'node-revoked', message)];
  }
  return [];
}

function reportOf(
  revoker: string,
  lists: readonly SignedList[],
  log: SearchedLog | undefined,
): RevokerReport {
  const own = lists.filter(({ signer }) => signer === revoker);
  // Of the same list, the one that has a place in the log.
  const newest = newestOf(own.toSorted((a, b) => (a.index ?? -1) - (b.index ?? -1)));
  return {
    ...{ revoker, lists: new Set(own.map(({ issuedOn }) => issuedOn.getTime())).size },
    ...(newest && {
      newest: {
        issuedOn: newest.issuedOn.toISOString(),
        nextUpdate: newest.nextUpdate.toISOString(),
        ...(newest.index !== undefined && { index: newest.index }),
      },
    }),
    ...(log && { log }),
  };
}
