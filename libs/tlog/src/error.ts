/** Everything that can go wrong in the engine, as codes that callers may switch on. */
export type TlogErrorCode =
  | 'leaf-too-large'
  | 'pool-full'
  | 'batch-failed'
  | 'publish-failed'
  | 'log-poisoned'
  | 'log-closed'
  | 'folder-locked'
  | 'lock-unavailable'
  | 'lock-lost'
  | 'path-invalid'
  | 'state-malformed'
  | 'state-inconsistent'
  | 'checkpoint-inconsistent'
  | 'tile-missing'
  | 'tile-malformed'
  | 'size-out-of-range'
  | 'limit-invalid'
  | 'map-journal'
  | 'map-full'
  | 'map-store'
  | 'map-version'
  | 'quorum-missing'
  | 'witness-request'
  | 'witness-state'
  | 'witness-policy';

export class TlogError extends Error {
  override readonly name = 'TlogError';

  constructor(
    readonly code: TlogErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The words of whatever was thrown, for the message of the error that wraps it. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
