import { treeHasher } from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';
import { nodeSha256 } from './node-sha256.js';

/** RFC 6962 hashing on node:crypto, some ten times as fast as what core floors can do alone. */
export const nodeHasher: TreeHasher = treeHasher(nodeSha256);
