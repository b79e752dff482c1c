import type { TransparencyLogEntry } from '@touchstone/contract';
import { verifyInclusion } from '@touchstone/merkle';
import { nodeHasher } from '@touchstone/tlog';
import { byteText } from '../byte-text.js';
import type { Log } from '../log.js';

/** A published checkpoint, and the size it is for. */
export interface PublishedNote {
  readonly note: string;
  readonly size: number;
}

/** An entry's place in the tree, proven against the root of a signed checkpoint. */
export interface Inclusion {
  readonly root: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

/** Makes the inclusion proof of a leaf and checks it before anyone gets to see it. */
export async function proveInclusion(
  log: Log,
  leaf: Uint8Array,
  index: number,
  { note, size }: PublishedNote,
): Promise<Inclusion> {
  const { root } = await log.openNote(note);
  const proof = await log.reader.inclusionProof(index, size);
  verifyInclusion({ index, size, leafHash: nodeHasher.leaf(leaf), proof, root }, nodeHasher);
  return { root, hashes: proof };
}

/** An entry as its answer tells of it. */
export interface AnsweredEntry {
  readonly body: Uint8Array;
  readonly kind: string;
  readonly version: string;
}

/** Rekor v2's answer for an entry, proven against a published checkpoint. */
export async function provenEntry(
  log: Log,
  { body, kind, version }: AnsweredEntry,
  index: number,
  published: PublishedNote,
): Promise<TransparencyLogEntry> {
  const { root, hashes } = await proveInclusion(log, body, index, published);
  return {
    logIndex: String(index),
    logId: { keyId: log.logId },
    kindVersion: { kind, version },
    integratedTime: '0',
    inclusionProof: {
      logIndex: String(index),
      rootHash: base64(root),
      treeSize: String(published.size),
      hashes: hashes.map(base64),
      checkpoint: { envelope: published.note },
    },
    canonicalizedBody: base64(body),
  };
}

function base64(bytes: Uint8Array): string {
  return byteText(bytes, 'base64');
}
