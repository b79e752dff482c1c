import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paeBytes } from '@touchstone/attest';
import { generateKey } from '@touchstone/keys';
import { encodeUtf8, toBase64 } from '@touchstone/note';
import { nodeSha256 } from '@touchstone/tlog';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { prepareEntry } from '../rekor/prepare-entry.js';
import { AttestationStore } from './attestation-store.js';
import { Sweep } from './sweep.js';

it('passes over leaves that are no entries, and finds what an entry behind them lacks', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'touchstone-sweep-'));
  const attestations = await AttestationStore.open(dir);
  const payload = encodeUtf8('a payload that nobody handed in');
  const key = generateKey('ecdsa-p256-sha256');
  const sig = toBase64(key.sign(paeBytes('text/plain', payload)));
  const publicKey = { rawBytes: toBase64(key.publicKey.spki) };
  const { body: entry } = await prepareEntry({
    api: 'v2',
    body: {
      dsseRequestV002: {
        envelope: {
          payload: toBase64(payload),
          payloadType: 'text/plain',
          signatures: [{ sig }],
        },
        verifiers: [{ publicKey, keyDetails: 'PKIX_ECDSA_P256_SHA_256' }],
      },
    },
  });
  const leaves = [new Uint8Array(16), encodeUtf8('{"kind":"another"}'), entry];
  const alarm = await new Promise<unknown[]>((resolve, reject) => {
    const sweep = new Sweep({
      log: { size: leaves.length, readLeaves: async (from, to) => leaves.slice(from, to) },
      attestations,
      registry: new Registry(),
      intervalMs: 60_000,
      alarm: (...told) => void sweep.close().then(() => resolve(told)),
      failed: reject,
    });
  });
  expect(alarm).toEqual([2, Buffer.from(nodeSha256(payload)).toString('hex'), 'missing']);
  await attestations.close();
  await rm(dir, { recursive: true });
});
