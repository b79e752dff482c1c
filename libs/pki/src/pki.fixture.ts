import { generateKeyPairSync } from 'node:crypto';
import {
  issueAuthority,
  issueCertificate,
  issueRoot,
  type Authority,
  type AuthorityConstraints,
} from './issue.js';
import type { Role } from './roles.js';

export const day = (text: string): Date => new Date(`${text}T00:00:00Z`);

export function keyPair(namedCurve = 'P-256'): { pem: string; spki: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return {
    pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
  };
}

let serials = 0;

interface Names {
  readonly name: string;
  readonly spki: Uint8Array;
  readonly from?: string;
  readonly to?: string;
}

function fields({ name, spki, from = '2026-01-01', to = '2036-01-01' }: Names) {
  serials += 1;
  const serial = Uint8Array.of(1, serials);
  return { name, organisation: 'Ltd', spki, serial, notBefore: day(from), notAfter: day(to) };
}

export async function root(
  name = 'Root',
  constraints: AuthorityConstraints = {},
  to?: string,
): Promise<Authority> {
  const { pem, spki } = keyPair();
  const certificate = await issueRoot(pem, fields({ name, spki, ...(to && { to }) }), constraints);
  return { certificate, key: pem };
}

export async function below(
  parent: Authority,
  name: string,
  constraints: AuthorityConstraints = {},
): Promise<Authority> {
  const { pem, spki } = keyPair();
  const certificate = await issueAuthority(parent, fields({ name, spki }), constraints);
  return { certificate, key: pem };
}

export async function leaf(
  parent: Authority,
  role: Role = 'owner',
  more: Partial<Names> = {},
): Promise<Uint8Array> {
  const { spki } = keyPair();
  return issueCertificate(parent, fields({ name: role, spki, ...more }), role);
}
