export type MerkleErrorCode =
  | 'size-out-of-range'
  | 'index-out-of-range'
  | 'level-out-of-range'
  | 'hash-length'
  | 'hash-count'
  | 'proof-length'
  | 'root-mismatch'
  | 'tile-path'
  | 'tile-width'
  | 'tile-length'
  | 'entry-too-large'
  | 'bundle-count'
  | 'bundle-truncated'
  | 'bundle-trailing'
  | 'map-key'
  | 'map-list'
  | 'map-proof';

/** Everything this library refuses, with a stable code to branch on. */
export class MerkleError extends Error {
  override readonly name = 'MerkleError';

  constructor(
    readonly code: MerkleErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
