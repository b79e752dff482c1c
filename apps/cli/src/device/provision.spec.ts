import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Atecc608Session,
  ChipModel,
  ModelTransport,
  OPCODE,
  seededRandom,
  verifyStored,
  writePublicKey,
} from '@touchstone/atecc608';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { rawPublicKey, type PublicKey } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { p256Raw } from './provision.fixture.js';
import { readChipCertificate, verifyDeviceCertificate } from './device-certificate.js';
import { SLOT, trustExporter } from './device-slots.js';
import { openTransport } from './device-transport.js';
import { planProvisioning, provision, type Authority } from './provision.js';
import { startSimulator } from './simulator.js';
import { ChipDevice } from './site-device.js';

const ca = generateKey('ecdsa-p256-sha256');
const exporter = generateKey('ecdsa-p256-sha256');
const stranger = generateKey('ecdsa-p256-sha256');
const authority: Authority = {
  organisation: 'Acme',
  signer: ca,
  exporters: [exporter.publicKey],
  now: Date.UTC(2026, 10, 29, 8, 30),
};
const MESSAGE = Buffer.from('header and checkpoint');

const chip = (): ChipModel => new ChipModel({ random: seededRandom(Uint8Array.of(7)) });

async function provisioned(model = chip()) {
  const transport = new ModelTransport(model);
  const session = new Atecc608Session(transport);
  const done = await provision(transport, await planProvisioning(session, authority));
  return { model, transport, session, done };
}

async function believes(session: Atecc608Session, slot: number, by: typeof ca): Promise<unknown> {
  const { digest, signature } = p256Raw(MESSAGE, by.sign(MESSAGE));
  return verifyStored(session, digest, signature, slot).catch(
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('a chip that its organisation provisioned', () => {
  it('gives back its certificate, which names it and its key', async () => {
    const { session, done } = await provisioned();
    const der = await readChipCertificate(session);
    expect(der).toEqual(done.certificate);
    const serial = Buffer.from(await session.serialNumber()).toString('hex');
    expect(verifyDeviceCertificate(der, ca.publicKey)).toEqual({ key: done.key, serial });
    const parsed = new X509Certificate(der);
    expect(parsed.subject).toBe(`O=Acme\nCN=sn${serial.toUpperCase()}`);
    expect(parsed.validFrom).toBe('Nov 29 08:00:00 2026 GMT');
    expect(new Date(parsed.validTo).getUTCFullYear()).toBe(9999);
    expect(parsed.ca).toBe(false);
  });

  it.each<[string, (der: Uint8Array) => [Uint8Array, PublicKey]]>([
    ['another authority', (der) => [der, stranger.publicKey]],
    [
      'one bit more or less',
      (der) => [der.map((byte, at) => (at === 200 ? byte ^ 1 : byte)), ca.publicKey],
    ],
    ['half of it', (der) => [der.subarray(0, 100), ca.publicKey]],
  ])('is not certified by %s', async (_, change) => {
    const { done } = await provisioned();
    const [der, key] = change(done.certificate as Uint8Array);
    expect(() => verifyDeviceCertificate(der, key)).toThrow(
      expect.objectContaining({ code: 'device-certificate' }),
    );
  });

  it('believes the exporters whom the organisation vouched for in it, and no others', async () => {
    const { session } = await provisioned();
    const [first, second] = SLOT.exporters;
    expect(await believes(session, first, exporter)).toBe(true);
    expect(await believes(session, first, stranger)).toBe(false);
    expect(await believes(session, second, exporter)).toBe('execution');
    // Anyone may write the slot, and nothing comes of it.
    await writePublicKey(session, first, rawPublicKey(stranger.publicKey).slice(1));
    expect(await believes(session, first, stranger)).toBe('execution');
    await expect(trustExporter(session, first, stranger.publicKey, stranger)).rejects.toMatchObject(
      { code: 'device-authority' },
    );
    expect(await believes(session, first, stranger)).toBe('execution');
    await trustExporter(session, second, stranger.publicKey, ca);
    expect(await believes(session, second, stranger)).toBe(true);
  });

  it.each([
    ['its key', (session: Atecc608Session) => session.command(OPCODE.genKey, 4, SLOT.deviceKey)],
    [
      'its certificate',
      (session: Atecc608Session) => session.writeSlot(SLOT.certificate, new Uint8Array(72)),
    ],
    [
      'its trust anchor',
      (session: Atecc608Session) =>
        writePublicKey(session, SLOT.authority, rawPublicKey(stranger.publicKey).slice(1)),
    ],
    ['what is closed', (session: Atecc608Session) => session.writeSlot(5, new Uint8Array(32))],
  ])('keeps %s for good', async (_, work) => {
    const { session } = await provisioned();
    await expect(work(session)).rejects.toMatchObject({ code: 'execution' });
  });

  it('is not provisioned twice, nor by another plan', async () => {
    const { session } = await provisioned();
    await expect(planProvisioning(session, authority)).rejects.toMatchObject({
      code: 'device-locked',
    });
    const open = new Atecc608Session(new ModelTransport(chip()));
    const plan = await planProvisioning(open);
    await open.writeConfiguration(plan.configuration);
    await open.lockConfiguration(plan.configuration);
    await expect(planProvisioning(open, authority)).rejects.toMatchObject({
      code: 'device-locked',
    });
    expect(await planProvisioning(open)).toMatchObject({ locked: 'configuration' });
  });

  it('is gone on with after a power cut at any write before the data zone is locked', async () => {
    for (let cut = 40; cut < 440; cut += 23) {
      let writes = 0;
      const model = new ChipModel({
        random: seededRandom(Uint8Array.of(7)),
        onWrite: () => ++writes !== cut,
      });
      const first = await provisioned(model).catch((error: unknown) => error);
      if (!(first instanceof Error)) continue;
      const session = new Atecc608Session(new ModelTransport(model));
      if ((await session.lockState()).data) continue;
      const again = await provisioned(model);
      expect(await readChipCertificate(session)).toEqual(again.done.certificate);
      expect(await believes(session, SLOT.exporters[0], exporter)).toBe(true);
    }
  });

  it.each<[string, Partial<Authority>]>([
    ['no name', { organisation: '' }],
    ['a name longer than its place', { organisation: 'ü'.repeat(25) }],
    ['a key of another kind', { signer: generateKey('ed25519') }],
    ['three exporters', { exporters: [ca, exporter, stranger].map((key) => key.publicKey) }],
  ])('is not planned with %s', async (_, change) => {
    const session = new Atecc608Session(new ModelTransport(chip()));
    await expect(planProvisioning(session, { ...authority, ...change })).rejects.toMatchObject({
      code: 'device-authority',
    });
  });

  it('checks an exporter itself, as a site asks it to', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'provision-'));
    const path = join(dir, 'chip.sock');
    const simulator = await startSimulator({ listen: { kind: 'unix', path } });
    try {
      const transport = await openTransport({ kind: 'unix', path });
      const plan = await planProvisioning(new Atecc608Session(transport), authority);
      await provision(transport, plan);
      transport.close();
      const device = await ChipDevice.open({ kind: 'unix', path }, SLOT.deviceKey);
      const verifies = async (by: typeof ca): Promise<boolean> => {
        const { signature } = p256Raw(MESSAGE, by.sign(MESSAGE));
        return device.verifies(by.publicKey, MESSAGE, signature);
      };
      expect(await verifies(exporter)).toBe(true);
      // A good signature of somebody whom the organisation never vouched for in this chip.
      expect(await verifies(stranger)).toBe(false);
      const sealed = await device.signer.sign(MESSAGE);
      expect(nodeVerifier(device.signer.publicKey, MESSAGE, sealed)).toBe(true);
      device.close();
    } finally {
      await simulator.close();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
