import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseWitnessPolicy, type WitnessPolicy } from '@touchstone/note';
import { z } from 'zod';
import { ChipDevice, FileDevice, type SiteDevice } from '../device/site-device.js';
import { parseDeviceAddress } from '../device/device-address.js';
import { CliError, EXIT } from '../failure.js';

/** What the site's operator decided once: `site.json` in its folder. */
export const SiteSettings = z.strictObject({
  schema: z.literal('https://touchstone.dev/airgap-site-settings/v1'),
  device: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('chip'),
      address: z.string().max(512),
      slot: z.int().min(0).max(15),
    }),
    z.strictObject({ kind: z.literal('file'), key: z.string().max(4096) }),
  ]),
  /** Verdicts besides OK that are installed all the same. */
  accept: z.array(z.enum(['UNWITNESSED', 'NO-TIME', 'STALE'])).max(3),
  /** Seconds. */
  maxAge: z.int().min(1).exactOptional(),
  /** C2SP tlog-policy. */
  witnessPolicy: z.string().max(1_048_576).exactOptional(),
});
export type SiteSettings = z.infer<typeof SiteSettings>;

export const SETTINGS_FILE = 'site.json';

export async function readSiteSettings(folder: string): Promise<SiteSettings> {
  const file = join(folder, SETTINGS_FILE);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new CliError(
      'site-missing',
      `${file} cannot be read; touchstone airgap init makes a new site`,
      EXIT.usage,
      { cause },
    );
  }
  const parsed = SiteSettings.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CliError('site-settings', `${file}: ${z.prettifyError(parsed.error)}`, EXIT.usage);
}

export function policyOf({ witnessPolicy }: SiteSettings): WitnessPolicy | undefined {
  return witnessPolicy === undefined ? undefined : parseWitnessPolicy(witnessPolicy);
}

export function openDevice({ device }: SiteSettings, folder: string): Promise<SiteDevice> {
  return device.kind === 'chip'
    ? ChipDevice.open(parseDeviceAddress(device.address), device.slot)
    : FileDevice.open(resolve(folder, device.key), folder);
}
