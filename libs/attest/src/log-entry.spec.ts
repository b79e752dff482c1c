import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  dsseLogEntry,
  envelopeLogEntry,
  envelopeRequest,
  matchLogEntry,
  paeBytes,
  rebuildStatement,
  signEnvelope,
} from './index.js';
import { predicate } from './testdata/evidence-fixture.js';
import { signers } from './testdata/parties.js';

const { acme, birch } = signers;
const statement = rebuildStatement(predicate());

describe('dsseLogEntry', () => {
  it.each([
    [acme, 'PKIX_ED25519'],
    [birch, 'PKIX_ECDSA_P256_SHA_256'],
  ])('is a Rekor v2 dsse 0.0.2 body, key by key in canonical order', async (signer, details) => {
    const envelope = await signEnvelope(statement, signer);
    const digest = createHash('sha256')
      .update(Buffer.from(envelope.payload, 'base64'))
      .digest('base64');
    const spki = Buffer.from(signer.publicKey.spki).toString('base64');
    expect(new TextDecoder().decode(dsseLogEntry(envelope, [signer.publicKey]))).toBe(
      `{"apiVersion":"0.0.2","kind":"dsse","spec":{"dsseV002":{"payloadHash":{"algorithm":"SHA2_256",` +
        `"digest":"${digest}"},"signatures":[{"content":"${envelope.signatures[0]?.sig}","verifier":` +
        `{"keyDetails":"${details}","publicKey":{"rawBytes":"${spki}"}}}]}}}`,
    );
  });

  it('does not hold the key id: whoever changes the hint does not make another entry', async () => {
    const envelope = await signEnvelope(statement, acme);
    const bare = { ...envelope, signatures: envelope.signatures.map(({ sig }) => ({ sig })) };
    expect(dsseLogEntry(bare, [acme.publicKey])).toEqual(dsseLogEntry(envelope, [acme.publicKey]));
  });

  it('wants one key for each signature', async () => {
    const envelope = await signEnvelope(statement, acme);
    for (const keys of [[], [acme.publicKey, birch.publicKey]]) {
      expect(() => dsseLogEntry(envelope, keys)).toThrow(
        expect.objectContaining({ code: 'dsse-signature-count' }),
      );
    }
  });
});

describe('envelopeLogEntry', () => {
  it('is a Rekor v2 hashedrekord 0.0.2 body over the PAE for ECDSA', async () => {
    const envelope = await signEnvelope(statement, birch);
    const pae = paeBytes(envelope.payloadType, Buffer.from(envelope.payload, 'base64'));
    const sha256 = createHash('sha256').update(pae).digest();
    const spki = Buffer.from(birch.publicKey.spki).toString('base64');
    expect(new TextDecoder().decode(envelopeLogEntry(envelope, birch.publicKey))).toBe(
      `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":` +
        `"SHA2_256","digest":"${sha256.toString('base64')}"},"signature":{"content":` +
        `"${envelope.signatures[0]?.sig}","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256",` +
        `"publicKey":{"rawBytes":"${spki}"}}}}}}`,
    );
    const { attestation } = envelopeRequest(envelope, birch.publicKey);
    expect(attestation).toEqual({ sha256: sha256.toString('hex'), bytes: pae });
  });

  it('is the dsse of Ed25519, and needs nothing to be handed in first', async () => {
    const envelope = await signEnvelope(statement, acme);
    const dsse = dsseLogEntry(envelope, [acme.publicKey]);
    expect(envelopeLogEntry(envelope, acme.publicKey)).toEqual(dsse);
    expect(envelopeRequest(envelope, acme.publicKey)).not.toHaveProperty('attestation');
  });
});

describe('matchLogEntry', () => {
  it('accepts the entry of this envelope and key and no other', async () => {
    const envelope = await signEnvelope(statement, acme);
    const leaf = dsseLogEntry(envelope, [acme.publicKey]);
    expect(() => matchLogEntry(leaf, envelope, acme.publicKey)).not.toThrow();
    const spaced = new TextEncoder().encode(` ${new TextDecoder().decode(leaf)}`);
    const other = await signEnvelope(statement, birch);
    const refused: [Uint8Array, typeof envelope, typeof acme.publicKey][] = [
      [leaf.slice(0, -1), envelope, acme.publicKey],
      [new Uint8Array(0), envelope, acme.publicKey],
      [spaced, envelope, acme.publicKey],
      [leaf, envelope, birch.publicKey],
      [leaf, other, acme.publicKey],
    ];
    for (const [body, of, key] of refused) {
      expect(() => matchLogEntry(body, of, key)).toThrow(
        expect.objectContaining({ code: 'entry-body-mismatch' }),
      );
    }
  });

  it('refuses an envelope with a second signature by its count', async () => {
    const one = await signEnvelope(statement, acme);
    const two = await signEnvelope(statement, birch);
    const both = { ...one, signatures: [...one.signatures, ...two.signatures] };
    const leaf = dsseLogEntry(one, [acme.publicKey]);
    expect(() => matchLogEntry(leaf, both, acme.publicKey)).toThrow(
      expect.objectContaining({ code: 'dsse-signature-count' }),
    );
  });
});
