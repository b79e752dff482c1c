import { decodeUtf8, encodeUtf8 } from '@touchstone/note';
import { same } from '../bytes.js';
import { AirgapError } from '../errors.js';
import { decodeBase45, encodeBase45 } from './base45.js';

/**
 * A slip is what one QR code holds: a checkpoint with its proof, or an acknowledgement. In the symbol it
 * is text, so that a scanner which types like a keyboard will do at a site.
 */

export const SLIP_PREFIX = 'TOUCHSTONE:';
/** Alphanumeric characters of a version 40 symbol at level L (ISO/IEC 18004, table 7). */
export const SYMBOL_CHARACTERS = 4296;
/** Bytes of the same symbol, for comparison. */
export const SYMBOL_BYTES = 2953;
/** Of a slip in a file; in a symbol there is less room. */
export const MAX_SLIP_BYTES = 65_536;
const PREFIX_BYTES = encodeUtf8(SLIP_PREFIX);
const MAX_TEXT = SLIP_PREFIX.length + Math.ceil(MAX_SLIP_BYTES / 2) * 3;

export function slipText(bytes: Uint8Array): string {
  return SLIP_PREFIX + encodeBase45(bytes);
}

/**
 * Whether all of it fits one symbol.
 *
 * @throws AirgapError `slip-too-large`
 */
export function checkFitsSymbol(text: string): void {
  if (text.length <= SYMBOL_CHARACTERS) return;
  throw new AirgapError(
    'slip-too-large',
    `${text.length} characters, and a QR code holds ${SYMBOL_CHARACTERS}: carry it as a file`,
  );
}

/**
 * The bytes of a slip from a file: as they are, or as a scanner wrote them down.
 *
 * @throws AirgapError `slip-malformed`
 */
export function slipBytes(read: Uint8Array): Uint8Array {
  if (read.length > MAX_TEXT) throw new AirgapError('slip-malformed', 'it is too long for a slip');
  if (!same(read.subarray(0, PREFIX_BYTES.length), PREFIX_BYTES)) return read;
  const bytes = decodeBase45(scanned(read.subarray(SLIP_PREFIX.length)));
  if (bytes !== undefined) return bytes;
  throw new AirgapError('slip-malformed', 'the text is no base45 (RFC 9285): scan it again');
}

/** Spaces are digits of the encoding, so only the line end is the scanner's. */
function scanned(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new AirgapError('slip-malformed', 'the text is no UTF-8', { cause });
  }
}
