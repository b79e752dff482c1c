export type Atecc608ErrorCode =
  // What the chip answered (status.ts)
  | 'miscompare'
  | 'parse'
  | 'ecc-fault'
  | 'self-test'
  | 'health-test'
  | 'execution'
  | 'after-wake'
  | 'watchdog'
  | 'command-crc'
  // What the line carried
  | 'no-response'
  | 'response-crc'
  | 'response-malformed'
  | 'response-mac'
  | 'frame-malformed'
  | 'stream-malformed'
  // What the caller asked for
  | 'argument'
  // Compressed certificates
  | 'certificate-malformed'
  | 'certificate-format'
  | 'certificate-template'
  | 'certificate-date'
  | 'certificate-serial-number'
  // A chip model's image
  | 'image-malformed';

/** Everything this library refuses, with a stable code to branch on. */
export class Atecc608Error extends Error {
  override readonly name = 'Atecc608Error';

  constructor(
    readonly code: Atecc608ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
