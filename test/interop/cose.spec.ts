import { createPrivateKey, createPublicKey } from 'node:crypto';
import { Algorithms, Headers, ProtectedHeaders, Sign } from '@auth0/cose';
import { encodeCbor, signCose, verifyCose, type CborValue } from '@touchstone/attest';
import {
  composeManifest,
  compositionStatement,
  deriveGraph,
  embedManifest,
  verifyComposition,
} from '@touchstone/compose';
import { generateKey, nodeVerifier, type PrivateKey } from '@touchstone/keys';
import { componentOf, nestComponents } from '@touchstone/kit';
import { keyId } from '@touchstone/note';
import { describe, expect, it } from 'vitest';

/** A module with one function, which does nothing. */
const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
  ...[7, 5, 1, 1, 0x66, 0, 0, 10, 4, 1, 2, 0, 0x0b],
]);
const bare = nestComponents(componentOf(MODULE, 'f', 0));
const app = embedManifest(bare, composeManifest(bare));
const statement = compositionStatement('app.wasm', deriveGraph(app), composeManifest(app));

const KINDS = [
  ['ed25519', Algorithms.EdDSA],
  ['ecdsa-p256-sha256', Algorithms.ES256],
] as const;
const keys = KINDS.map(([kind, algorithm]) => ({ key: generateKey(kind), algorithm }));

const keyObject = ({ publicKey }: PrivateKey) =>
  createPublicKey({ key: Buffer.from(publicKey.spki), format: 'der', type: 'spki' });

/** The same statement, signed by the other implementation. */
async function theirs(contentType: unknown = 'application/vnd.in-toto+cbor'): Promise<Sign> {
  // Its types know media types as numbers alone; RFC 9052 section 3.1 has text too.
  const body = new ProtectedHeaders([[Headers.ContentType, contentType as number]]);
  const signers = keys.map(({ key, algorithm }) => ({
    key: createPrivateKey(key.toPem()),
    protectedHeaders: new ProtectedHeaders([
      [Headers.Algorithm, algorithm],
      [Headers.KeyID, new Uint8Array(Buffer.from(keyId(key.publicKey), 'hex'))],
    ]),
  }));
  return Sign.sign(body, undefined, encodeCbor(statement as unknown as CborValue), signers);
}

/**
 * Its message in bytes. Its own encoder (1.0.2) writes the protected header of a signature as a map,
 * where RFC 9052 section 3 has a byte string around it, which is what it signed.
 */
function encoded(message: Sign): Uint8Array {
  const headerOf = (one: unknown): Uint8Array =>
    (one as { encodedProtectedHeaders: Uint8Array }).encodedProtectedHeaders;
  const signatures = message.signatures.map((each) => [
    ...[headerOf(each), new Map(), new Uint8Array(each.signature)],
  ]);
  const parts = [headerOf(message), new Map(), message.payload, signatures];
  return Uint8Array.from([0xd8, Sign.tag, ...encodeCbor(parts as CborValue)]);
}

describe('COSE_Sign of @auth0/cose', () => {
  it('verifies what is signed here, each signer by its key', async () => {
    const envelope = await signCose(
      statement,
      keys.map(({ key }) => key),
    );
    const read = Sign.decode(envelope);
    expect(read.signatures).toHaveLength(2);
    expect(read.signatures.map(({ alg }) => alg)).toEqual(keys.map(({ algorithm }) => algorithm));
    for (const { key, algorithm } of keys) {
      const only = { algorithms: [algorithm] };
      await expect(read.verify(keyObject(key), only)).resolves.toBeUndefined();
      const changed = Uint8Array.from(envelope);
      const middle = envelope.length >> 1;
      changed[middle] = (changed[middle] ?? 0) ^ 1;
      await expect(Sign.decode(changed).verify(keyObject(key), only)).rejects.toThrow();
    }
    await expect(read.verify(keyObject(generateKey('ed25519')))).rejects.toThrow();
  });

  it('signs what is verified here, as an attestation of a composition', async () => {
    const envelope = encoded(await theirs());
    const publicKeys = keys.map(({ key }) => key.publicKey);
    const verified = await verifyCose(envelope, publicKeys, nodeVerifier);
    expect(verified.statement).toEqual(statement);
    expect(verified.signers).toEqual(publicKeys);
    const attestation = { envelope, publicKeys, verify: nodeVerifier };
    const report = await verifyComposition(app, { attestation });
    expect([report.findings, report.signers?.length]).toEqual([[], 2]);
    const one = { ...attestation, publicKeys: publicKeys.slice(0, 1) };
    expect((await verifyComposition(app, { attestation: one })).findings[0]?.code).toBe(
      'signer-unknown',
    );
  });

  it('signs other things, which are refused here', async () => {
    const publicKeys = keys.map(({ key }) => key.publicKey);
    const raw = new Uint8Array((await theirs()).encode());
    await expect(verifyCose(raw, publicKeys, nodeVerifier)).rejects.toThrow(
      expect.objectContaining({ code: 'cose-malformed' }),
    );
    await expect(
      verifyCose(encoded(await theirs('text/plain')), publicKeys, nodeVerifier),
    ).rejects.toThrow(expect.objectContaining({ code: 'cose-content-type' }));
  });

  it('and this one write the same bytes where signatures are deterministic', async () => {
    const [{ key } = { key: generateKey('ed25519') }] = keys;
    const ours = Sign.decode(await signCose(statement, [key]));
    const other = await theirs();
    expect(Buffer.from(ours.payload)).toEqual(Buffer.from(other.payload));
    expect(Buffer.from(ours.signatures[0]?.signature ?? [])).toEqual(
      Buffer.from(other.signatures[0]?.signature ?? []),
    );
  });
});
