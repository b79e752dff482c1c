import { fromBase64, publicKeyFromSpki, toBase64, type PublicKey } from '@touchstone/note';
import { KeyError } from './errors.js';

const BEGIN = '-----BEGIN PUBLIC KEY-----';
const END = '-----END PUBLIC KEY-----';

const LINE = 64;
const MAX_PEM_LENGTH = 4096;

/** PEM of the SubjectPublicKeyInfo, RFC 7468 section 13. */
export function publicKeyToPem(key: PublicKey): string {
  const base64 = toBase64(key.spki);
  const lines: string[] = [];
  for (let i = 0; i < base64.length; i += LINE) lines.push(base64.slice(i, i + LINE));
  return [BEGIN, ...lines, END, ''].join('\n');
}

/**
 * Reads one PEM block labelled PUBLIC KEY, with white space around its lines as it may be. A
 * private key or a certificate, out of which OpenSSL would take a public key, is refused.
 *
 * @throws KeyError `public-key-malformed`
 */
export function publicKeyFromPem(pem: string): PublicKey {
  const text = pem.length <= MAX_PEM_LENGTH ? pem.trim() : '';
  if (!text.startsWith(BEGIN) || !text.endsWith(END)) {
    throw new KeyError('public-key-malformed', 'the text is not a single PUBLIC KEY PEM block');
  }
  const base64 = text.slice(BEGIN.length, -END.length).replaceAll(/[ \t\r\n]/g, '');
  try {
    return publicKeyFromSpki(fromBase64(base64));
  } catch (cause) {
    throw new KeyError('public-key-malformed', 'the PEM block holds no Ed25519 or P-256 key', {
      cause,
    });
  }
}
