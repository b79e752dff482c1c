import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePem } from '@touchstone/attest';
import { readPrivateKey } from '@touchstone/keys';
import { issueRevocationList, ROLES, type Authority } from '@touchstone/pki';
import { z } from 'zod';
import { CliError, EXIT } from '../failure.js';
import { readJson } from '../input.js';
import { certificatesPem, readCertificates, REVOCATION_LIST } from './certificate-files.js';

/**
 * An authority in a folder: `ca.key` of mode 0600, `ca.pem` (its certificate, then those above it),
 * `issued.json` (what it issued and revoked) and `crl.pem`.
 */
const FILES = { key: 'ca.key', chain: 'ca.pem', issued: 'issued.json', crl: 'crl.pem' } as const;

const Issued = z.strictObject({
  certificates: z.array(
    z.strictObject({
      serial: z.string().regex(/^[0-9a-f]{2,40}$/u),
      name: z.string(),
      role: z.enum([...ROLES, 'authority']),
      notAfter: z.iso.datetime(),
      revoked: z.strictObject({ at: z.iso.datetime(), compromised: z.boolean() }).exactOptional(),
    }),
  ),
});
export type Issued = z.infer<typeof Issued>;

export function authorityFile(folder: string, name: keyof typeof FILES): string {
  return join(folder, FILES[name]);
}

export async function openAuthority(
  folder: string,
): Promise<{ authority: Authority; chain: Uint8Array[]; issued: Issued }> {
  const chain = await readCertificates(authorityFile(folder, 'chain'));
  const { toPem } = await readKey(authorityFile(folder, 'key'));
  const issued = Issued.safeParse(await readJson(authorityFile(folder, 'issued')));
  const [certificate] = chain;
  if (!issued.success || certificate === undefined) {
    throw new CliError('file-malformed', `${folder} is not a folder of touchstone pki`, EXIT.usage);
  }
  return { authority: { certificate, key: toPem() }, chain, issued: issued.data };
}

async function readKey(path: string): Promise<{ toPem: () => string }> {
  const key = await readPrivateKey(path);
  return { toPem: () => key.toPem() };
}

export async function createAuthority(folder: string, chain: readonly Uint8Array[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(authorityFile(folder, 'chain'), certificatesPem(chain));
  await saveIssued(folder, { certificates: [] });
}

/** The record is replaced whole, before what it speaks of is handed out. */
export async function saveIssued(folder: string, issued: Issued): Promise<void> {
  const path = authorityFile(folder, 'issued');
  await writeFile(`${path}.new`, `${JSON.stringify(issued, null, 2)}\n`);
  await rename(`${path}.new`, path);
}

/** A revocation list of all that is revoked by now. */
export async function saveRevocationList(
  folder: string,
  authority: Authority,
  issued: Issued,
  times: { readonly from: Date; readonly until: Date },
): Promise<void> {
  const revoked = issued.certificates.flatMap(({ serial, revoked: entry }) =>
    entry === undefined ? [] : [{ serial, at: new Date(entry.at), compromised: entry.compromised }],
  );
  const der = await issueRevocationList(authority, revoked, times.from, times.until);
  await writeFile(authorityFile(folder, 'crl'), writePem([{ label: REVOCATION_LIST, der }]));
}
