import { createHash } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { canonicalJson } from '@touchstone/attest';
import { parseWitnessPolicy, type WitnessPolicy } from '@touchstone/note';
import { z } from 'zod';
import { readIoKey } from '../device/io-key.js';
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
      /** File with the IO protection key that the chip was provisioned with. */
      ioKey: z.string().max(4096).exactOptional(),
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
/** Settings on their way: they count once a state that seals them is there. */
export const NEXT_SETTINGS_FILE = 'site.next.json';

/**
 * What of the settings decides which bundles are accepted. Where the device is found is not part of
 * it: another device cannot have sealed the state.
 */
export function settingsDigest({ accept, maxAge, witnessPolicy }: SiteSettings): string {
  const decided = {
    accept: [...accept].sort(),
    ...(maxAge !== undefined && { maxAge }),
    ...(witnessPolicy !== undefined && { witnessPolicy }),
  };
  return createHash('sha256').update(canonicalJson(decided)).digest('hex');
}

/**
 * The settings that the state seals. A change that was broken off is finished when its state was
 * written, and undone when not.
 *
 * @throws CliError `site-settings` when somebody else changed them
 */
export async function sealedSettings(
  folder: string,
  found: SiteSettings,
  sealed: string | undefined,
): Promise<SiteSettings> {
  const next = join(folder, NEXT_SETTINGS_FILE);
  if (sealed === undefined || settingsDigest(found) === sealed) {
    await rm(next, { force: true });
    return found;
  }
  const coming = await readSettingsFile(next).catch(() => undefined);
  if (coming !== undefined && settingsDigest(coming) === sealed) {
    await rename(next, join(folder, SETTINGS_FILE));
    return coming;
  }
  throw new CliError(
    'site-settings',
    `${join(folder, SETTINGS_FILE)} is not what the device sealed: somebody changed which bundles this site accepts. Put it back, or decide anew on another folder`,
    EXIT.refuted,
  );
}

export function readSiteSettings(folder: string): Promise<SiteSettings> {
  return readSettingsFile(join(folder, SETTINGS_FILE));
}

async function readSettingsFile(file: string): Promise<SiteSettings> {
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

export async function openDevice({ device }: SiteSettings, folder: string): Promise<SiteDevice> {
  if (device.kind === 'file') return FileDevice.open(resolve(folder, device.key), folder);
  const { address, slot, ioKey } = device;
  const shared = ioKey === undefined ? undefined : await readIoKey(resolve(folder, ioKey));
  return ChipDevice.open(parseDeviceAddress(address), slot, shared);
}
