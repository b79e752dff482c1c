import { describe, expect, it } from 'vitest';
import { keyId, nobleVerifier, toBase64 } from '@touchstone/note';
import {
  MAX_PAYLOAD_BYTES,
  paeBytes,
  rebuildStatement,
  signEnvelope,
  soleSigner,
  verifyEnvelope,
  type DsseEnvelope,
} from './index.js';
import { predicate } from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

const { acme, birch, cedar } = signers;
const keys = [acme.publicKey, birch.publicKey];
const statement = rebuildStatement(predicate());

/** One payload, signed by each of these in turn. */
async function signedBy(...by: (typeof acme)[]): Promise<DsseEnvelope> {
  const envelopes = await Promise.all(by.map((signer) => signEnvelope(statement, signer)));
  const [first] = envelopes;
  if (first === undefined) throw new Error('no signer');
  return { ...first, signatures: envelopes.flatMap(({ signatures }) => signatures) };
}

function without(envelope: DsseEnvelope, keyid?: string): DsseEnvelope {
  const signatures = envelope.signatures.map(({ sig }) =>
    keyid === undefined ? { sig } : { sig, keyid },
  );
  return { ...envelope, signatures };
}

describe('paeBytes', () => {
  it('is the example of the DSSE protocol', () => {
    const pae = paeBytes('http://example.com/HelloWorld', new TextEncoder().encode('hello world'));
    expect(new TextDecoder().decode(pae)).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
  });

  it('counts bytes, not characters', () => {
    const pae = paeBytes('ä', new Uint8Array(0));
    expect(new TextDecoder().decode(pae)).toBe('DSSEv1 2 ä 0 ');
  });
});

describe('signEnvelope and verifyEnvelope', () => {
  it.each([acme, birch])('agree for $publicKey.algorithm, with either verifier', async (signer) => {
    const envelope = await signEnvelope(statement, signer);
    expect(envelope.signatures.map(({ keyid }) => keyid)).toEqual([keyId(signer.publicKey)]);
    for (const verify of [nobleVerifier, nodeVerify]) {
      const verified = await verifyEnvelope(envelope, keys, verify);
      expect(soleSigner(verified)).toBe(signer.publicKey);
    }
  });

  it.each([undefined, ''])('try every key when the key id is %j', async (keyid) => {
    const envelope = without(await signedBy(birch), keyid);
    expect((await verifyEnvelope(envelope, keys, nodeVerify)).signers).toEqual([birch.publicKey]);
  });

  it('accept one known signature among others, but not as the sole one', async () => {
    const verified = await verifyEnvelope(await signedBy(cedar, birch), keys, nodeVerify);
    expect(verified).toMatchObject({ signers: [birch.publicKey], signatureCount: 2 });
    expect(() => soleSigner(verified)).toThrow(
      expect.objectContaining({ code: 'dsse-signature-count' }),
    );
  });

  it('list one key twice when it signed twice, which is no second signer', async () => {
    const verified = await verifyEnvelope(await signedBy(birch, birch), keys, nodeVerify);
    expect(verified.signers).toEqual([birch.publicKey, birch.publicKey]);
    expect(() => soleSigner(verified)).toThrow();
  });

  it('refuse to sign a payload over the limit', async () => {
    const huge = { ...statement, predicate: { filler: 'x'.repeat(MAX_PAYLOAD_BYTES) } };
    await expect(signEnvelope(huge, acme)).rejects.toMatchObject({
      code: 'dsse-payload-too-large',
    });
  });
});

describe('verifyEnvelope refuses', () => {
  it.each<[string, string, (envelope: DsseEnvelope) => unknown]>([
    ['no envelope', 'dsse-malformed', () => null],
    ['no signatures', 'dsse-malformed', (e) => ({ ...e, signatures: [] })],
    [
      'more than 16 signatures',
      'dsse-malformed',
      (e) => ({ ...e, signatures: Array(17).fill(e.signatures[0]) }),
    ],
    ['an empty signature', 'dsse-malformed', (e) => ({ ...e, signatures: [{ sig: '' }] })],
    ['a payload without padding', 'dsse-malformed', (e) => ({ ...e, payload: 'AA' })],
    ['a payload in base64url', 'dsse-malformed', (e) => ({ ...e, payload: '-_-_' })],
    ['a payload with a line break', 'dsse-malformed', (e) => ({ ...e, payload: 'AAAA\nAAA' })],
    ['an unknown field', 'dsse-malformed', (e) => ({ ...e, extra: 1 })],
    [
      'a payload over the limit',
      'dsse-payload-too-large',
      (e) => ({ ...e, payload: toBase64(new Uint8Array(MAX_PAYLOAD_BYTES + 1)) }),
    ],
    [
      'a payload far over the limit',
      'dsse-malformed',
      (e) => ({ ...e, payload: 'A'.repeat(4 * MAX_PAYLOAD_BYTES) }),
    ],
    ['an unknown key id', 'signer-unknown', (e) => without(e, 'nobody')],
    ['the key id of another key', 'dsse-signature', (e) => without(e, keyId(birch.publicKey))],
    [
      'a signature cut short',
      'dsse-signature',
      (e) => ({ ...e, signatures: [{ sig: e.signatures[0]?.sig.slice(0, -4) }] }),
    ],
    ['another payload', 'dsse-signature', (e) => ({ ...e, payload: 'AAAA' })],
    ['another payload type', 'dsse-signature', (e) => ({ ...e, payloadType: 'text/plain' })],
  ])('%s: %s', async (_, code, change) => {
    const envelope = change(await signEnvelope(statement, acme));
    await expect(verifyEnvelope(envelope, keys, nodeVerify)).rejects.toMatchObject({ code });
  });
});
