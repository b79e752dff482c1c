import { createHash } from 'node:crypto';
import { encodeCbor, signCose, signEnvelope, verifyCose, type TrustRoot } from '@touchstone/attest';
import { nobleVerifier } from '@touchstone/note';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { composition, provider, runModule } from '../assemble.fixture.js';
import { compositionStatement } from '../attestation.js';
import type { ComposeError } from '../errors.js';
import { cosignedAt, evidenceOf, signer, trustRoot, witnessedRoot } from '../evidence.fixture.js';
import { deriveGraph } from '../graph.js';
import type { TimedCertificateJudge } from '../node-signatures.js';
import { revocationStatement } from '../revocation/revocation-list.js';
import { coseEntries, p256Signer, searched } from '../revocation/searched-log.fixture.js';
import { composeManifest } from '../write-manifest.js';
import { CAPSULE_SCHEMA, encodeCapsule, parseCapsule, type Capsule } from './capsule.js';
import { verifyCapsule, type CapsuleReport, type VerifyCapsuleOptions } from './verify-capsule.js';

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const agreed = ['reproduced', 'reproduced'] as const;

/** One module's evidence: its log holds these two statements, so there is one checkpoint. */
async function capsule(change: Partial<Capsule> = {}): Promise<Capsule> {
  const content = composition({ first: provider(0), second: provider(0) });
  return {
    schema: CAPSULE_SCHEMA,
    file: { name: 'app.wasm', content },
    evidence: [text(await evidenceOf(runModule(0), agreed))],
    sboms: [],
    trustRoot: text(trustRoot),
    ...change,
  };
}

const judge = (
  content: Capsule,
  trust: VerifyCapsuleOptions['trust'] = trustRoot,
): Promise<CapsuleReport> =>
  verifyCapsule(encodeCapsule(content), { trust, verify: nobleVerifier });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as ComposeError).code;
  }
  return 'none';
}

describe('a capsule', () => {
  let good: Capsule;
  beforeAll(async () => {
    good = await capsule();
  });

  it('verifies, and tells who rebuilt each node', async () => {
    const report = await judge(good);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      attestation: 'none',
      checkpoint: { origin: 'log.touchstone.test', size: 2 },
      proofs: [
        { node: '/component[0]/module[0]', verdict: 'reproduced' },
        { node: '/component[1]/module[0]', verdict: 'reproduced' },
      ],
    });
  });

  it('is the same bytes for the same contents, and is read as it was written', () => {
    const encoded = encodeCapsule(good);
    expect(encodeCapsule(structuredClone(good))).toEqual(encoded);
    expect(parseCapsule(encoded)).toEqual(good);
  });

  it('finds the node that was substituted', async () => {
    const content = composition({ first: provider(0), second: provider(1) });
    const report = await judge({ ...good, file: { name: 'app.wasm', content } });
    expect(report.ok).toBe(false);
    expect(report.findings).toMatchObject([
      { step: 'evidence', code: 'node-unproven', node: '/component[1]/module[0]' },
    ]);
  });

  it('does not say whom to trust', async () => {
    const own = createHash('sha256').update(good.trustRoot).digest('hex');
    expect((await judge(good, { sha256: own })).ok).toBe(true);
    const strict: TrustRoot = { ...trustRoot, policy: { quorum: 3 } };
    const lax = { ...good, trustRoot: text({ ...trustRoot, policy: { quorum: 1 } }) };
    expect(await codeOf(judge(lax, { sha256: own }))).toBe('capsule-trust-root-unknown');
    // The reader's own trust root is what counts, whatever the capsule brings along.
    const report = await judge(lax, { ...strict, rebuilders: strict.rebuilders.slice(0, 1) });
    expect(report.ok).toBe(false);
  });

  it('is refused without evidence, or when it leads to two checkpoints', async () => {
    expect(await codeOf(judge({ ...good, evidence: [] }))).toBe('capsule-evidence-missing');
    const other = text(await evidenceOf(runModule(1), agreed));
    const two = { ...good, evidence: [...good.evidence, other] };
    expect(await codeOf(judge(two))).toBe('capsule-checkpoints-differ');
  });

  it('carries an attestation in COSE', async () => {
    const integrator = signer();
    const { content } = good.file;
    const manifest = composeManifest(content);
    const statement = compositionStatement('app.wasm', deriveGraph(content), manifest);
    const envelope = await signCose(statement, [integrator]);
    const attestation = { envelope };
    const checked = (made: Capsule, keys = [integrator.publicKey]): Promise<CapsuleReport> =>
      verifyCapsule(encodeCapsule(made), {
        ...{ trust: trustRoot, publicKeys: keys, verify: nobleVerifier },
      });
    const report = await checked({ ...good, attestation });
    expect([report.findings, report.attestation]).toEqual([[], 'checked']);
    expect((await checked({ ...good, attestation }, [])).attestation).toBe('unchecked');
    const other = await checked({ ...good, attestation }, [signer().publicKey]);
    expect([other.ok, other.attestation]).toEqual([false, 'unchecked']);
  });

  describe('with an attestation in COSE that is logged', () => {
    const [first, second] = [p256Signer(), p256Signer()];
    const hash = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
    const keys = [first.publicKey, second.publicKey];
    let envelope: Uint8Array;
    let entries: NonNullable<NonNullable<Capsule['attestation']>['entries']>;
    let logged: Capsule;

    beforeAll(async () => {
      const { content } = good.file;
      const manifest = composeManifest(content);
      const statement = compositionStatement('app.wasm', deriveGraph(content), manifest);
      envelope = await signCose(statement, [first, second]);
      const evidence = await evidenceOf(runModule(0), agreed);
      const rebuilds = evidence.entries.map((each) => ({ leaf: hash(each.canonicalizedBody) }));
      const cose = coseEntries(await verifyCose(envelope, keys, nobleVerifier));
      const tree = await searched([...rebuilds, ...cose], 2, []);
      entries = [];
      for (const [at, { leaf }] of cose.entries()) {
        // One leaf between them commits to the map.
        const index = 3 + at;
        entries.push({ leaf, index, proof: (await tree.proof(index)).map(hash) });
      }
      const cosigned = await cosignedAt(1_800_000_000, await tree.reprove(evidence));
      logged = { ...good, evidence: [text(cosigned)], attestation: { envelope, entries } };
    });

    const checked = (
      attestation: NonNullable<Capsule['attestation']>,
      options: Partial<VerifyCapsuleOptions> = {},
    ): Promise<CapsuleReport> =>
      verifyCapsule(encodeCapsule({ ...logged, attestation }), {
        ...{ trust: trustRoot, publicKeys: keys, verify: nobleVerifier, ...options },
      });

    it('proves each signature, and the time by which it was there', async () => {
      const report = await checked({ envelope, entries });
      expect([report.findings, report.attestation]).toEqual([[], 'logged']);
      const seen: unknown[] = [];
      const attestationJudge: TimedCertificateJudge = (_, loggedAt) => {
        seen.push(loggedAt);
        return { publicKey: first.publicKey, identity: 'CN=Integrator', role: 'integrator' };
      };
      const certificates = [Uint8Array.of(7)];
      const judged = await checked(
        { envelope, entries, certificates },
        { trust: witnessedRoot, publicKeys: [second.publicKey], attestationJudge },
      );
      expect([judged.findings, judged.attestation]).toEqual([[], 'logged']);
      expect(new Set(seen)).toEqual(new Set([new Date(1_800_000_000_000)]));
    });

    type Entries = typeof entries;
    it.each<[string, (entries: Entries) => Partial<NonNullable<Capsule['attestation']>>]>([
      ['one signature has no entry', ([one]) => ({ entries: one ? [one] : [] })],
      ['they are in another order', (all) => ({ entries: all.toReversed() })],
      ['an entry stands for both', ([one]) => ({ entries: one ? [one, one] : [] })],
      [
        'an entry is at another place',
        (all) => ({ entries: all.map((each) => ({ ...each, index: each.index - 1 })) }),
      ],
      [
        'a leaf is of something else',
        (all) => ({ entries: all.map((each) => ({ ...each, leaf: Uint8Array.of(1) })) }),
      ],
      ['it is given as DSSE has it', ([one]) => ({ ...one })],
      ['it is given in both forms', ([one]) => ({ ...one, entries })],
    ])('is refused when %s', async (_, change) => {
      const promise = checked({ envelope, ...change(entries) });
      expect(await codeOf(promise)).toBe('capsule-attestation-unproven');
    });

    it('counts for nothing by a stranger, and is refused of Ed25519', async () => {
      const stranger = await checked({ envelope, entries }, { publicKeys: [signer().publicKey] });
      expect([stranger.ok, stranger.attestation]).toEqual([false, 'unchecked']);
      const edwards = signer();
      const { statement } = await verifyCose(envelope, keys, nobleVerifier);
      const other = await signCose(statement, [edwards, second]);
      const publicKeys = [edwards.publicKey, second.publicKey];
      const promise = checked({ envelope: other, entries }, { publicKeys });
      expect(await codeOf(promise)).toBe('capsule-attestation-unproven');
    });
  });

  it('carries the certificate of who attested, for whoever judges it', async () => {
    const integrator = signer();
    const { content } = good.file;
    const manifest = composeManifest(content);
    const statement = compositionStatement('app.wasm', deriveGraph(content), manifest);
    const envelope = text(await signEnvelope(statement, integrator));
    const certificates = [Uint8Array.of(7)];
    const made = encodeCapsule({ ...good, attestation: { envelope, certificates } });
    const judged = (attestationJudge?: TimedCertificateJudge): Promise<CapsuleReport> =>
      verifyCapsule(made, {
        ...{ trust: trustRoot, verify: nobleVerifier },
        ...(attestationJudge && { attestationJudge }),
      });
    const { publicKey } = integrator;
    const seen: unknown[] = [];
    const report = await judged((chain, loggedAt) => {
      seen.push(chain, loggedAt);
      return { publicKey, identity: 'CN=Integrator', role: 'integrator' };
    });
    // It is not logged, so nothing proves when it was signed.
    expect([report.ok, report.attestation, ...seen]).toEqual([
      true,
      'checked',
      certificates,
      undefined,
    ]);
    const refused = await judged(() => ({ code: 'certificate-role', message: 'an owner' }));
    expect([refused.attestation, refused.findings[0]?.code]).toEqual([
      'unchecked',
      'certificate-role',
    ]);
    expect((await judged()).attestation).toBe('unchecked');
  });

  it('carries revocation lists, for whoever names who may revoke', async () => {
    const owner = signer();
    const list = revocationStatement({
      ...{ issuedOn: new Date('2026-01-01'), nextUpdate: new Date('2026-02-01') },
      revoked: [{ digest: { sha256: deriveGraph(runModule(0)).nodes[0]?.digest.sha256 ?? '' } }],
    });
    const revocations = [text(await signEnvelope(list, owner))];
    const made = encodeCapsule({ ...good, revocations });
    const asked = {
      revokers: [owner.publicKey],
      at: new Date('2026-01-02'),
      verify: nobleVerifier,
    };
    const options = { trust: trustRoot, verify: nobleVerifier };
    const report = await verifyCapsule(made, { ...options, revocations: { ...asked, files: [] } });
    expect(report.findings.map(({ code, node }) => [code, node])).toEqual([
      ['node-revoked', '/component[0]/module[0]'],
      ['node-revoked', '/component[1]/module[0]'],
    ]);
    expect((await verifyCapsule(made, options)).ok).toBe(true);
  });

  it('says whether its Sigstore bundles were looked at', async () => {
    expect((await judge(good)).keyless).toBe('none');
    const carrying = { ...good, bundles: [text({ any: 'bundle' })] };
    const unchecked = await judge(carrying);
    expect([unchecked.ok, unchecked.keyless]).toEqual([true, 'unchecked']);
    const seen: unknown[] = [];
    const report = await verifyCapsule(encodeCapsule(carrying), {
      ...{ trust: trustRoot, verify: nobleVerifier },
      bundles: {
        identities: [{ issuer: 'https://issuer.test', subject: 'somebody' }],
        judge: (bundle) => {
          seen.push(bundle);
          return { code: 'bundle-invalid', message: 'it does not hold' };
        },
      },
    });
    expect([report.ok, report.keyless, seen]).toEqual([false, 'checked', [{ any: 'bundle' }]]);
    expect(report.findings.map(({ code, node }) => [code, node])).toEqual([
      ['bundle-invalid', '/'],
      ['bundle-missing', '/component[0]/module[0]'],
      ['bundle-missing', '/component[1]/module[0]'],
    ]);
  });

  it.each([
    ['of a node that is not there', '/component[9]', text({}), 'claim-unknown-node'],
    ['in no known form', '/component[0]', text({ bomFormat: 'SPDX' }), 'sbom-malformed'],
    ['in CycloneDX', '/component[0]', text({ bomFormat: 'CycloneDX', specVersion: '1.6' }), 'none'],
  ])('with a bill of materials %s', async (_, node, document, code) => {
    expect(await codeOf(judge({ ...good, sboms: [{ node, document }] }))).toBe(code);
  });

  it.each([
    ['no CBOR', Uint8Array.of(0xff), 'capsule-malformed'],
    ['bytes after it', (all: Uint8Array) => Uint8Array.from([...all, 0]), 'capsule-malformed'],
    ['cut off', (all: Uint8Array) => all.subarray(0, all.length - 1), 'capsule-malformed'],
    ['an unknown field', encodeCbor({ schema: CAPSULE_SCHEMA, more: 1 }), 'capsule-malformed'],
    ['a path as name', { name: '../a/b', content: new Uint8Array() }, 'capsule-malformed'],
  ])('of a wrong form is refused: %s', (_, made, code) => {
    const all = encodeCapsule(good);
    let content: Uint8Array;
    if (made instanceof Uint8Array) content = made;
    else if (typeof made === 'function') content = made(all);
    else content = encodeCapsule({ ...good, file: made });
    expect(() => parseCapsule(content)).toThrow(expect.objectContaining({ code }));
  });

  it('of changed bytes is refused by a code or verifies to the same file', async () => {
    const all = encodeCapsule(good);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: all.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const changed = Uint8Array.from(all);
          changed[at] = (changed[at] ?? 0) ^ flip;
          const report = await verifyCapsule(changed, {
            trust: trustRoot,
            verify: nobleVerifier,
          }).catch((error: unknown) => {
            expect((error as ComposeError).code).toBeTypeOf('string');
            return undefined;
          });
          if (report?.ok !== true) return;
          // Only the name and the trust root that travels along are under no signature or digest.
          expect(report.capsule.file.content).toEqual(good.file.content);
          expect(report.capsule.evidence).toEqual(good.evidence);
        },
      ),
      { numRuns: 40, seed: 7 },
    );
  });
});
