export type StoreErrorCode =
  | 'migration-changed'
  | 'migration-failed'
  | 'migration-unknown'
  | 'database-busy'
  | 'database-start'
  | 'rebuilder-conflict'
  | 'rebuilder-unknown'
  | 'rebuilder-withdrawn'
  | 'key-conflict'
  | 'rebuild-unknown'
  | 'rebuild-not-refused'
  | 'lease-lapsed'
  | 'lease-not-yours'
  | 'report-conflict'
  | 'site-conflict'
  | 'acknowledgement-conflict'
  | 'log-conflict'
  | 'log-index-conflict';

/** A refusal by the database's rules; anything else that goes wrong there is thrown as it came. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  constructor(
    readonly code: StoreErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
