import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyAcknowledgement, type Acknowledgement } from '@touchstone/airgap';
import { Atecc608Session } from '@touchstone/atecc608';
import {
  envelopeRequest,
  rebuildStatement,
  signEnvelope,
  type TrustRoot,
} from '@touchstone/attest';
import { generateKey, nodeVerifier, type PrivateKey } from '@touchstone/keys';
import { toBase64, type Signer } from '@touchstone/note';
import { expect } from 'vitest';
import { parseDeviceAddress } from '../device/device-address.js';
import { openTransport } from '../device/device-transport.js';
import { planProvisioning, provision } from '../device/provision.js';
import { startSimulator, type Simulator } from '../device/simulator.js';
import { ORIGIN, sha256Hex, TestLog } from '../monitor/log.fixture.js';
import { lastAcknowledgement } from './acknowledge.js';
import { planExport, writeExport, type Export } from './export-bundle.js';
import { importBundle } from './import-bundle.js';
import type { SiteRecord } from './site-record.js';
import { openDevice, type SiteSettings } from './site-settings.js';
import { makeSite, Site } from './site.js';

const exporter = generateKey('ecdsa-p256-sha256');
const rebuilders = [
  { id: 'acme', organisation: 'Acme', key: generateKey('ecdsa-p256-sha256') },
  { id: 'birch', organisation: 'Birch', key: generateKey('ed25519') },
] as const;

/** A key as trust roots name it. */
export const enrolled = ({ publicKey }: Signer) =>
  ({ algorithm: publicKey.algorithm as 'ed25519', spki: toBase64(publicKey.spki) }) as const;

/** The code that a piece of work failed with; `done` when it did not. */
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  );

export interface Standing {
  readonly counter: number;
  readonly spent: number;
  readonly imports: readonly string[];
}

export const NOTHING: Standing = { counter: 0, spent: 0, imports: [] };
export const ONCE: Standing = { counter: 1, spent: 1, imports: ['1'] };

/** A log, and a site called hut with a chip of its own, made anew by {@link newSite}. */
export class SiteStand {
  readonly exporter = exporter;
  folder = '';
  settings!: SiteSettings;
  #chip: Simulator | undefined;
  #sites = 0;

  private constructor(
    readonly log: TestLog,
    readonly home: string,
  ) {}

  static async start(): Promise<SiteStand> {
    const log = await TestLog.start({ LOG_MAP: 'off' });
    const stand = new SiteStand(log, await mkdtemp(join(tmpdir(), 'airgap-')));
    await stand.reproduce('first');
    return stand;
  }

  async close(): Promise<void> {
    await this.#chip?.close();
    await this.log.remove();
    await rm(this.home, { recursive: true, force: true });
  }

  /** A chip that is provisioned as an operator does it, and a site that it seals. */
  async newSite(): Promise<void> {
    await this.#chip?.close();
    const name = String(this.#sites++);
    await this.startChip(name);
    const transport = await openTransport(parseDeviceAddress(this.chipAddress));
    await provision(transport, await planProvisioning(new Atecc608Session(transport)));
    transport.close();
    this.folder = join(this.home, `site-${name}`);
    this.settings = {
      schema: 'https://touchstone.dev/airgap-site-settings/v1',
      device: { kind: 'chip', address: this.chipAddress, slot: 0 },
      accept: ['UNWITNESSED'],
    };
    const { folder, settings, trustRoot } = this;
    await makeSite({ folder, site: 'hut', trustRoot, settings });
  }

  get chipAddress(): string {
    return this.#chip?.address ?? '';
  }

  /** Takes the power from the chip, changes what it remembers, and gives it power again. */
  async rewriteChip(change: (image: Buffer) => void): Promise<void> {
    const name = String(this.#sites - 1);
    await this.#chip?.close();
    const file = this.#eeprom(name);
    const image = await readFile(file);
    change(image);
    await writeFile(file, image);
    await this.startChip(name);
  }

  private async startChip(name: string): Promise<void> {
    const path = join(this.home, `${name}.sock`);
    this.#chip = await startSimulator({
      listen: { kind: 'unix', path },
      stateFile: this.#eeprom(name),
    });
  }

  #eeprom(name: string): string {
    return join(this.home, `${name}.eeprom`);
  }

  get trustRoot(): TrustRoot {
    return {
      schema: 'https://touchstone.dev/trust-root/v1',
      version: 1,
      logs: [{ origin: ORIGIN, vkey: this.log.vkeyText }],
      rebuilders: rebuilders.map(({ id, organisation, key }) => ({
        id,
        organisation,
        keys: [enrolled(key)],
      })),
      policy: { quorum: 2 },
      exporters: [{ algorithm: 'ecdsa-p256-sha256', spki: toBase64(exporter.publicKey.spki) }],
    };
  }

  /** Both rebuilders log that they reproduced a module, or whoever else. */
  async reproduce(
    module: string,
    by: readonly { readonly key: PrivateKey }[] = rebuilders,
  ): Promise<void> {
    const digest = { sha256: sha256Hex(module) };
    const file = { digest, size: module.length };
    for (const { key } of by) {
      const statement = rebuildStatement({
        outcome: 'reproduced',
        artifact: {
          uri: `pkg:npm/${module}@1.0.0`,
          digest: { sha512: sha256Hex(module).repeat(2) },
        },
        recipe: { digest: { sha256: sha256Hex(`recipe of ${module}`) } },
        modules: [
          {
            ...{ name: 'main', outcome: 'reproduced', normalisations: [] },
            ...{ claimed: file, observed: file },
          },
        ],
        environment: { sandbox: 'spec', architecture: 'x86_64', network: 'none', variables: {} },
        startedOn: '2026-11-01T00:00:00Z',
        finishedOn: '2026-11-01T00:00:01Z',
      });
      const envelope = await signEnvelope(statement, key);
      const { request, attestation } = envelopeRequest(envelope, key.publicKey);
      if (attestation) {
        await fetch(`${this.log.url}/v1/attestations/sha256:${attestation.sha256}`, {
          method: 'PUT',
          headers: { 'content-type': 'application/octet-stream' },
          body: new Uint8Array(attestation.bytes),
        });
      }
      const answer = await fetch(`${this.log.url}/api/v2/log/entries`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      });
      expect(answer.status).toBe(201);
    }
  }

  record(acknowledgement?: Acknowledgement): SiteRecord {
    return {
      schema: 'https://touchstone.dev/airgap-site/v1',
      site: 'hut',
      trustRootVersion: 1,
      counter: 0,
      ...(acknowledgement && { acknowledgement }),
    };
  }

  async exportTo(
    name: string,
    site = this.record(),
    proof: 'prefix' | 'frontier' = 'prefix',
  ): Promise<string> {
    const file = join(this.home, name);
    await writeExport(await this.plan('delta', site, proof), file, { exporter });
    return file;
  }

  plan(
    selection: 'delta' | 'policy',
    site = this.record(),
    proof: 'prefix' | 'frontier' = 'prefix',
  ): Promise<Export> {
    const { log, trustRoot } = this;
    return planExport({ logUrl: log.url, trustRoot, site, proof, artifacts: [], selection });
  }

  /** Where the site stands, by its state, its folder and its device. */
  standing(): Promise<Standing> {
    return this.withSite(async (site) => ({
      counter: site.state.counter,
      spent: await site.device.counter(),
      imports: await readdir(join(this.folder, 'imports')).catch(() => []),
    }));
  }

  /** What comes of an import: `done`, or the code that it is refused with. */
  importing(file: string): Promise<string> {
    return codeOf(this.withSite((site) => importBundle(site, file)));
  }

  async withSite<T>(work: (site: Site) => Promise<T>, connect = openDevice): Promise<T> {
    const site = await Site.open(this.folder, connect);
    try {
      return await work(site);
    } finally {
      await site.close();
    }
  }
}

/** What the site acknowledges, the same in both forms. */
export async function acknowledged(site: Site): Promise<Acknowledgement> {
  const { compact, envelope } = await lastAcknowledgement(site);
  const key = site.device.signer.publicKey;
  const said = await verifyAcknowledgement(new Uint8Array(compact), key, nodeVerifier);
  expect(await verifyAcknowledgement(JSON.parse(envelope), key, nodeVerifier)).toEqual(said);
  return said;
}
