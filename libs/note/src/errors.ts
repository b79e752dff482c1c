export type NoteErrorCode =
  | 'base64'
  | 'utf8'
  | 'public-key'
  | 'note-too-large'
  | 'note-control-character'
  | 'note-malformed'
  | 'note-text'
  | 'too-many-signatures'
  | 'signature-line'
  | 'duplicate-signature'
  | 'key-name'
  | 'verifier-key'
  | 'verifier-key-hash'
  | 'unsupported-key-type'
  | 'ambiguous-key'
  | 'bad-signature'
  | 'no-known-signature'
  | 'checkpoint-malformed'
  | 'checkpoint-size'
  | 'checkpoint-size-unsafe'
  | 'checkpoint-root'
  | 'checkpoint-origin'
  | 'cosignature-malformed'
  | 'cosigner-key'
  | 'policy-too-large'
  | 'policy-character'
  | 'policy-line'
  | 'policy-key'
  | 'policy-name'
  | 'policy-duplicate'
  | 'policy-threshold'
  | 'policy-limit'
  | 'policy-quorum'
  | 'quorum-missing'
  | 'proof-malformed'
  | 'proof-inclusion';

/** Everything this library refuses, with a stable code to branch on. */
export class NoteError extends Error {
  override readonly name = 'NoteError';

  constructor(
    readonly code: NoteErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
