import { mapHasher, type MapHasher } from '@touchstone/merkle';
import { nodeSha256 } from '../node-sha256.js';

/** Map hashing on node:crypto. */
export const nodeMapHasher: MapHasher = mapHasher(nodeSha256);
