import { signEnvelope, STATEMENT_TYPE } from '@touchstone/attest';
import { describe, expect, it } from 'vitest';
import {
  ACKNOWLEDGEMENT_PREDICATE_TYPE,
  followAcknowledgement,
  signAcknowledgement,
  signCompactAcknowledgement,
  verifyAcknowledgement,
  type Acknowledgement,
} from './acknowledgement.js';
import { AirgapError } from './errors.js';
import { newSigner, verify } from './site.fixture.js';

const device = newSigner('ecdsa-p256-sha256');
const ack: Acknowledgement = {
  site: 'hut',
  checkpoint: { origin: 'log.example.org', size: 1234, root: 'ab'.repeat(32) },
  trustRootVersion: 3,
  verdict: 'OK',
  counter: 7,
  serial: '0123456789abcdef01',
  nonce: '00'.repeat(16),
};

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof AirgapError) return error.code;
      throw error;
    },
  );

describe('an acknowledgement', () => {
  it('says the same in both forms', async () => {
    const envelope = await signAcknowledgement(ack, device);
    const compact = await signCompactAcknowledgement(ack, device);
    expect(await verifyAcknowledgement(envelope, device.publicKey, verify)).toEqual(ack);
    expect(await verifyAcknowledgement(compact, device.publicKey, verify)).toEqual(ack);
    expect(compact.length).toBeLessThan(260);
  });

  it('holds for the key that signed it alone', async () => {
    const other = newSigner('ecdsa-p256-sha256').publicKey;
    for (const signed of [
      await signAcknowledgement(ack, device),
      await signCompactAcknowledgement(ack, device),
    ]) {
      expect(await codeOf(verifyAcknowledgement(signed, other, verify))).toBe(
        'acknowledgement-signature',
      );
    }
  });

  it('does not pass in compact form with any byte changed or cut off', async () => {
    const bytes = await signCompactAcknowledgement(ack, device);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = new Uint8Array(bytes);
      damaged[at] = damaged[at]! ^ (1 << (at % 8));
      for (const input of [damaged, bytes.subarray(0, at)]) {
        expect(await codeOf(verifyAcknowledgement(input, device.publicKey, verify))).toMatch(
          /^acknowledgement-(malformed|signature)$/,
        );
      }
    }
  });

  it('is about the tree that its subject names', async () => {
    const statement = {
      _type: STATEMENT_TYPE,
      subject: [{ name: 'log.example.org@1234', digest: { sha256: 'cd'.repeat(32) } }],
      predicateType: ACKNOWLEDGEMENT_PREDICATE_TYPE,
      predicate: ack,
    } as const;
    const moved = await signEnvelope({ ...statement, subject: [...statement.subject] }, device);
    expect(await codeOf(verifyAcknowledgement(moved, device.publicKey, verify))).toBe(
      'acknowledgement-malformed',
    );
  });

  it.each([
    ['a counter of 0', { counter: 0 }],
    ['a counter beyond the chip', { counter: 2_097_152 }],
    ['a short serial number', { serial: '01' }],
    ['a verdict of its own', { verdict: 'FINE' as 'OK' }],
  ])('is not signed with %s', async (_, change) => {
    expect(
      await codeOf(
        Promise.resolve().then(() => signAcknowledgement({ ...ack, ...change }, device)),
      ),
    ).toBe('acknowledgement-malformed');
  });
});

describe('a chain of acknowledgements', () => {
  const next = (change: Partial<Acknowledgement> = {}, size = 2000): Acknowledgement => ({
    ...ack,
    counter: 8,
    checkpoint: { ...ack.checkpoint, size, root: 'cd'.repeat(32) },
    ...change,
  });

  it('goes on by one step of the counter', () => {
    expect(() => followAcknowledgement(undefined, { ...ack, counter: 1 })).not.toThrow();
    expect(() => followAcknowledgement(ack, next())).not.toThrow();
  });

  it.each([
    ['a step left out', next({ counter: 9 }), 'acknowledgement-gap'],
    ['the same step again', next({ counter: 7 }), 'acknowledgement-gap'],
    ['another device', next({ serial: 'ff'.repeat(9) }), 'acknowledgement-gap'],
    ['another site', next({ site: 'hall' }), 'acknowledgement-gap'],
    ['a smaller tree', next({}, 1000), 'acknowledgement-fork'],
    ['another root at the same size', next({}, 1234), 'acknowledgement-fork'],
  ])('shows %s', (_, following, code) => {
    expect(() => followAcknowledgement(ack, following)).toThrow(expect.objectContaining({ code }));
  });
});
