const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * The text of bytes, by the platform. It goes through memory that is there already: a Buffer over a
 * small array moves that array out of the heap, which costs more than its text.
 */
export function byteText(bytes: Uint8Array, encoding: 'base64' | 'hex' | 'latin1'): string {
  if (bytes.length > scratch.length) return Buffer.from(bytes).toString(encoding);
  scratch.set(bytes);
  return scratch.toString(encoding, 0, bytes.length);
}
