import { cp, readdir, stat, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { followAcknowledgement } from '@touchstone/airgap';
import { Atecc608Session } from '@touchstone/atecc608';
import { generateKey } from '@touchstone/keys';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { planProvisioning, provision } from '../device/provision.js';
import { startSimulator } from '../device/simulator.js';
import type { SiteDevice } from '../device/site-device.js';
import { parseDeviceAddress } from '../device/device-address.js';
import { openTransport } from '../device/device-transport.js';
import { ORIGIN, sha256Hex } from '../monitor/log.fixture.js';
import { lastReport } from './acknowledge.js';
import { measureExport, writeExport } from './export-bundle.js';
import { checkBundle, importBundle } from './import-bundle.js';
import { joinParts, splitFile } from './media.js';
import { openDevice } from './site-settings.js';
import { acknowledged, codeOf, SiteStand } from './site-stand.fixture.js';
import { vouch } from './votes.js';

let stand: SiteStand;
let next = 0;

beforeAll(async () => {
  stand = await SiteStand.start();
}, 60_000);
afterAll(() => stand.close());
beforeEach(async () => {
  next++;
  await stand.newSite();
});

describe('a site without a network', () => {
  it('imports, answers for artifacts, and acknowledges; its next delta follows', async () => {
    const file = await stand.exportTo('one.tar');
    const module = join(stand.home, 'first.wasm');
    await writeFile(module, 'first');
    const first = await stand.withSite(async (site) => {
      expect(await checkBundle(site, file)).toMatchObject({
        verdict: 'UNWITNESSED',
        installed: false,
      });
      expect(await importBundle(site, file)).toMatchObject({ installed: true, counter: 1 });
      return 'installed';
    });
    expect(first).toBe('installed');
    const ack = await stand.withSite(async (site) => {
      const found = await vouch([sha256Hex('first')], await site.imports(), site.state);
      expect(found).toMatchObject([{ verdict: 'reproduced', uri: 'pkg:npm/first@1.0.0' }]);
      expect(await vouch([sha256Hex('other')], await site.imports(), site.state)).toEqual([]);
      const [acme, ...others] = stand.trustRoot.rebuilders;
      const keys = acme!.keys.map((key) => ({ ...key, retired: [] }));
      const later = { ...stand.trustRoot, rebuilders: [{ ...acme!, keys }, ...others] };
      const retired = { origin: ORIGIN, trustRoot: later };
      expect(await vouch([sha256Hex('first')], await site.imports(), retired)).toMatchObject([
        { verdict: 'insufficient' },
      ]);
      return acknowledged(site);
    });
    expect(ack).toMatchObject({ counter: 1, site: 'hut', verdict: 'UNWITNESSED' });
    const second = `second-${next}`;
    await stand.reproduce(second);
    for (const proof of ['prefix', 'frontier'] as const) {
      const delta = await stand.exportTo(`delta-${proof}.tar`, stand.record(ack), proof);
      await stand.withSite(async (site) => {
        expect(await checkBundle(site, delta)).toMatchObject({ from: ack.checkpoint.size });
      });
    }
    await stand.withSite(async (site) => {
      await importBundle(site, join(stand.home, 'delta-frontier.tar'));
    });
    const later = await stand.withSite(acknowledged);
    expect(() => followAcknowledgement(ack, later)).not.toThrow();
    await stand.withSite(async (site) => {
      const found = await vouch([sha256Hex(second)], await site.imports(), site.state);
      expect(found).toMatchObject([{ verdict: 'reproduced' }]);
    });
  });

  it('is told beforehand how large an export will be, to the byte', async () => {
    const { bytes } = await measureExport(await stand.plan('delta'), true);
    expect((await stat(await stand.exportTo('measured.tar'))).size).toBe(bytes);
  });

  it('may be brought what its policy can count, and nothing else', async () => {
    await stand.reproduce('by-nobody', [{ key: generateKey('ecdsa-p256-sha256') }]);
    const planned = await stand.plan('policy');
    const all = await stand.plan('delta');
    expect(all.header.entries - planned.header.entries).toBe(1);
    const file = join(stand.home, 'by-policy.tar');
    await writeExport(planned, file, { exporter: stand.exporter });
    await stand.withSite(async (site) => {
      const { counts } = await importBundle(site, file);
      expect(counts).toMatchObject({ statements: planned.header.entries, foreign: 0, unread: 0 });
      expect(site.state.checkpoint.size).toBe(0);
    });
    expect(await stand.withSite(acknowledged)).toMatchObject({
      checkpoint: { size: all.header.size },
    });
  });

  it('installs nothing that it does not accept, and spends no step of its counter', async () => {
    const file = await stand.exportTo('strict.tar');
    await stand.withSite((site) => site.decide({ ...stand.settings, accept: [] }));
    await stand.withSite(async (site) => {
      expect(await importBundle(site, file)).toMatchObject({
        verdict: 'UNWITNESSED',
        installed: false,
      });
      expect(await site.device.counter()).toBe(0);
    });
    expect((await readdir(stand.folder)).sort()).toEqual(['site.json', 'state-0.json']);
  });

  it('takes parts in any order, and says which are missing', async () => {
    const file = await stand.exportTo('parted.tar');
    const parts = await splitFile(file, join(stand.home, 'parts'), 4096);
    expect(parts.length).toBeGreaterThan(3);
    const joined = join(stand.home, 'joined.tar');
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
    expect(await joinParts([join(stand.home, 'parts')], joined)).toMatchObject({
      missing: [0],
      damaged: [{ path: lost }],
    });
  });
});

describe('what no witness says', () => {
  it('is when it was, where the policy asks for none', async () => {
    const witnessPolicy = 'quorum none\n';
    await stand.withSite((site) =>
      site.decide({ ...stand.settings, accept: ['NO-TIME'], witnessPolicy }),
    );
    const file = await stand.exportTo('untimed.tar');
    await stand.withSite(async (site) => {
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
    const file = await stand.exportTo('cut.tar');
    expect(await codeOf(stand.withSite((site) => importBundle(site, file), failing(at)))).toBe(
      'power',
    );
    await stand.withSite(async (site) => {
      expect(site.state.counter).toBe(imports);
      expect(await site.device.counter()).toBe(imports);
      expect(await site.imports()).toHaveLength(imports);
      if (imports === 0) {
        expect(await importBundle(site, file)).toMatchObject({ installed: true, counter: 1 });
      }
    });
    await stand.withSite(async (site) =>
      expect(await acknowledged(site)).toMatchObject({ counter: 1 }),
    );
  });
});

describe('what is found out', () => {
  it('an old disk image', async () => {
    await cp(stand.folder, `${stand.folder}-old`, { recursive: true });
    const file = await stand.exportTo('rolled.tar');
    await stand.withSite((site) => importBundle(site, file));
    await rm(stand.folder, { recursive: true });
    await cp(`${stand.folder}-old`, stand.folder, { recursive: true });
    expect(await codeOf(stand.withSite((site) => importBundle(site, file)))).toBe('state-rollback');
  });

  it('a state that somebody wrote, and an import that somebody changed', async () => {
    const file = await stand.exportTo('forged.tar');
    await stand.withSite((site) => importBundle(site, file));
    const votes = join(stand.folder, 'imports/1/recipes');
    const [name] = await readdir(votes);
    await writeFile(join(votes, name!), '');
    await stand.withSite(async (site) => {
      expect(await codeOf(vouch([sha256Hex('first')], await site.imports(), site.state))).toBe(
        'site-damaged',
      );
    });
    await stand.withSite(async (site) => {
      expect(await lastReport(site)).toMatchObject({ counter: 1 });
      await writeFile(join(stand.folder, 'imports/1/report.json'), '{"verdict":"OK"}');
      expect(await codeOf(lastReport(site))).toBe('site-damaged');
    });
    const state = await readFile(join(stand.folder, 'state-1.json'), 'utf8');
    await writeFile(join(stand.folder, 'state-1.json'), state.replace('"quorum":2', '"quorum":1'));
    expect(await codeOf(stand.withSite(acknowledged))).toBe('state-seal');
  });

  it('another chip', async () => {
    const other = await startSimulator({
      listen: { kind: 'unix', path: join(stand.home, 'other.sock') },
    });
    const transport = await openTransport(parseDeviceAddress(other.address));
    await provision(transport, await planProvisioning(new Atecc608Session(transport)));
    expect(await codeOf(planProvisioning(new Atecc608Session(transport)))).toBe('device-locked');
    transport.close();
    const device = { ...stand.settings.device, address: other.address };
    await writeFile(join(stand.folder, 'site.json'), JSON.stringify({ ...stand.settings, device }));
    expect(await codeOf(stand.withSite(acknowledged))).toBe('state-seal');
    await other.close();
    expect(await codeOf(stand.withSite(acknowledged))).toBe('device');
  });

  it('an unlocked chip', async () => {
    const open = await startSimulator({
      listen: { kind: 'unix', path: join(stand.home, 'open.sock') },
    });
    const device = { ...stand.settings.device, address: open.address };
    await writeFile(join(stand.folder, 'site.json'), JSON.stringify({ ...stand.settings, device }));
    expect(await codeOf(stand.withSite(acknowledged))).toBe('device-unlocked');
    await open.close();
  });

  it('a log that forked: by the site, and by the exporter', async () => {
    const file = await stand.exportTo('before.tar');
    await stand.withSite((site) => importBundle(site, file));
    const ack = await stand.withSite(acknowledged);
    const forged = { ...ack, checkpoint: { ...ack.checkpoint, root: 'ab'.repeat(32) } };
    expect(await codeOf(stand.exportTo('forked.tar', stand.record(forged)))).toBe(
      'acknowledgement-fork',
    );
    const larger = { ...ack, checkpoint: { ...ack.checkpoint, size: 10_000 } };
    expect(await codeOf(stand.exportTo('forked.tar', stand.record(larger)))).toBe(
      'acknowledgement-fork',
    );
  });
});
