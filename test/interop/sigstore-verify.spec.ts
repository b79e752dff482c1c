import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { coseRequests, paeBytes, signCose, verifyCose } from '@touchstone/attest';
import { TransparencyLogEntry } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { toBase64 } from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStand } from './stand.js';
import type { Stand } from './stand.js';

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = keys.publicKey.export({ format: 'der', type: 'spki' });
const hint = createHash('sha256').update(spki).digest('base64');
const verifier = { keyDetails: 'PKIX_ECDSA_P256_SHA_256', publicKey: { rawBytes: toBase64(spki) } };

function signed(message: Uint8Array, key: KeyObject = keys.privateKey): string {
  return sign('sha256', message, key).toString('base64');
}

describe('@sigstore/verify takes what the log exports', () => {
  let stand: Stand;
  let trust: ReturnType<typeof toTrustMaterial>;

  beforeAll(async () => {
    stand = await startStand();
    trust = material(TrustedRoot.fromJSON(await stand.json('/trusted_root.json')));
  });

  function material(root: TrustedRoot): ReturnType<typeof toTrustMaterial> {
    return toTrustMaterial(root, (asked) => {
      if (asked !== hint) throw new Error(`no key ${asked}`);
      return { publicKey: keys.publicKey, validFor: () => true };
    });
  }

  afterAll(() => stand.close());

  async function post(path: string, body: unknown, status = 201): Promise<unknown> {
    const answer = await fetch(stand.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(status);
    return answer.json();
  }

  async function addV2(body: unknown): Promise<string> {
    return TransparencyLogEntry.parse(await post('/api/v2/log/entries', body)).logIndex;
  }

  async function addV1(kind: string, apiVersion: string, spec: object): Promise<string> {
    const entries = await post('/api/v1/log/entries', { kind, apiVersion, spec });
    const [entry] = Object.values(entries as Record<string, { logIndex: number }>);
    return String(entry?.logIndex);
  }

  /** Times are needed of v1 alone: bare keys have no validity that ends. */
  function verify(bundle: unknown, artifact?: Uint8Array, timestamps = 0, by = trust): void {
    const entity = toSignedEntity(
      bundleFromJSON(bundle),
      artifact === undefined ? undefined : Buffer.from(artifact),
    );
    new Verifier(by, {
      tlogThreshold: 1,
      timestampThreshold: timestamps,
      ctlogThreshold: 0,
    }).verify(entity);
  }

  function statement(what: string): Uint8Array {
    return Buffer.from(
      JSON.stringify({
        _type: 'https://in-toto.io/Statement/v1',
        subject: [
          { name: what, digest: { sha256: createHash('sha256').update(what).digest('hex') } },
        ],
        predicateType: 'https://example.org/review',
        predicate: {},
      }),
    );
  }

  function envelopeOf(payload: Uint8Array): object {
    const sig = signed(paeBytes(PAYLOAD_TYPE, payload));
    return { payload: toBase64(payload), payloadType: PAYLOAD_TYPE, signatures: [{ sig }] };
  }

  const pem = (): string =>
    Buffer.from(keys.publicKey.export({ format: 'pem', type: 'spki' })).toString('base64');

  it('a digest that was signed, by v2', async () => {
    const artifact = Buffer.from('an artifact, v2');
    const digest = createHash('sha256').update(artifact).digest('base64');
    const index = await addV2({
      hashedRekordRequestV002: { digest, signature: { content: signed(artifact), verifier } },
    });
    const bundle = await stand.json(`/v1/entries/${index}/bundle`);
    verify(bundle, artifact);
    expect(() => verify(bundle, Buffer.from('another'))).toThrow(VerificationError);
  });

  it('a signature in COSE, over its Sig_structure', async () => {
    const subject = [{ name: 'app.wasm', digest: { sha256: 'ab'.repeat(32) } }];
    const signer = {
      publicKey: { algorithm: 'ecdsa-p256-sha256', spki: new Uint8Array(spki) },
      sign: (message: Uint8Array) => new Uint8Array(sign('sha256', message, keys.privateKey)),
    } as const;
    const envelope = await signCose(
      {
        ...{ _type: 'https://in-toto.io/Statement/v1', subject },
        ...{ predicateType: 'https://touchstone.dev/composition/v1', predicate: {} },
      },
      [signer],
    );
    const cose = await verifyCose(envelope, [signer.publicKey], nodeVerifier);
    const [{ request } = {}] = coseRequests(cose);
    const bundle = await stand.json(`/v1/entries/${await addV2(request)}/bundle`);
    verify(bundle, cose.signatures[0]?.message);
    // The envelope itself is not what was signed.
    expect(() => verify(bundle, envelope)).toThrow(VerificationError);
  });

  it('an envelope, by v2', async () => {
    const envelope = envelopeOf(statement('by v2'));
    const index = await addV2({ dsseRequestV002: { envelope, verifiers: [verifier] } });
    verify(await stand.json(`/v1/entries/${index}/bundle`));
  });

  it('a digest that was signed, by v1, with the time of the log', async () => {
    const artifact = Buffer.from('an artifact, v1');
    const value = createHash('sha256').update(artifact).digest('hex');
    const index = await addV1('hashedrekord', '0.0.1', {
      data: { hash: { algorithm: 'sha256', value } },
      signature: { content: signed(artifact), publicKey: { content: pem() } },
    });
    verify(await stand.json(`/v1/entries/${index}/bundle`), artifact, 1);
  });

  it('an envelope, by v1, with the time of the log', async () => {
    const envelope = JSON.stringify(envelopeOf(statement('by v1')));
    const proposedContent = { envelope, verifiers: [pem()] };
    const index = await addV1('dsse', '0.0.1', { proposedContent });
    verify(await stand.json(`/v1/entries/${index}/bundle`), undefined, 1);
  });

  it('of several logs by one trust root, and of none that is not in it', async () => {
    const second = await startStand(generateKey('ed25519'), 'second.touchstone.test');
    try {
      const artifact = Buffer.from('an artifact that two logs have');
      const digest = createHash('sha256').update(artifact).digest('base64');
      const signature = { content: signed(artifact), verifier };
      const bundles: unknown[] = [];
      const roots: TrustedRoot[] = [];
      for (const log of [stand, second]) {
        const answer = await fetch(`${log.url}/api/v2/log/entries`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ hashedRekordRequestV002: { digest, signature } }),
        });
        const { logIndex } = TransparencyLogEntry.parse(await answer.json());
        bundles.push(await log.json(`/v1/entries/${logIndex}/bundle`));
        roots.push(TrustedRoot.fromJSON(await log.json('/trusted_root.json')));
      }
      const [one, other] = roots as [TrustedRoot, TrustedRoot];
      const both = { ...one, tlogs: [...one.tlogs, ...other.tlogs] };
      for (const bundle of bundles) verify(bundle, artifact, 0, material(both));
      expect(() => verify(bundles[1], artifact, 0, material(one))).toThrow(VerificationError);
      expect(() => verify(bundles[0], artifact, 0, material(other))).toThrow(VerificationError);
    } finally {
      await second.close();
    }
  });

  it('and refuses each of them with one field changed', async () => {
    const envelope = envelopeOf(statement('to be changed'));
    const index = await addV2({ dsseRequestV002: { envelope, verifiers: [verifier] } });
    const text = JSON.stringify(await stand.json(`/v1/entries/${index}/bundle`));
    interface Changed {
      dsseEnvelope: { payload: string };
      verificationMaterial: {
        tlogEntries: { logIndex: string; inclusionProof: { logIndex: string; hashes: string[] } }[];
      };
    }
    const changes: ((bundle: Changed) => void)[] = [
      (bundle) => (bundle.dsseEnvelope.payload = toBase64(statement('changed'))),
      (bundle) => (bundle.verificationMaterial.tlogEntries[0]!.inclusionProof.logIndex = '0'),
      (bundle) => bundle.verificationMaterial.tlogEntries[0]!.inclusionProof.hashes.reverse(),
    ];
    for (const change of changes) {
      const bundle = JSON.parse(text) as Changed;
      change(bundle);
      if (JSON.stringify(bundle) === text) continue;
      expect(() => verify(bundle)).toThrow(VerificationError);
    }
  });
});
