export { CompactRange, rootFromLeaves } from './compact-range.js';
export { decodeEntryBundle, encodeEntryBundle, MAX_ENTRY_SIZE } from './entry-bundle.js';
export { MerkleError, type MerkleErrorCode } from './errors.js';
export { HASH_SIZE, rfc6962, treeHasher, type Sha256, type TreeHasher } from './hash.js';
export { compactRangeNodes, type NodeId } from './node-id.js';
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
