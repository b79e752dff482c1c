/**
 * The CRC of frames and zones: polynomial 0x8005, initial value 0, data bits taken least
 * significant first into a register shifted towards its most significant bit, not inverted.
 * `previous` continues over further bytes.
 */
export function crc16(bytes: Uint8Array, previous = 0): number {
  let register = previous;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const feedback = ((register >>> 15) ^ (byte >>> bit)) & 1;
      register = (register << 1) & 0xffff;
      if (feedback === 1) register ^= 0x8005;
    }
  }
  return register;
}
