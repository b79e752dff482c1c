import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { SiteKnowledge } from '@touchstone/airgap';
import { resolveTrustRoot, type TrustRoot } from '@touchstone/attest';
import { lockFolder, nodeHasher, writeDurably } from '@touchstone/tlog';
import type { SiteDevice } from '../device/site-device.js';
import { CliError, EXIT } from '../failure.js';
import { readManifests, type ImportManifest } from './import-folder.js';
import {
  NEXT_SETTINGS_FILE,
  openDevice,
  policyOf,
  readSiteSettings,
  sealedSettings,
  SETTINGS_FILE,
  settingsDigest,
  type SiteSettings,
} from './site-settings.js';
import { readSiteStates, writeSiteState, type SiteState } from './site-state.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** A site's folder, locked, with its device at hand and nothing of a broken-off import left. */
export class Site {
  private constructor(
    readonly folder: string,
    readonly settings: SiteSettings,
    readonly device: SiteDevice,
    readonly state: SiteState,
    private readonly lock: { release(): Promise<void> },
  ) {}

  /** Finishes or undoes an import that was broken off, see `site-state.ts`. */
  static async open(folder: string, connect = openDevice): Promise<Site> {
    const found = await readSiteSettings(folder);
    const lock = await lockFolder(folder);
    let device: SiteDevice | undefined;
    try {
      device = await connect(found, folder);
      const state = await recover(folder, device);
      const settings = await sealedSettings(folder, found, state.settings);
      return new Site(folder, settings, device, state, lock);
    } catch (error) {
      device?.close();
      await lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.device.close();
    await this.lock.release();
  }

  get knowledge(): SiteKnowledge {
    const { site, origin, checkpoint, frontier, trustRoot } = this.state;
    const witnessPolicy = policyOf(this.settings);
    const { size, root, note } = checkpoint;
    return {
      site,
      origin,
      trustRoot,
      ...(witnessPolicy && { witnessPolicy }),
      base: {
        size,
        root: bytes(root),
        frontier: frontier.map(bytes),
        ...(note !== undefined && { note }),
      },
    };
  }

  /**
   * Takes other decisions. Order: the new settings beside the old, a state that seals them, then
   * their place; see `sealedSettings` for what a power cut leaves.
   */
  async decide(settings: SiteSettings): Promise<void> {
    const next = join(this.folder, NEXT_SETTINGS_FILE);
    await writeDurably(next, `${JSON.stringify(settings, null, 2)}\n`);
    const state = { ...this.state, settings: settingsDigest(settings) };
    await writeSiteState(this.folder, state, this.device);
    await rename(next, join(this.folder, SETTINGS_FILE));
  }

  /** Newest first. */
  async imports(): Promise<(ImportManifest & { readonly folder: string })[]> {
    const { counter, manifest } = this.state;
    const found: (ImportManifest & { readonly folder: string })[] = [];
    const newest = { counter, ...(manifest !== undefined && { manifest }) };
    for await (const one of readManifests(join(this.folder, 'imports'), newest)) found.push(one);
    return found;
  }
}

/** Opens a site for one piece of work. */
export async function withSite(folder: string, work: (site: Site) => Promise<void>): Promise<void> {
  const site = await Site.open(resolve(folder));
  try {
    await work(site);
  } finally {
    await site.close();
  }
}

export interface NewSite {
  readonly folder: string;
  readonly site: string;
  readonly trustRoot: TrustRoot;
  /** Of the log to follow; by default the only one of the trust root. */
  readonly origin?: string;
  readonly settings: SiteSettings;
}

/**
 * Makes a site: settings, and a sealed state of nothing imported.
 *
 * @throws CliError `site-exists`, `site-origin`
 */
export async function makeSite({
  folder,
  site,
  trustRoot,
  settings,
  ...more
}: NewSite): Promise<SiteState> {
  await mkdir(folder, { recursive: true });
  const device = await openDevice(settings, folder);
  try {
    const names = await readdir(folder);
    if (names.some((name) => name.startsWith('state-'))) {
      throw new CliError('site-exists', `${folder} holds a site already`, EXIT.usage);
    }
    const state: SiteState = {
      schema: 'https://touchstone.dev/airgap-state/v1',
      // A device that served another folder before goes on counting where it is.
      counter: await device.counter(),
      serial: device.serial,
      site,
      origin: more.origin ?? onlyOrigin(trustRoot),
      checkpoint: { size: 0, root: hex(nodeHasher.empty()) },
      frontier: [],
      trustRoot,
      settings: settingsDigest(settings),
    };
    await writeDurably(join(folder, SETTINGS_FILE), `${JSON.stringify(settings, null, 2)}\n`);
    await writeSiteState(folder, state, device);
    return state;
  } finally {
    device.close();
  }
}

function onlyOrigin(trustRoot: TrustRoot): string {
  const origins = [...new Set(resolveTrustRoot(trustRoot).logs.map(({ name }) => name))];
  if (origins.length === 1) return origins[0] as string;
  throw new CliError(
    'site-origin',
    `the trust root names ${origins.length} logs; say which with --origin: ${origins.join(', ')}`,
    EXIT.usage,
  );
}

async function recover(folder: string, device: SiteDevice): Promise<SiteState> {
  const { current, next } = await readSiteStates(folder, device);
  if (next !== undefined) await device.increment();
  const state = next ?? current;
  await rm(join(folder, 'incoming'), { recursive: true, force: true });
  for (const name of await readdir(join(folder, 'imports')).catch(() => [])) {
    if (Number(name) > state.counter) {
      await rm(join(folder, 'imports', name), { recursive: true, force: true });
    }
  }
  return state;
}
