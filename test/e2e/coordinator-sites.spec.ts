import { createHash } from 'node:crypto';
import { signAcknowledgement, type Acknowledgement } from '@touchstone/airgap';
import type { Site } from '@touchstone/contract';
import { generateKey } from '@touchstone/keys';
import { parseCheckpoint, parseNote, toBase64, type Signer } from '@touchstone/note';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stand, startTestPostgres } from './stand.js';

let postgres: EmbeddedPostgres;
let stand: Stand;
const device = generateKey('ecdsa-p256-sha256');
const DAY = 86_400;

beforeAll(async () => {
  postgres = await startTestPostgres();
  stand = await Stand.start(postgres);
  await stand.addEntry();
  await stand.addEntry();
});

afterAll(async () => {
  await stand.stop();
  await postgres.stop();
});

async function head(): Promise<{ origin: string; size: number; root: string }> {
  const note = new Uint8Array(await (await fetch(`${stand.logUrl}/checkpoint`)).arrayBuffer());
  const { origin, size, root } = parseCheckpoint(parseNote(note).text);
  return { origin, size, root: Buffer.from(root).toString('hex') };
}

async function said(
  site: string,
  counter: number,
  change: Partial<Acknowledgement> = {},
): Promise<Acknowledgement> {
  return {
    site,
    checkpoint: await head(),
    trustRootVersion: 1,
    verdict: 'OK',
    counter,
    serial: '0123'.padEnd(18, '7'),
    nonce: createHash('sha256').update(`${Math.random()}`).digest('hex').slice(0, 32),
    ...change,
  };
}

async function bring(acknowledgement: Acknowledgement, signer: Signer = device): Promise<Site> {
  const envelope = await signAcknowledgement(acknowledgement, signer);
  return stand.client().acknowledge({
    params: { site: acknowledgement.site },
    body: { envelope },
  });
}

const refusal = (code: string): unknown =>
  expect.objectContaining({ problem: expect.objectContaining({ code }) as unknown });
const register = (site: string, key: Signer = device, overdueAfter = DAY): Promise<Site> =>
  stand.client().addSite({
    body: { site, device: toBase64(key.publicKey.spki), overdueAfter, counter: 0 },
  });
const gauge = async (name: string): Promise<number> => {
  const text = await (await fetch(`${stand.url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
};

describe('sites behind an air gap', () => {
  it('are registered by the admin alone, once for each device', async () => {
    const site = await register('hut');
    expect(site).toMatchObject({ site: 'hut', forks: [] });
    expect(site.acknowledgement).toBeUndefined();
    expect(await register('hut')).toEqual(site);
    await expect(register('shed')).rejects.toEqual(refusal('site-conflict'));
    await expect(register('hut', generateKey('ecdsa-p256-sha256'))).rejects.toEqual(
      refusal('site-conflict'),
    );
    const body = { site: 'shed', device: 'AAAA', counter: 0, overdueAfter: 1 };
    await expect(stand.client().addSite({ body })).rejects.toEqual(refusal('key-invalid'));
    await expect(stand.client('another-token-of-the-tests').addSite({ body })).rejects.toEqual(
      refusal('token-forbidden'),
    );
  });

  it('stand where their device said, once that is in the log', async () => {
    const acknowledgement = await said('hut', 1);
    const site = await bring(acknowledgement);
    const { checkpoint, verdict, counter, serial } = acknowledgement;
    expect(site.acknowledgement).toMatchObject({ checkpoint, verdict, counter, serial });
    expect(site.alarm).toBeUndefined();
    expect(site.acknowledgement?.logIndex).toBe(checkpoint.size);
    // The same import signed anew, with another nonce: nothing new.
    expect(await bring({ ...acknowledgement, nonce: '00'.repeat(16) })).toEqual(site);
    expect((await stand.client().sites({})).items).toEqual([site]);
    expect(await gauge('touchstone_sites{alarm="none"}')).toBe(1);
  });

  it.each<[string, () => Promise<Site>, string]>([
    [
      'signed by another key',
      async () => bring(await said('hut', 2), generateKey('ecdsa-p256-sha256')),
      'acknowledgement-signature',
    ],
    ['of a site nobody knows', async () => bring(await said('nowhere', 1)), 'site-unknown'],
    ['that leaves an import out', async () => bring(await said('hut', 3)), 'acknowledgement-gap'],
    [
      'of an import that was acknowledged otherwise',
      async () =>
        bring(await said('hut', 1, { checkpoint: { ...(await head()), root: '11'.repeat(32) } })),
      'acknowledgement-conflict',
    ],
    [
      'of another site, brought as this one',
      async () => {
        const envelope = await signAcknowledgement(await said('shed', 2), device);
        return stand.client().acknowledge({ params: { site: 'hut' }, body: { envelope } });
      },
      'acknowledgement-malformed',
    ],
  ])('refuse an acknowledgement %s', async (_, work, code) => {
    const before = await stand.logSize();
    await expect(work()).rejects.toEqual(refusal(code));
    expect((await stand.logSize()).size).toBe(before.size);
  });

  it('are overdue when they are silent for too long, and no longer once they spoke', async () => {
    stand.clock.skip(DAY + 1);
    const overdue = (await stand.client().sites({})).items;
    expect(overdue).toMatchObject([{ site: 'hut', alarm: 'overdue' }]);
    expect(await gauge('touchstone_sites{alarm="overdue"}')).toBe(1);
    await bring(await said('hut', 2));
    expect((await stand.client().sites({})).items[0]?.alarm).toBeUndefined();
  });

  it.each<[string, () => Promise<Partial<Acknowledgement['checkpoint']>>]>([
    ['another root', () => Promise.resolve({ root: '22'.repeat(32) })],
    ['a tree larger than the log', async () => ({ size: (await head()).size + 1000 })],
    ['another log', () => Promise.resolve({ origin: 'elsewhere.example' })],
  ])('that were shown %s raise the alarm, and what they signed is kept', async (what, change) => {
    const own = generateKey('ecdsa-p256-sha256');
    const name = what.replaceAll(' ', '-');
    await register(name, own);
    const checkpoint = { ...(await head()), ...(await change()) };
    const site = await bring(await said(name, 1, { checkpoint }), own);
    expect(site).toMatchObject({ alarm: 'forked', acknowledgement: { checkpoint } });
    expect(JSON.parse(site.forks[0]?.envelope ?? '')).toMatchObject({
      payloadType: 'application/vnd.in-toto+json',
    });
    // A good word later does not make it undone.
    expect((await bring(await said(name, 2), own)).alarm).toBe('forked');
  });

  it('are in the OpenAPI document', async () => {
    const document = (await (await fetch(`${stand.url}/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/v1/sites', '/v1/sites/{site}/acknowledgements']),
    );
  });
});
