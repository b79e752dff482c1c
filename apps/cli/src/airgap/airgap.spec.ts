import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  followAcknowledgement,
  verifyAcknowledgement,
  type Acknowledgement,
} from '@touchstone/airgap';
import { Atecc608Session } from '@touchstone/atecc608';
import {
  rebuildStatement,
  signEnvelope,
  envelopeRequest,
  type TrustRoot,
} from '@touchstone/attest';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { toBase64, type Signer } from '@touchstone/note';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { planProvisioning, provision } from '../device/provision.js';
import { startSimulator, type Simulator } from '../device/simulator.js';
import type { SiteDevice } from '../device/site-device.js';
import { parseDeviceAddress } from '../device/device-address.js';
import { openTransport } from '../device/device-transport.js';
import { ORIGIN, sha256Hex, TestLog } from '../monitor/log.fixture.js';
import { lastAcknowledgement, lastReport } from './acknowledge.js';
import { planExport, writeExport } from './export-bundle.js';
import { checkBundle, importBundle } from './import-bundle.js';
import { joinParts, splitFile } from './media.js';
import type { SiteRecord } from './site-record.js';
import { openDevice, type SiteSettings } from './site-settings.js';
import { makeSite, Site } from './site.js';
import { vouch } from './votes.js';

const exporter = generateKey('ecdsa-p256-sha256');
const rebuilders = [
  { id: 'acme', organisation: 'Acme', key: generateKey('ecdsa-p256-sha256') },
  { id: 'birch', organisation: 'Birch', key: generateKey('ed25519') },
] as const;

let log: TestLog;
let home: string;
let folder: string;
let chip: Simulator | undefined;
let settings: SiteSettings;
let next = 0;

const enrolled = ({ publicKey }: Signer) =>
  ({ algorithm: publicKey.algorithm as 'ed25519', spki: toBase64(publicKey.spki) }) as const;

const trustRoot = (): TrustRoot => ({
  schema: 'https://touchstone.dev/trust-root/v1',
  version: 1,
  logs: [{ origin: ORIGIN, vkey: log.vkeyText }],
  rebuilders: rebuilders.map(({ id, organisation, key }) => ({
    id,
    organisation,
    keys: [enrolled(key)],
  })),
  policy: { quorum: 2 },
  exporters: [{ algorithm: 'ecdsa-p256-sha256', spki: toBase64(exporter.publicKey.spki) }],
});

/** Both rebuilders log that they reproduced a module. */
async function reproduce(module: string): Promise<void> {
  const digest = { sha256: sha256Hex(module) };
  const file = { digest, size: module.length };
  for (const { key } of rebuilders) {
    const statement = rebuildStatement({
      outcome: 'reproduced',
      artifact: { uri: `pkg:npm/${module}@1.0.0`, digest: { sha512: sha256Hex(module).repeat(2) } },
      recipe: { digest: { sha256: sha256Hex(`recipe of ${module}`) } },
      modules: [
        { name: 'main', outcome: 'reproduced', claimed: file, observed: file, normalisations: [] },
      ],
      environment: { sandbox: 'spec', architecture: 'x86_64', network: 'none', variables: {} },
      startedOn: '2026-11-01T00:00:00Z',
      finishedOn: '2026-11-01T00:00:01Z',
    });
    const envelope = await signEnvelope(statement, key);
    const { request, attestation } = envelopeRequest(envelope, key.publicKey);
    if (attestation) {
      await fetch(`${log.url}/v1/attestations/sha256:${attestation.sha256}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: new Uint8Array(attestation.bytes),
      });
    }
    const answer = await fetch(`${log.url}/api/v2/log/entries`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    expect(answer.status).toBe(201);
  }
}

const record = (acknowledgement?: Acknowledgement): SiteRecord => ({
  schema: 'https://touchstone.dev/airgap-site/v1',
  site: 'hut',
  trustRootVersion: 1,
  counter: 0,
  ...(acknowledgement && { acknowledgement }),
});

async function exportTo(
  name: string,
  site = record(),
  proof: 'prefix' | 'frontier' = 'prefix',
): Promise<string> {
  const request = { logUrl: log.url, trustRoot: trustRoot(), site, proof, artifacts: [] };
  const file = join(home, name);
  await writeExport(await planExport({ ...request, selection: 'delta' }), file, { exporter });
  return file;
}

async function withSite<T>(work: (site: Site) => Promise<T>, connect = openDevice): Promise<T> {
  const site = await Site.open(folder, connect);
  try {
    return await work(site);
  } finally {
    await site.close();
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  );

async function acknowledged(site: Site): Promise<Acknowledgement> {
  const { compact, envelope } = await lastAcknowledgement(site);
  const key = site.device.signer.publicKey;
  const said = await verifyAcknowledgement(new Uint8Array(compact), key, nodeVerifier);
  expect(await verifyAcknowledgement(JSON.parse(envelope), key, nodeVerifier)).toEqual(said);
  return said;
}

beforeAll(async () => {
  log = await TestLog.start({ LOG_MAP: 'off' });
  await reproduce('first');
  home = await mkdtemp(join(tmpdir(), 'airgap-'));
}, 60_000);

afterAll(async () => {
  await chip?.close();
  await log.remove();
  await rm(home, { recursive: true, force: true });
});

/** A new chip for each test, provisioned as an operator does it, and a new site. */
beforeEach(async () => {
  await chip?.close();
  const name = String(next++);
  chip = await startSimulator({ listen: { kind: 'unix', path: join(home, `${name}.sock`) } });
  const transport = await openTransport(parseDeviceAddress(chip.address));
  await provision(transport, await planProvisioning(new Atecc608Session(transport)));
  transport.close();
  folder = join(home, `site-${name}`);
  settings = {
    schema: 'https://touchstone.dev/airgap-site-settings/v1',
    device: { kind: 'chip', address: chip.address, slot: 0 },
    accept: ['UNWITNESSED'],
  };
  await makeSite({ folder, site: 'hut', trustRoot: trustRoot(), settings });
});

describe('a site without a network', () => {
  it('imports, answers for artifacts, and acknowledges; its next delta follows', async () => {
    const file = await exportTo('one.tar');
    const module = join(home, 'first.wasm');
    await writeFile(module, 'first');
    const first = await withSite(async (site) => {
      expect(await checkBundle(site, file)).toMatchObject({
        verdict: 'UNWITNESSED',
        installed: false,
      });
      expect(await importBundle(site, file)).toMatchObject({ installed: true, counter: 1 });
      return 'installed';
    });
    expect(first).toBe('installed');
    const ack = await withSite(async (site) => {
      const found = await vouch([sha256Hex('first')], await site.imports(), site.state);
      expect(found).toMatchObject([{ verdict: 'reproduced', uri: 'pkg:npm/first@1.0.0' }]);
      expect(await vouch([sha256Hex('other')], await site.imports(), site.state)).toEqual([]);
      const [acme, ...others] = trustRoot().rebuilders;
      const keys = acme!.keys.map((key) => ({ ...key, retired: [] }));
      const later = { ...trustRoot(), rebuilders: [{ ...acme!, keys }, ...others] };
      const retired = { origin: ORIGIN, trustRoot: later };
      expect(await vouch([sha256Hex('first')], await site.imports(), retired)).toMatchObject([
        { verdict: 'insufficient' },
      ]);
      return acknowledged(site);
    });
    expect(ack).toMatchObject({ counter: 1, site: 'hut', verdict: 'UNWITNESSED' });
    const second = `second-${next}`;
    await reproduce(second);
    for (const proof of ['prefix', 'frontier'] as const) {
      const delta = await exportTo(`delta-${proof}.tar`, record(ack), proof);
      await withSite(async (site) => {
        expect(await checkBundle(site, delta)).toMatchObject({ from: ack.checkpoint.size });
      });
    }
    await withSite(async (site) => {
      await importBundle(site, join(home, 'delta-frontier.tar'));
    });
    const later = await withSite(acknowledged);
    expect(() => followAcknowledgement(ack, later)).not.toThrow();
    await withSite(async (site) => {
      const found = await vouch([sha256Hex(second)], await site.imports(), site.state);
      expect(found).toMatchObject([{ verdict: 'reproduced' }]);
    });
  });

  it('installs nothing that it does not accept, and spends no step of its counter', async () => {
    const file = await exportTo('strict.tar');
    await withSite((site) => site.decide({ ...settings, accept: [] }));
    await withSite(async (site) => {
      expect(await importBundle(site, file)).toMatchObject({
        verdict: 'UNWITNESSED',
        installed: false,
      });
      expect(await site.device.counter()).toBe(0);
    });
    expect((await readdir(folder)).sort()).toEqual(['site.json', 'state-0.json']);
  });

  it('takes parts in any order, and says which are missing', async () => {
    const file = await exportTo('parted.tar');
    const parts = await splitFile(file, join(home, 'parts'), 4096);
    expect(parts.length).toBeGreaterThan(3);
    const joined = join(home, 'joined.tar');
    const [lost, ...others] = parts as [string, ...string[]];
    expect(await joinParts(others.reverse(), joined)).toMatchObject({ missing: [0] });
    expect(await joinParts([lost, ...others], joined)).toEqual({
      count: parts.length,
      missing: [],
      damaged: [],
    });
    expect(await readFile(joined)).toEqual(await readFile(file));
    const bytes = await readFile(lost);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(lost, bytes);
    expect(await joinParts([join(home, 'parts')], joined)).toMatchObject({
      missing: [0],
      damaged: [{ path: lost }],
    });
  });
});

describe('what no witness says', () => {
  it('is when it was, where the policy asks for none', async () => {
    const witnessPolicy = 'quorum none\n';
    await withSite((site) => site.decide({ ...settings, accept: ['NO-TIME'], witnessPolicy }));
    const file = await exportTo('untimed.tar');
    await withSite(async (site) => {
      expect(await importBundle(site, file)).toMatchObject({ verdict: 'NO-TIME', installed: true });
    });
  });
});

describe('a power cut', () => {
  const failing =
    (at: string) =>
    async (...args: Parameters<typeof openDevice>): Promise<SiteDevice> => {
      const device = await openDevice(...args);
      let signed = 0;
      const cut = (): never => {
        throw Object.assign(new Error('power lost'), { code: 'power' });
      };
      return {
        serial: device.serial,
        signer: {
          publicKey: device.signer.publicKey,
          sign: (message) => (at === `signature ${++signed}` ? cut() : device.signer.sign(message)),
        },
        counter: () => device.counter(),
        increment: async () => {
          if (at === 'before the step') cut();
          await device.increment();
          if (at === 'after the step') cut();
        },
        verifies: (...claim) => (at === 'the check' ? cut() : device.verifies(...claim)),
        close: () => device.close(),
      };
    };

  it.each([
    ['the check', 0],
    ['signature 1', 0],
    ['before the step', 1],
    ['after the step', 1],
    ['signature 2', 1],
    ['signature 3', 1],
  ])('at %s leaves %i import', async (at, imports) => {
    const file = await exportTo('cut.tar');
    expect(await codeOf(withSite((site) => importBundle(site, file), failing(at)))).toBe('power');
    await withSite(async (site) => {
      expect(site.state.counter).toBe(imports);
      expect(await site.device.counter()).toBe(imports);
      expect(await site.imports()).toHaveLength(imports);
      if (imports === 0) {
        expect(await importBundle(site, file)).toMatchObject({ installed: true, counter: 1 });
      }
    });
    await withSite(async (site) => expect(await acknowledged(site)).toMatchObject({ counter: 1 }));
  });
});

describe('what is found out', () => {
  it('an old disk image', async () => {
    await cp(folder, `${folder}-old`, { recursive: true });
    const file = await exportTo('rolled.tar');
    await withSite((site) => importBundle(site, file));
    await rm(folder, { recursive: true });
    await cp(`${folder}-old`, folder, { recursive: true });
    expect(await codeOf(withSite((site) => importBundle(site, file)))).toBe('state-rollback');
  });

  it('a state that somebody wrote, and an import that somebody changed', async () => {
    const file = await exportTo('forged.tar');
    await withSite((site) => importBundle(site, file));
    const votes = join(folder, 'imports/1/recipes');
    const [name] = await readdir(votes);
    await writeFile(join(votes, name!), '');
    await withSite(async (site) => {
      expect(await codeOf(vouch([sha256Hex('first')], await site.imports(), site.state))).toBe(
        'site-damaged',
      );
    });
    await withSite(async (site) => {
      expect(await lastReport(site)).toMatchObject({ counter: 1 });
      await writeFile(join(folder, 'imports/1/report.json'), '{"verdict":"OK"}');
      expect(await codeOf(lastReport(site))).toBe('site-damaged');
    });
    const state = await readFile(join(folder, 'state-1.json'), 'utf8');
    await writeFile(join(folder, 'state-1.json'), state.replace('"quorum":2', '"quorum":1'));
    expect(await codeOf(withSite(acknowledged))).toBe('state-seal');
  });

  it('another chip', async () => {
    const other = await startSimulator({
      listen: { kind: 'unix', path: join(home, 'other.sock') },
    });
    const transport = await openTransport(parseDeviceAddress(other.address));
    await provision(transport, await planProvisioning(new Atecc608Session(transport)));
    expect(await codeOf(planProvisioning(new Atecc608Session(transport)))).toBe('device-locked');
    transport.close();
    const device = { ...settings.device, address: other.address };
    await writeFile(join(folder, 'site.json'), JSON.stringify({ ...settings, device }));
    expect(await codeOf(withSite(acknowledged))).toBe('state-seal');
    await other.close();
    expect(await codeOf(withSite(acknowledged))).toBe('device');
  });

  it('an unlocked chip', async () => {
    const open = await startSimulator({ listen: { kind: 'unix', path: join(home, 'open.sock') } });
    const device = { ...settings.device, address: open.address };
    await writeFile(join(folder, 'site.json'), JSON.stringify({ ...settings, device }));
    expect(await codeOf(withSite(acknowledged))).toBe('device-unlocked');
    await open.close();
  });

  it('a log that forked: by the site, and by the exporter', async () => {
    const file = await exportTo('before.tar');
    await withSite((site) => importBundle(site, file));
    const ack = await withSite(acknowledged);
    const forged = { ...ack, checkpoint: { ...ack.checkpoint, root: 'ab'.repeat(32) } };
    expect(await codeOf(exportTo('forked.tar', record(forged)))).toBe('acknowledgement-fork');
    const larger = { ...ack, checkpoint: { ...ack.checkpoint, size: 10_000 } };
    expect(await codeOf(exportTo('forked.tar', record(larger)))).toBe('acknowledgement-fork');
  });
});
