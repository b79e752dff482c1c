import { createHash } from 'node:crypto';
import type { Signer } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { dsseLogEntry, envelopeLogEntry, keyDetails, paeBytes, verifyEvidence } from './index.js';
import { hashedRekordBody } from './rekor/hashedrekord.js';
import { publicKeyVerifier } from './rekor/verifier.js';
import { itRefuses, type Attack } from './testdata/attack.js';
import { evidenceOf, trustRoot, vote, type Logged } from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

const { acme, birch, cedarWest } = signers;

/** Honest votes of two P-256 keys, but the second has a leaf of the attacker's making. */
async function withLeaf(
  make: (logged: Logged) => Uint8Array,
  signer: Signer = birch,
): Promise<unknown> {
  const votes = [await vote(cedarWest), await vote(signer)];
  const leafOf = (one: Logged, at: number): Uint8Array =>
    at === 1 ? make(one) : envelopeLogEntry(one.envelope, one.signer.publicKey);
  return evidenceOf(votes, { leafOf });
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

function hashedRekord(
  { envelope, signer }: Logged,
  changes: { digest?: string; algorithm?: 'sha512'; content?: string; key?: Signer } = {},
): Uint8Array {
  const payload = Buffer.from(envelope.payload, 'base64');
  const { spki, algorithm } = (changes.key ?? signer).publicKey;
  return hashedRekordBody({
    algorithm: changes.algorithm ?? 'sha256',
    digest: changes.digest ?? sha256(paeBytes(envelope.payloadType, payload)),
    signature: {
      content: changes.content ?? envelope.signatures[0]?.sig ?? '',
      verifier: publicKeyVerifier(spki, keyDetails(algorithm)),
    },
  });
}

const leafAttacks: Attack[] = [
  {
    name: 'an envelope that was logged in both forms, as two votes',
    make: async () => {
      const one = await vote(birch);
      return evidenceOf([one, one], {
        leafOf: ({ envelope }, at) =>
          at === 0
            ? envelopeLogEntry(envelope, birch.publicKey)
            : dsseLogEntry(envelope, [birch.publicKey]),
      });
    },
    ends: 'duplicate-entry',
  },
  {
    name: 'a leaf over the digest of the payload alone',
    make: () =>
      withLeaf((one) =>
        hashedRekord(one, { digest: sha256(Buffer.from(one.envelope.payload, 'base64')) }),
      ),
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a leaf over the same payload as another type',
    make: () =>
      withLeaf((one) => {
        const payload = Buffer.from(one.envelope.payload, 'base64');
        return hashedRekord(one, { digest: sha256(paeBytes('text/plain', payload)) });
      }),
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a leaf that names another hash',
    make: () => withLeaf((one) => hashedRekord(one, { algorithm: 'sha512' })),
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a leaf with another signature of the same key over the same bytes',
    make: async () => {
      const { envelope } = await vote(birch);
      const [signature] = envelope.signatures;
      return withLeaf((one) => hashedRekord(one, { content: signature?.sig ?? '' }));
    },
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a leaf with the key of another',
    make: () => withLeaf((one) => hashedRekord(one, { key: cedarWest })),
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a leaf that is not canonical',
    make: () => withLeaf((one) => Buffer.concat([hashedRekord(one), Buffer.from(' ')])),
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a digest for an Ed25519 signature, which is over none',
    make: () => withLeaf((one) => hashedRekord(one), acme),
    ends: 'entry-body-mismatch',
  },
];

it('takes the forms that envelopes are logged in', async () => {
  const votes = [await vote(cedarWest), await vote(birch), await vote(acme)];
  const forms = [
    (one: Logged) => hashedRekord(one),
    ({ envelope, signer }: Logged) => dsseLogEntry(envelope, [signer.publicKey]),
  ];
  for (const [at, leafOf] of forms.entries()) {
    const evidence = await evidenceOf(at === 0 ? votes.slice(0, 2) : votes, { leafOf });
    const options = { trustRoot: trustRoot(), verify: nodeVerify };
    expect(await verifyEvidence(evidence, options)).toMatchObject({ verdict: 'reproduced' });
  }
});

describe('no false "reproduced" by how it is logged', () => itRefuses(leafAttacks));
