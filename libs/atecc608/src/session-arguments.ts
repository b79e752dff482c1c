import { Atecc608Error } from './errors.js';

/** Nonce: 32 bytes as they are, into the message digest buffer. */
export const INTO_MESSAGE_BUFFER = 0x43;

/** @throws Atecc608Error `argument` */
export function requireLength(name: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new Atecc608Error('argument', `${name} has ${length} bytes, not ${bytes.length}`);
  }
}
