import { decodeUtf8, encodeUtf8, fromBase64, toBase64 } from '@touchstone/note';
import { AttestError } from '../errors.js';

export interface PemBlock {
  /** What stands after BEGIN, such as `PUBLIC KEY`. */
  readonly label: string;
  readonly der: Uint8Array;
}

const MAX_PEM_BYTES = 128 * 1024;
const MAX_BLOCKS = 10;
/** The body has no hyphen, so each character is looked at once. */
const BLOCK =
  /-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*)-----END ([A-Z0-9 ]{1,64})-----/g;

/** Reads the blocks of a PEM text (RFC 7468). @throws AttestError `pem-malformed` */
export function readPem(bytes: Uint8Array): PemBlock[] {
  if (bytes.length > MAX_PEM_BYTES) malformed(`it has more than ${MAX_PEM_BYTES} bytes`);
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch {
    return malformed('it is no UTF-8');
  }
  const blocks: PemBlock[] = [];
  for (const [, label = '', body = '', end] of text.matchAll(BLOCK)) {
    if (label !== end) malformed(`BEGIN ${label} ends with END ${end ?? ''}`);
    if (blocks.length >= MAX_BLOCKS) malformed(`it has more than ${MAX_BLOCKS} blocks`);
    try {
      blocks.push({ label, der: fromBase64(body.replace(/\s+/g, '')) });
    } catch {
      malformed(`the ${label} is not in base64`);
    }
  }
  if (blocks.length === 0) malformed('it has no block');
  return blocks;
}

/** Writes blocks of PEM: lines of 64 characters, each block ended by a newline. */
export function writePem(blocks: readonly PemBlock[]): Uint8Array {
  return encodeUtf8(
    blocks
      .map(({ label, der }) => {
        const lines = toBase64(der).match(/.{1,64}/g) ?? [];
        return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
      })
      .join(''),
  );
}

function malformed(why: string): never {
  throw new AttestError('pem-malformed', `no usable PEM: ${why}`);
}
