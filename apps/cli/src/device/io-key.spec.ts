import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Atecc608Session, encodeResponse } from '@touchstone/atecc608';
import { generateKey } from '@touchstone/keys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTransport } from './device-transport.js';
import { makeIoKey, readIoKey } from './io-key.js';
import { p256Raw } from './provision.fixture.js';
import { planProvisioning, provision, type Authority } from './provision.js';
import { startSimulator, type Simulator } from './simulator.js';
import { ChipDevice } from './site-device.js';

const exporter = generateKey('ecdsa-p256-sha256');
const stranger = generateKey('ecdsa-p256-sha256');
const MESSAGE = Buffer.from('header and checkpoint');
const authority: Authority = {
  organisation: 'Acme',
  signer: generateKey('ecdsa-p256-sha256'),
  exporters: [exporter.publicKey],
  now: Date.UTC(2026, 10, 29),
};

let dir: string;
let chip: Simulator;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'io-key-'));
  chip = await startSimulator({ listen: { kind: 'unix', path: join(dir, 'chip') } });
});
afterEach(async () => {
  await chip.close();
  await rm(dir, { recursive: true });
});

async function provisioned(whose?: Authority): Promise<Uint8Array> {
  const key = await makeIoKey(join(dir, 'io.key'));
  const transport = await openTransport({ kind: 'unix', path: join(dir, 'chip') });
  await provision(transport, await planProvisioning(new Atecc608Session(transport), whose, key));
  transport.close();
  return key;
}

async function verifies(path: string, by: typeof exporter, key?: Uint8Array): Promise<unknown> {
  const device = await ChipDevice.open({ kind: 'unix', path: join(dir, path) }, 0, key);
  const { signature } = p256Raw(MESSAGE, exporter.sign(MESSAGE));
  const message = by === exporter ? MESSAGE : Buffer.from('another');
  try {
    return await device
      .verifies(exporter.publicKey, message, signature)
      .catch((error: unknown) => (error as { cause?: { code: string } }).cause?.code);
  } finally {
    device.close();
  }
}

/** Somebody between host and chip who turns each miscompare into the answer that all is well. */
async function liar(): Promise<Server> {
  const lie = Buffer.from(encodeResponse(Uint8Array.of(0)));
  const truth = Buffer.from(encodeResponse(Uint8Array.of(1)));
  const server = createServer((host) => {
    const line = connect(join(dir, 'chip'));
    host.pipe(line);
    line.on('data', (bytes: Buffer) => host.write(bytes.equals(truth) ? lie : bytes));
    for (const [one, other] of [
      [host, line],
      [line, host],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((done) => server.listen(join(dir, 'liar'), done));
  return server;
}

describe('a chip that shares a key with its host', () => {
  it.each([
    ['with a trust anchor', authority],
    ['without one', undefined],
  ])('%s answers as one that does not', async (_, whose) => {
    const key = await provisioned(whose);
    expect(await verifies('chip', exporter, key)).toBe(true);
    expect(await verifies('chip', stranger, key)).toBe(false);
    expect(await verifies('chip', exporter)).toBe(true);
    expect(await verifies('chip', exporter, new Uint8Array(32))).toBe('response-mac');
  });

  it('is not spoken for by somebody on the line', async () => {
    const key = await provisioned(authority);
    const server = await liar();
    // Without the key the lie is believed: that is what the key is for.
    expect(await verifies('liar', stranger)).toBe(true);
    expect(await verifies('liar', stranger, key)).toBe('response-mac');
    expect(await verifies('liar', exporter, key)).toBe(true);
    server.close();
  });
});

describe('the file of an IO protection key', () => {
  it('is made once, for its owner alone, and read again', async () => {
    const file = join(dir, 'made');
    const key = await makeIoKey(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await makeIoKey(file)).toEqual(key);
    expect(await readFile(file, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  });

  it.each([
    ['is open to others', 0o644, 'ab'.repeat(32)],
    ['is too short', 0o600, 'ab'.repeat(31)],
    ['is no hex', 0o600, 'xy'.repeat(32)],
    ['is huge', 0o600, 'ab'.repeat(3200)],
  ])('is refused when it %s', async (_, mode, text) => {
    const file = join(dir, 'bad');
    await writeFile(file, text);
    await chmod(file, mode);
    await expect(readIoKey(file)).rejects.toMatchObject({ code: 'io-key' });
  });
});
