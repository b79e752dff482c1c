import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrustRoot } from '@touchstone/attest';
import { generateKey, writePrivateKey } from '@touchstone/keys';
import { formatVerifierKey, toBase64, verifierKey } from '@touchstone/note';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SiteSettings } from './site-settings.js';
import { makeSite, Site } from './site.js';

const ORIGIN = 'log.example';
const { publicKey } = generateKey('ed25519');
const rebuilder = generateKey('ecdsa-p256-sha256').publicKey;
const trustRoot: TrustRoot = {
  schema: 'https://touchstone.dev/trust-root/v1',
  version: 1,
  logs: [{ origin: ORIGIN, vkey: formatVerifierKey(verifierKey(ORIGIN, publicKey)) }],
  rebuilders: [
    {
      id: 'acme',
      organisation: 'Acme',
      keys: [{ algorithm: 'ecdsa-p256-sha256', spki: toBase64(rebuilder.spki) }],
    },
  ],
  policy: { quorum: 1 },
};

let folder: string;
let strict: SiteSettings;
let lax: SiteSettings;
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settings-'));
  const key = at('device.pem');
  await writePrivateKey(key, generateKey('ecdsa-p256-sha256'));
  strict = {
    schema: 'https://touchstone.dev/airgap-site-settings/v1',
    device: { kind: 'file', key },
    accept: [],
  };
  lax = { ...strict, accept: ['UNWITNESSED'], maxAge: 60 };
  await makeSite({ folder, site: 'hut', trustRoot, settings: strict });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function opened(): Promise<SiteSettings | string> {
  try {
    const site = await Site.open(folder);
    await site.close();
    return site.settings;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function decide(settings: SiteSettings): Promise<void> {
  const site = await Site.open(folder);
  try {
    await site.decide(settings);
  } finally {
    await site.close();
  }
}

describe('what a site accepts', () => {
  it.each<[string, (from: SiteSettings) => SiteSettings]>([
    ['another verdict', (from) => ({ ...from, accept: ['STALE'] })],
    ['another age', (from) => ({ ...from, maxAge: 1 })],
    ['another quorum', (from) => ({ ...from, witnessPolicy: 'quorum none\n' })],
  ])('is not changed by who writes %s into its file', async (_, change) => {
    await writeFile(at('site.json'), JSON.stringify(change(strict)));
    expect(await opened()).toBe('site-settings');
    // Nor is it by one who names it the next settings.
    await writeFile(at('site.json'), JSON.stringify(strict));
    await writeFile(at('site.next.json'), JSON.stringify(change(strict)));
    expect(await opened()).toEqual(strict);
  });

  it('is changed with the device, and the old file is worth nothing then', async () => {
    const before = await readFile(at('site.json'));
    await decide(lax);
    expect(await opened()).toEqual(lax);
    await writeFile(at('site.json'), before);
    expect(await opened()).toBe('site-settings');
  });

  it.each<[string, string, (parts: { old: Buffer; state: Buffer }) => Promise<void>]>([
    ['the new settings', 'strict', ({ state }) => writeFile(at('state-0.json'), state)],
    ['the state that seals them', 'lax', () => Promise.resolve()],
  ])('is one of the two after a power cut behind %s', async (_, expected, undo) => {
    const old = await readFile(at('site.json'));
    const state = await readFile(at('state-0.json'));
    await decide(lax);
    await writeFile(at('site.next.json'), JSON.stringify(lax));
    await writeFile(at('site.json'), old);
    await undo({ old, state });
    expect(await opened()).toEqual(expected === 'lax' ? lax : strict);
    expect(await opened()).toEqual(expected === 'lax' ? lax : strict);
    await expect(access(at('site.next.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
