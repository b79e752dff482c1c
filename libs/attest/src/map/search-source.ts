import { digestKey, nameKey, predicateKey, signerKey, unreadKeyOf } from './index-keys.js';
import type { ReadAttestation } from './index-keys.js';

/** What a list of the map is asked for by: one of these. */
export interface Asked {
  /** `sha256:` and hex, or another algorithm. */
  readonly digest?: string;
  /** Key id: hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly signer?: string;
  /** Of a subject. */
  readonly name?: string;
  readonly predicateType?: string;
  /** Key id of a signer: its entries that name a digest whose bytes the log does not have. */
  readonly unreadOf?: string;
}

/** One question to a map. */
export interface MapQuery extends Asked {
  /** Page of the list, and of that of the unread leaves; the first unless told. */
  readonly page?: number;
  readonly unreadPage?: number;
  /** treeSize of the commitment to answer from; the newest unless told. */
  readonly size?: number;
}

/** What is searched for, and its key in the index. */
export interface SearchTarget {
  readonly key: Uint8Array;
  readonly query: Asked;
}

/** What a signed checkpoint says of the tree. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Where the parts of an answer come from: a log over HTTP, or a file. Nothing of it is believed. */
export interface SearchSource {
  /** A `SearchAnswer`, not verified. */
  readonly search: (query: MapQuery) => Promise<unknown>;
  /** The signed note of the one tree that leaves are proved against; asked for after the lists. */
  readonly checkpoint: () => Promise<string>;
  /**
   * Leaves [from, to) of that tree, each proved to be in it.
   *
   * @throws an error with the code `inclusion-proof`
   */
  readonly leaves: (from: number, to: number, head: TreeHead) => Promise<Uint8Array[]>;
  /** Whoever indexes it checks the digest. */
  readonly attestation: ReadAttestation;
}

/** The key under which the map has what is asked for. */
export function mapKeyOf({
  digest,
  signer,
  name,
  predicateType,
  unreadOf,
}: { readonly [Term in keyof Asked]: Asked[Term] | undefined }): Uint8Array {
  if (unreadOf !== undefined) return unreadKeyOf(unreadOf);
  if (name !== undefined) return nameKey(name);
  if (predicateType !== undefined) return predicateKey(predicateType);
  if (digest === undefined) return signerKey(signer ?? '');
  const [algorithm = '', hex = ''] = digest.split(':');
  return digestKey(algorithm, hex);
}
