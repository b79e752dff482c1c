import { createHash } from 'node:crypto';

/** Hex digest of a Subresource Integrity string `sha512-<base64>` or `sha256-<base64>`. */
export function integrityHex(integrity: string): string {
  return Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
}

export function integrityAlgorithm(integrity: string): 'sha256' | 'sha512' {
  return integrity.startsWith('sha256-') ? 'sha256' : 'sha512';
}

/** Of a hex SHA-256. */
export function sha256Integrity(hex: string): string {
  return `sha256-${Buffer.from(hex, 'hex').toString('base64')}`;
}

export function integrityOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha512'): string {
  return `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
