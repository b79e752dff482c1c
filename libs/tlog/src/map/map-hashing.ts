import { MAP_KEY_SIZE } from '@touchstone/merkle';
import type { MapHasher } from '@touchstone/merkle';
import { keyOf } from './bucket.js';
import type { LeafHash } from './bucket-tree.js';
import type { ListStore } from './list-store.js';
import { nodeMapHasher } from './map-hasher.js';
import { decodeList } from './stored-list.js';

/** How nodes and keys of the map are hashed. */
export interface MapHashing {
  readonly hasher: MapHasher;
  readonly leaf: LeafHash;
}

/** Hashing of entries whose long lists are in this store. */
export function mapHashing(lists: ListStore): MapHashing {
  return {
    hasher: nodeMapHasher,
    leaf: (entry) => {
      const list = decodeList(entry.source, entry.at + MAP_KEY_SIZE, entry.end);
      const { count, root } = lists.head(list);
      return nodeMapHasher.leaf(keyOf(entry), count, root);
    },
  };
}
