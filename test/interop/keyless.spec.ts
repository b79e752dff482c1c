import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { paeBytes } from '@touchstone/attest';
import { verifyComposition, type CompositionReport } from '@touchstone/compose';
import {
  CertificateAuthority,
  componentOf,
  FULCIO_OID,
  nestComponents,
  type KeylessCertificate,
} from '@touchstone/kit';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { toBase64 } from '@touchstone/note';
import { bundleJudge, certificateJudge, issueCertificate, issueRoot } from '@touchstone/pki';
import { signBinary } from '@touchstone/wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClient, findFile, titled } from './client.js';
import { startStand, type Stand } from './stand.js';

const cosign = await findClient('cosign');
const PUBLIC_BUNDLES = 'usr/share/gocode/src/github.com/sigstore/sigstore-go/pkg/testing/data';
const publicBundles = await findFile('golang-github-sigstore-sigstore-go-dev', PUBLIC_BUNDLES);

const CLI = fileURLToPath(new URL('../../apps/cli/bin/touchstone.js', import.meta.url));
const IN_TOTO = 'application/vnd.in-toto+json';
const OWNER = { issuer: 'https://token.example.test', subject: 'https://ci.example.test/auth.yml' };
const INTEGRATOR = { ...OWNER, subject: 'https://ci.example.test/app.yml' };

/** A module with one function, which does nothing with `value`. */
const moduleOf = (value: number): Uint8Array =>
  Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
    ...[7, 5, 1, 1, 0x66, 0, 0, 10, 7, 1, 5, 0, 0x41, value, 0x1a, 0x0b],
  ]);
const auth = componentOf(moduleOf(1), 'f', 0);
const log = componentOf(moduleOf(2), 'f', 0);
const app = nestComponents(auth, log);

interface Bundle {
  dsseEnvelope?: { payload: string; signatures: object[] };
  messageSignature?: { messageDigest: { digest: string } };
  verificationMaterial: {
    certificate?: object;
    publicKey?: object;
    tlogEntries: { integratedTime: string; inclusionPromise?: object }[];
  };
}

describe('Sigstore bundles on nodes', () => {
  let stand: Stand;
  let fulcio: CertificateAuthority;
  let trustedRoot: { tlogs: object[]; certificateAuthorities: object[] };
  let owned: Bundle;
  let integrated: Bundle;

  beforeAll(async () => {
    stand = await startStand();
    fulcio = await CertificateAuthority.start();
    const logs = (await stand.json('/trusted_root.json')) as typeof trustedRoot;
    trustedRoot = { ...logs, certificateAuthorities: [fulcio.trusted()] };
    owned = await signedFile(auth, OWNER);
    integrated = await signedFile(app, INTEGRATOR);
  });
  afterAll(() => stand.close());

  /** Logs an entry as clients of Rekor v1 do, and has it back as a bundle, with the log's time. */
  async function logged(kind: string, spec: object): Promise<Bundle> {
    const answer = await fetch(`${stand.url}/api/v1/log/entries`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind, apiVersion: '0.0.1', spec }),
    });
    expect(answer.status).toBe(201);
    const [entry] = Object.values((await answer.json()) as Record<string, { logIndex: number }>);
    return (await stand.json(`/v1/entries/${entry?.logIndex}/bundle`)) as Bundle;
  }

  /** @param from when the certificate begins to be valid, in seconds from now */
  function issued({ issuer, subject }: typeof OWNER, from = -60): Promise<KeylessCertificate> {
    return fulcio.issue(subject, [{ oid: `${FULCIO_OID}8`, value: issuer, legacy: false }], from);
  }

  async function signedFile(
    file: Uint8Array,
    { issuer, subject }: typeof OWNER,
    certificate?: KeylessCertificate,
  ): Promise<Bundle> {
    const { pem, sign: signBy } = certificate ?? (await issued({ issuer, subject }));
    const value = createHash('sha256').update(file).digest('hex');
    return logged('hashedrekord', {
      data: { hash: { algorithm: 'sha256', value } },
      signature: {
        content: toBase64(signBy(file)),
        publicKey: { content: Buffer.from(pem).toString('base64') },
      },
    });
  }

  async function stated(predicateType: string, file: Uint8Array, version = 'v1'): Promise<Bundle> {
    const { pem, sign: signBy } = await issued(OWNER);
    const sha256 = createHash('sha256').update(file).digest('hex');
    const payload = Buffer.from(
      JSON.stringify({
        _type: `https://in-toto.io/Statement/${version}`,
        subject: [{ name: 'auth.wasm', digest: { sha256 } }],
        ...{ predicateType, predicate: {} },
      }),
    );
    const sig = toBase64(signBy(paeBytes(IN_TOTO, payload)));
    const signed = { payload: toBase64(payload), payloadType: IN_TOTO, signatures: [{ sig }] };
    const verifiers = [Buffer.from(pem).toString('base64')];
    return logged('dsse', { proposedContent: { envelope: JSON.stringify(signed), verifiers } });
  }

  type Identity = typeof OWNER & { node?: string };

  function verify(
    files: readonly unknown[],
    identities: readonly Identity[] = [OWNER, INTEGRATOR],
    { file = app, root = trustedRoot }: { file?: Uint8Array; root?: object } = {},
  ): Promise<CompositionReport> {
    return verifyComposition(file, { bundles: { files, identities, judge: bundleJudge(root) } });
  }

  const codes = async (report: Promise<CompositionReport>): Promise<string[][]> =>
    (await report).findings.map(({ step, code, node }) => [step, code, node]);

  it('are told node by node, with the time of the log', async () => {
    const named = { ...OWNER, node: '/component[0]' };
    const report = await verify([owned, integrated], [named, INTEGRATOR]);
    expect(report.findings).toEqual([]);
    expect(report.bundles).toMatchObject([
      { node: '/component[0]', ...OWNER, signs: 'bytes' },
      { node: '/', ...INTEGRATOR, signs: 'bytes' },
    ]);
    const since = Date.now() - Date.parse(report.bundles?.[0]?.loggedAt ?? '');
    expect(since).toBeLessThan(60_000);
  });

  it('may be statements that vouch for their subject, and no others', async () => {
    const provenance = await stated('https://slsa.dev/provenance/v1', auth);
    expect(await codes(verify([provenance, integrated]))).toEqual([]);
    // As cosign writes it.
    const older = await stated('https://slsa.dev/provenance/v0.2', auth, 'v0.1');
    expect(await codes(verify([older, integrated]))).toEqual([]);
    const review = await stated('https://example.org/review', auth);
    expect(await codes(verify([review, integrated]))).toEqual([
      ['bundles', 'bundle-predicate', '/'],
    ]);
  });

  it('must cover every core module', async () => {
    expect(await codes(verify([owned]))).toEqual([
      ['bundles', 'bundle-missing', '/component[1]/module[0]'],
    ]);
  });

  const elsewhere = { ...OWNER, issuer: 'https://token.example.org' };
  it.each<[string, Identity[], string, string]>([
    [
      'another subject',
      [{ ...OWNER, subject: 'https://ci.example.test/other.yml' }],
      'bundle-identity',
      '/component[0]',
    ],
    ['another issuer', [elsewhere], 'bundle-identity', '/component[0]'],
    [
      'a pattern that would fit',
      [{ ...OWNER, subject: 'https://ci.example.test/.*' }],
      'bundle-identity',
      '/component[0]',
    ],
    [
      'a part of the subject',
      [{ ...OWNER, subject: 'ci.example.test' }],
      'bundle-identity',
      '/component[0]',
    ],
    [
      'the owner of another node',
      [{ ...OWNER, node: '/component[1]' }],
      'bundle-identity',
      '/component[0]',
    ],
    [
      'an owner who did not sign',
      [OWNER, { ...elsewhere, node: '/component[0]' }],
      'bundle-missing',
      '/component[0]',
    ],
    [
      'an owner of a node that is not there',
      [OWNER, { ...OWNER, node: '/component[7]' }],
      'claim-unknown-node',
      '/component[7]',
    ],
  ])('are refused to %s', async (_, identities, code, node) => {
    const found = await codes(verify([owned, integrated], [INTEGRATOR, ...identities]));
    expect(found).toContainEqual(['bundles', code, node]);
  });

  it('are refused when the node is another, of the same size', async () => {
    const file = nestComponents(componentOf(moduleOf(3), 'f', 0), log);
    const found = await codes(verify([owned, integrated], undefined, { file }));
    expect(found.slice(0, 2)).toEqual([
      ['bundles', 'bundle-subject-mismatch', '/'],
      ['bundles', 'bundle-subject-mismatch', '/'],
    ]);
  });

  it.each<[string, (bundle: Bundle) => void, string]>([
    [
      'the time of the log',
      (b) => (b.verificationMaterial.tlogEntries[0]!.integratedTime = '1'),
      'bundle-invalid',
    ],
    [
      'no promise of the log, so no time',
      (b) => delete b.verificationMaterial.tlogEntries[0]!.inclusionPromise,
      'bundle-invalid',
    ],
    ['no entry of a log', (b) => (b.verificationMaterial.tlogEntries = []), 'bundle-invalid'],
    [
      'the digest',
      (b) =>
        (b.messageSignature!.messageDigest.digest = createHash('sha256')
          .update(log)
          .digest('base64')),
      'bundle-invalid',
    ],
    [
      'a bare key for the certificate',
      (b) => {
        delete b.verificationMaterial.certificate;
        b.verificationMaterial.publicKey = { hint: 'x' };
      },
      'bundle-invalid',
    ],
    [
      'a certificate that is none',
      (b) => (b.verificationMaterial.certificate = { rawBytes: 'AAAA' }),
      'bundle-malformed',
    ],
  ])('are refused with another field: %s', async (_, change, code) => {
    const changed = structuredClone(owned);
    change(changed);
    expect((await codes(verify([changed, integrated])))[0]?.[1]).toBe(code);
  });

  it('are refused with a second signature in the envelope, which the library passes over', async () => {
    const changed = structuredClone(await stated('https://slsa.dev/provenance/v1', auth));
    changed.dsseEnvelope?.signatures.push({ sig: toBase64(new Uint8Array(70)) });
    expect((await codes(verify([changed, integrated])))[0]?.[1]).toBe('bundle-malformed');
  });

  it('are refused of an authority or a log that is not trusted', async () => {
    const other = await CertificateAuthority.start();
    const authority = { ...trustedRoot, certificateAuthorities: [other.trusted()] };
    expect((await codes(verify([owned], undefined, { root: authority })))[0]?.[1]).toBe(
      'bundle-invalid',
    );
    const { publicKey } = generateKeyPairSync('ed25519');
    const rawBytes = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    const [first] = trustedRoot.tlogs as { publicKey: object }[];
    const tlogs = [{ ...first, publicKey: { ...first?.publicKey, rawBytes } }];
    expect(
      (await codes(verify([owned], undefined, { root: { ...trustedRoot, tlogs } })))[0]?.[1],
    ).toBe('bundle-invalid');
    // One that names certificate logs asks for their word too.
    const strict = { ...trustedRoot, ctlogs: trustedRoot.tlogs };
    expect((await codes(verify([owned], undefined, { root: strict })))[0]?.[1]).toBe(
      'bundle-invalid',
    );
  });

  it.each([
    ['not yet valid', 3600],
    ['no longer valid', -3600],
  ])('are refused when the certificate was %s as it was logged', async (_, from) => {
    const certificate = await issued(OWNER, from);
    const late = await signedFile(auth, OWNER, certificate);
    expect((await codes(verify([late, integrated])))[0]?.[1]).toBe('bundle-invalid');
  });

  it('that are anything at all are refused, and nothing is thrown', async () => {
    const signature = sign(null, auth, generateKeyPairSync('ed25519').privateKey);
    const odd = [null, 1, 'x', [], {}, { mediaType: 'x' }, { ...owned, mediaType: 'x' }];
    const deep = { ...owned, messageSignature: { signature: toBase64(signature) } };
    for (const file of [...odd, deep]) {
      expect((await codes(verify([file, integrated])))[0]?.[1]).toMatch(
        /^bundle-(malformed|invalid)$/,
      );
    }
    expect(() => bundleJudge({})).toThrow(
      expect.objectContaining({ code: 'trusted-root-malformed' }),
    );
  });

  it('stand beside certificates in the file, and prove when those had signed', async () => {
    const [rootKey, ownerKey] = [
      generateKey('ecdsa-p256-sha256'),
      generateKey('ecdsa-p256-sha256'),
    ];
    const names = { serial: Uint8Array.of(1), notBefore: new Date(0) };
    const from = { ...names, notAfter: new Date(Date.now() + 3_600_000) };
    const root = await issueRoot(rootKey.toPem(), {
      ...{ name: 'Root', spki: rootKey.publicKey.spki, ...from },
    });
    const certificate = await issueCertificate(
      { certificate: root, key: rootKey.toPem() },
      { name: 'Owner', spki: ownerKey.publicKey.spki, ...from },
      'owner',
    );
    const how = { signer: ownerKey, certificates: [certificate] };
    const dual = await signBinary(auth, new Uint8Array(16), how);
    /** Long after the certificate has expired, but for what is known to be older. */
    const judge = (chain: readonly Uint8Array[], loggedAt = new Date('2999-01-01')) =>
      certificateJudge({ roots: [root], at: loggedAt, roles: ['owner'] })(chain);
    const judged = (files: readonly unknown[]): Promise<CompositionReport> =>
      verifyComposition(dual, {
        signatures: { publicKeys: [], verify: nodeVerifier, certificates: judge },
        bundles: { files, identities: [OWNER], judge: bundleJudge(trustedRoot) },
      });
    const report = await judged([await signedFile(dual, OWNER)]);
    expect(report.findings).toEqual([]);
    expect(report.signatures).toMatchObject([{ node: '/', signer: { role: 'owner' } }]);
    // A bundle of the component before it was signed in place says nothing of that signature's age.
    expect(await codes(judged([owned]))).toContainEqual(['signatures', 'certificate-expired', '/']);
    expect((await judged([owned])).bundles).toMatchObject([{ node: '/', signs: 'content' }]);
  });

  it('are checked by the command', async () => {
    const file = await stand.file('app.wasm', app);
    const bundles = await Promise.all(
      [owned, integrated].map((each, i) => stand.file(`b${i}.json`, JSON.stringify(each))),
    );
    const root = await stand.file('sigstore.json', JSON.stringify(trustedRoot));
    const whom = (who: typeof OWNER): string => `${who.issuer}=${who.subject}`;
    const run = (...args: string[]): ReturnType<Stand['run']> =>
      stand.run({ path: process.execPath }, [CLI, 'compose', 'verify', file, ...args]);
    const told = ['--bundle', ...bundles, '--sigstore-root', root];
    const good = await run(...told, '--identity', `/component[0]=${whom(OWNER)}`, whom(INTEGRATOR));
    expect(good).toMatchObject({ code: 0 });
    const line = `/component[0]  signed by ${OWNER.subject} (${OWNER.issuer}), logged`;
    expect(good.output).toContain(line);
    const bad = await run(...told, '--identity', whom(INTEGRATOR));
    expect([bad.code, bad.output]).toEqual([1, expect.stringContaining('bundle-identity')]);
    expect((await run(...told)).code).toBe(2);
    expect((await run(...told, '--identity', 'nobody')).code).toBe(2);
  });

  it.skipIf('absent' in cosign)(titled('are what cosign verifies too', cosign), async () => {
    const args = ['--trusted-root', await stand.file('root.json', JSON.stringify(trustedRoot))];
    const bundle = ['--bundle', await stand.file('auth.json', JSON.stringify(owned))];
    const who = (subject: string): string[] => [
      ...['--certificate-identity', subject, '--certificate-oidc-issuer', OWNER.issuer],
      '--insecure-ignore-sct',
    ];
    const file = await stand.file('auth.wasm', auth);
    const run = (subject: string, what: string): ReturnType<Stand['run']> =>
      stand.run(cosign, ['verify-blob', ...args, ...bundle, ...who(subject), what]);
    expect(await run(OWNER.subject, file)).toMatchObject({ code: 0 });
    expect((await run(INTEGRATOR.subject, file)).code).not.toBe(0);
    expect((await run(OWNER.subject, await stand.file('log.wasm', log))).code).not.toBe(0);
  });
});

describe.skipIf('absent' in publicBundles)(
  titled('a bundle of the public Sigstore', publicBundles),
  () => {
    async function json(name: string): Promise<unknown> {
      const root = 'path' in publicBundles ? publicBundles.path : '';
      return JSON.parse(await readFile(join(root, name), 'utf8'));
    }

    it('is judged against the public-good trusted root', async () => {
      const judge = bundleJudge(await json('trusted-roots/public-good.json'));
      const bundle = await json('bundles/sigstore.js@2.0.0-provenance.sigstore.json');
      const judged = judge(bundle, () => undefined);
      expect(judged).toMatchObject({
        signer: {
          issuer: 'https://token.actions.githubusercontent.com',
          subject:
            'https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main',
          time: new Date('2023-08-18T16:05:35Z'),
        },
        signed: { kind: 'envelope', payloadType: IN_TOTO },
      });
      const changed = structuredClone(bundle) as Required<Bundle>;
      changed.dsseEnvelope.payload = `A${changed.dsseEnvelope.payload.slice(1)}`;
      expect(judge(changed, () => undefined)).toMatchObject({ code: 'bundle-invalid' });
    });

    it('is not one of a private log', async () => {
      const other = bundleJudge(await json('trusted-roots/scaffolding.json'));
      const bundle = await json('bundles/sigstore.js@2.0.0-provenance.sigstore.json');
      expect(other(bundle, () => undefined)).toMatchObject({ code: 'bundle-invalid' });
    });
  },
);
