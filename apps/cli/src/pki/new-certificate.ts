import { randomBytes } from 'node:crypto';
import { readCertificate, type NewCertificate, type Role } from '@touchstone/pki';
import { CliError, EXIT } from '../failure.js';
import { saveIssued, type Issued } from './authority-folder.js';

const DAY_MS = 86_400_000;

interface Naming {
  readonly name: string;
  readonly organisation?: string;
  /** Valid for so many days. */
  readonly days: string;
}

export function newCertificate(
  { name, organisation, days }: Naming,
  spki: Uint8Array,
): NewCertificate {
  const serial = randomBytes(16);
  // Positive and without a leading zero (RFC 5280 section 4.1.2.2).
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const { from, until } = lifeOf(new Date(), days);
  return {
    ...{ name, spki, serial, notBefore: from, notAfter: until },
    ...(organisation !== undefined && { organisation }),
  };
}

/** Times in certificates are of whole seconds. */
export function lifeOf(now: Date, days: string): { from: Date; until: Date } {
  const from = new Date(Math.floor(now.getTime() / 1000) * 1000);
  return { from, until: new Date(from.getTime() + countOf(days, '--days') * DAY_MS) };
}

export function countOf(text: string, option: string): number {
  if (/^\d{1,5}$/u.test(text)) return Number(text);
  throw new CliError('usage', `${option} is a number of at most five digits`, EXIT.usage);
}

/** Noted before it is issued: a certificate that nobody remembers cannot be revoked. */
export async function record(
  folder: string,
  issued: Issued,
  { name, serial, notAfter }: NewCertificate,
  role: Role | 'authority',
): Promise<void> {
  const entry = {
    serial: Buffer.from(serial).toString('hex'),
    name,
    role,
    notAfter: notAfter.toISOString(),
  };
  await saveIssued(folder, { certificates: [...issued.certificates, entry] });
}

/** The same for one whose serial number is known only once it is made, and before anybody has it. */
export async function recordIssued(
  folder: string,
  issued: Issued,
  der: Uint8Array,
  role: Role,
): Promise<void> {
  const { serial, subjectText: name, notAfter } = readCertificate(der);
  const entry = { serial, name, role, notAfter: notAfter.toISOString() };
  await saveIssued(folder, { certificates: [...issued.certificates, entry] });
}

export function isRoot(der: Uint8Array): boolean {
  const { issuer, subject } = readCertificate(der);
  return Buffer.compare(issuer, subject) === 0;
}

export function told(der: Uint8Array): { subject: string; serial: string; notAfter: string } {
  const { subjectText, serial, notAfter } = readCertificate(der);
  return { subject: subjectText, serial, notAfter: notAfter.toISOString() };
}
