export { CompactRange, rootFromLeaves } from './compact-range.js';
export { decodeEntryBundle, encodeEntryBundle, MAX_ENTRY_SIZE } from './entry-bundle.js';
export { MerkleError, type MerkleErrorCode } from './errors.js';
export { HASH_SIZE, rfc6962, treeHasher, type Sha256, type TreeHasher } from './hash.js';
export { MAP_KEY_SIZE, mapHasher, nobleMapHasher, type MapHasher } from './map/map-hash.js';
export {
  MAX_MAP_DEPTH,
  rootFromMapProof,
  verifyListPage,
  verifyMapProof,
  type ListHead,
  type MapProof,
} from './map/map-proof.js';
export { MerkleMap } from './map/merkle-map.js';
export { encodePage, LIST_PAGE_SIZE, listPages, type ListPage } from './map/posting-list.js';
export { compactRangeNodes, coveringNodes, type NodeId } from './node-id.js';
export { consistencyProof, inclusionProof, type GetNode } from './prove.js';
export {
  nodeFromTile,
  partialTiles,
  TILE_WIDTH,
  tileOfNode,
  tilesOfTree,
  tileWidth,
  type HashTile,
  type TileRef,
} from './tile.js';
export { entriesPath, parseTilePath, pathOfTile, tilePath } from './tile-path.js';
export {
  rootFromInclusion,
  verifyConsistency,
  verifyInclusion,
  type ConsistencyClaim,
  type InclusionClaim,
} from './verify.js';
