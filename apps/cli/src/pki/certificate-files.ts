import { readPem, writePem } from '@touchstone/attest';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';

const CERTIFICATE = 'CERTIFICATE';
export const REVOCATION_LIST = 'X509 CRL';
const MAX_PEM_BYTES = 1024 * 1024;

export function certificatesPem(chain: readonly Uint8Array[]): Uint8Array {
  return writePem(chain.map((der) => ({ label: CERTIFICATE, der })));
}

export async function readCertificates(path: string): Promise<Uint8Array[]> {
  return readBlocks(path, CERTIFICATE);
}

export async function readRevocationLists(path: string): Promise<Uint8Array[]> {
  return readBlocks(path, REVOCATION_LIST);
}

async function readBlocks(path: string, label: string): Promise<Uint8Array[]> {
  const blocks = readPem(await readBounded(path, MAX_PEM_BYTES));
  const other = blocks.find((block) => block.label !== label);
  if (other === undefined) return blocks.map(({ der }) => der);
  throw new CliError('pem-malformed', `${path}: ${other.label} where ${label} belongs`, EXIT.usage);
}
