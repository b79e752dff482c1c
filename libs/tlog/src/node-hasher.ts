import { hash as oneShotHash } from 'node:crypto';
import { treeHasher } from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';

/** RFC 6962 hashing on node:crypto, some five times as fast as what core floors can do alone. */
export const nodeHasher: TreeHasher = treeHasher((data) => oneShotHash('sha256', data, 'buffer'));
