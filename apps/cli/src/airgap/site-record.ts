import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Acknowledgement } from '@touchstone/airgap';
import { writeDurably } from '@touchstone/tlog';
import { z } from 'zod';
import { CliError, EXIT } from '../failure.js';

/** What the exporter knows of a site: one file `<folder>/<site>.json` each. */
export const SiteRecord = z.strictObject({
  schema: z.literal('https://touchstone.dev/airgap-site/v1'),
  site: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/),
  /** Of the trust root that the site was given by hand, and of those it acknowledged since. */
  trustRootVersion: z.int().min(1),
  /** Base64 of the SubjectPublicKeyInfo of the device that acknowledges; none before it is known. */
  device: z.string().max(256).exactOptional(),
  /** Hex of the chip's serial number, when a certificate named it. */
  serial: z
    .string()
    .regex(/^[0-9a-f]{18}$/)
    .exactOptional(),
  /** What the device had counted before its first import for this site. */
  counter: z.int().min(0),
  /** The last one: base of the next delta. */
  acknowledgement: Acknowledgement.exactOptional(),
  /** Tree size that the site's witness cosigned last, as far as couriers have told. */
  cosigned: z.int().min(0).exactOptional(),
});
export type SiteRecord = z.infer<typeof SiteRecord>;

/** @returns undefined for a site that was never written to */
export async function readSiteRecord(
  folder: string,
  site: string,
): Promise<SiteRecord | undefined> {
  const file = join(folder, `${checkedName(site)}.json`);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = SiteRecord.safeParse(JSON.parse(text));
  if (parsed.success && parsed.data.site === site) return parsed.data;
  throw new CliError('site-record', `${file} is no record of site ${site}`, EXIT.usage);
}

export async function writeSiteRecord(folder: string, record: SiteRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${checkedName(record.site)}.json`);
  await writeDurably(file, `${JSON.stringify(SiteRecord.parse(record), null, 2)}\n`);
}

function checkedName(site: string): string {
  if (SiteRecord.shape.site.safeParse(site).success) return site;
  throw new CliError(
    'site-name',
    `${JSON.stringify(site)} is no name of a site: lower-case letters, digits and -`,
    EXIT.usage,
  );
}
