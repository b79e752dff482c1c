import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

import { walkNodes, type Node } from './component.js';

export interface NodeDigest {
  path: string;
  kind: Node['kind'];
  offset: number;
  size: number;
  digest: { sha256: string };
}

/**
 * SHA-256 of each node's bytes, outermost first. A byte is hashed once for every level around it:
 * a component of one level of modules costs at most twice its size. Services pass a native
 * `sha256`.
 */
export function digestNodes(
  bytes: Uint8Array,
  node: Node,
  sha256: (data: Uint8Array) => Uint8Array = nobleSha256,
): NodeDigest[] {
  return [...walkNodes(node)].map(({ path, kind, offset, size }) => {
    const digest = sha256(bytes.subarray(offset, offset + size));
    return { path, kind, offset, size, digest: { sha256: bytesToHex(digest) } };
  });
}
