export type KeyErrorCode =
  | 'key-file-missing'
  | 'key-file-unreadable'
  | 'key-file-permissions'
  | 'key-file-not-regular'
  | 'key-file-exists'
  | 'key-file-not-written'
  | 'key-encrypted'
  | 'key-malformed'
  | 'key-unsupported'
  | 'key-inconsistent'
  | 'public-key-malformed'
  | 'secret-ambiguous'
  | 'secret-unreadable';

/**
 * Everything this library refuses, with a stable code to branch on. Messages and causes never
 * carry key material.
 */
export class KeyError extends Error {
  override readonly name = 'KeyError';

  constructor(
    readonly code: KeyErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
