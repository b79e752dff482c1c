import { signCose } from '@touchstone/attest';
import { nobleVerifier } from '@touchstone/note';
import { signBinary, signDetached, type JudgedCertificates } from '@touchstone/wasm';
import { describe, expect, it } from 'vitest';
import { COMPONENT, custom, join, runModule, section } from './assemble.fixture.js';
import { compositionStatement } from './attestation.js';
import { cosignedAt, evidenceOf, signer, witnessedRoot } from './evidence.fixture.js';
import { deriveGraph } from './graph.js';
import type { NodeSignaturesOptions } from './node-signatures.js';
import { verifyComposition, type CompositionReport } from './verify.js';
import { composeManifest, embedManifest } from './write-manifest.js';

const [owner, integrator, stranger] = [signer(), signer(), signer()];
const delimiter = new Uint8Array(16).fill(7);

/** A part that its owner signed, in a component that an integrator made, described and signed. */
const part = await signBinary(runModule(), delimiter, { signer: owner });
const whole = (module: Uint8Array): Uint8Array => {
  const bytes = join(COMPONENT, section(1, module));
  return embedManifest(bytes, composeManifest(bytes));
};
const signed = await signBinary(whole(part), delimiter, { signer: integrator });
function verify(
  bytes: Uint8Array,
  options: Partial<NodeSignaturesOptions> = {},
): Promise<CompositionReport> {
  const publicKeys = [owner.publicKey, integrator.publicKey];
  return verifyComposition(bytes, {
    signatures: { ...{ publicKeys, verify: nobleVerifier }, ...options },
  });
}

const codes = ({ findings }: CompositionReport): string[][] =>
  findings.map(({ step, code, node }) => [step, code, node]);

describe('signatures in place', () => {
  it('are told node by node, and the manifest holds as before', async () => {
    const report = await verify(signed);
    expect(codes(report)).toEqual([]);
    expect(report.steps.find(({ name }) => name === 'signatures')?.ok).toBe(true);
    expect(report.signatures).toMatchObject([
      { node: '/', status: 'valid', covers: { whole: true, preamble: true } },
      { node: '/module[0]', status: 'valid', covers: { whole: true, preamble: true } },
    ]);
    expect(report.signatures?.map(({ signer: who }) => who?.publicKey)).toEqual([
      integrator.publicKey,
      owner.publicKey,
    ]);
  });

  it('are not looked at when nobody asks', async () => {
    const { steps, signatures } = await verifyComposition(signed);
    expect(steps.map(({ name }) => name)).not.toContain('signatures');
    expect(signatures).toBeUndefined();
  });

  it('name the part whose owner signed other bytes, though the integrator signed over it', async () => {
    const grown = join(part, custom('added'));
    const bytes = await signBinary(whole(grown), delimiter, { signer: integrator });
    const report = await verify(bytes);
    expect(codes(report)).toEqual([['signatures', 'signature-incomplete', '/module[0]']]);
    const [{ offset = 0 } = {}] = report.findings;
    expect(bytes.subarray(offset, offset + custom('added').length)).toEqual(custom('added'));
  });

  it('are asked of the file itself', async () => {
    expect(codes(await verify(whole(part)))).toEqual([['signatures', 'signature-missing', '/']]);
    const bytes = await signBinary(whole(part), delimiter, { signer: stranger });
    expect(codes(await verify(bytes))).toEqual([['signatures', 'signature-signer-unknown', '/']]);
  });

  it('are refused where they cannot be read, node by node', async () => {
    const doubled = join(part, custom('signature'));
    const bytes = await signBinary(whole(doubled), delimiter, { signer: integrator });
    expect(codes(await verify(bytes))).toEqual([['signatures', 'signature-doubled', '/module[0]']]);
  });

  it('are bounded in what they cost', async () => {
    const publicKeys = Array.from({ length: 20_001 }, () => owner.publicKey);
    const report = await verify(signed, { publicKeys, verify: () => false });
    expect(codes(report)).toEqual([['signatures', 'signatures-too-many', '/']]);
  });
});

describe('roles in certificates', () => {
  const certificates = [Uint8Array.of(1)];
  const judged = async (module: string, outer: string): Promise<string[][]> => {
    const one = await signBinary(runModule(), delimiter, { signer: owner, certificates });
    const two = await signBinary(whole(one), delimiter, {
      ...{ signer: integrator, certificates: [Uint8Array.of(2)] },
    });
    const certificatesJudge = ([chain]: readonly Uint8Array[]): JudgedCertificates =>
      chain?.[0] === 1
        ? { publicKey: owner.publicKey, identity: 'CN=Owner', role: module }
        : { publicKey: integrator.publicKey, identity: 'CN=Integrator', role: outer };
    return codes(await verify(two, { publicKeys: [], certificates: certificatesJudge }));
  };

  it.each([
    ['owner', 'integrator', []],
    ['owner', 'owner', []],
    ['integrator', 'integrator', [['signatures', 'certificate-role', '/module[0]']]],
    ['owner', 'device', [['signatures', 'certificate-role', '/']]],
    ['owner', 'rebuilder', [['signatures', 'certificate-role', '/']]],
  ])('of a part by %s in a whole by %s', async (module, outer, expected) => {
    expect(await judged(module, outer)).toEqual(expected);
  });

  it('are judged by the judge', async () => {
    const bytes = await signBinary(whole(part), delimiter, { signer: integrator, certificates });
    const certificatesJudge = (): JudgedCertificates => ({
      code: 'certificate-expired',
      message: 'expired',
    });
    expect(codes(await verify(bytes, { certificates: certificatesJudge }))).toEqual([
      ['signatures', 'certificate-expired', '/'],
    ]);
  });
});

describe('the time of a signature', () => {
  const certificates = [Uint8Array.of(1)];
  /** Certificates that were good in the first 1,000 seconds of 1970. */
  const shortLived = (_: unknown, loggedAt?: Date): JudgedCertificates =>
    loggedAt !== undefined && loggedAt.getTime() < 1_000_000
      ? { publicKey: owner.publicKey, identity: 'CN=Owner', role: 'owner' }
      : { code: 'certificate-expired', message: 'expired' };

  async function judged(
    files: readonly unknown[],
    bytes: Uint8Array,
    more: Partial<NodeSignaturesOptions> = {},
  ): Promise<string[][]> {
    const evidence = { files, trustRoot: witnessedRoot, verify: nobleVerifier };
    const signatures = { publicKeys: [], verify: nobleVerifier, certificates: shortLived, ...more };
    return codes(await verifyComposition(bytes, { evidence, signatures }));
  }
  const agreed = ['reproduced', 'reproduced'] as const;
  const expired = (node: string): string[] => ['signatures', 'certificate-expired', node];

  it('is that by which witnesses saw a log with these bytes in it, or those around them', async () => {
    const one = await signBinary(runModule(), delimiter, { signer: owner, certificates });
    const two = await signBinary(whole(one), delimiter, { signer: owner, certificates });
    const early = await cosignedAt(999, await evidenceOf(two, agreed));
    expect(await judged([early], two)).toEqual([]);
    // What is nested proves nothing of what is around it.
    const nested = await cosignedAt(999, await evidenceOf(one, agreed));
    expect(await judged([nested], two)).toEqual([expired('/')]);
    const late = await cosignedAt(1000, await evidenceOf(two, agreed));
    expect(await judged([late], two)).toEqual([expired('/'), expired('/module[0]')]);
    expect(await judged([late, nested], two)).toEqual([expired('/')]);
    const forged = await cosignedAt(999, await evidenceOf(two, agreed));
    const checkpoint = forged.checkpoint.replace(/.{4}\n$/u, 'AAA=\n');
    expect((await judged([{ ...forged, checkpoint }], two))[0]).toEqual([
      ...['evidence', 'checkpoint-unwitnessed', '/'],
    ]);
  });

  it('is not that of the file when it stands apart from it', async () => {
    const bytes = whole(runModule());
    const early = await cosignedAt(999, await evidenceOf(bytes, agreed));
    const detached = await signDetached(bytes, { signer: owner, certificates });
    expect(await judged([early], bytes, { detached })).toEqual([expired('/')]);
  });
});

describe('an attestation in COSE', () => {
  it('is taken as that in DSSE is, with more than one signer', async () => {
    const statement = compositionStatement('a', deriveGraph(signed), composeManifest(signed));
    const envelope = await signCose(statement, [integrator, owner]);
    const publicKeys = [owner.publicKey, integrator.publicKey];
    const attestation = { envelope, publicKeys, verify: nobleVerifier };
    const report = await verifyComposition(signed, { attestation });
    expect(codes(report)).toEqual([]);
    expect(report.signers).toHaveLength(2);
    const moved = await verifyComposition(whole(runModule(3)), { attestation });
    expect(codes(moved)).toContainEqual(['attestation', 'attestation-subject-mismatch', '/']);
    const broken = { ...attestation, envelope: envelope.subarray(0, -1) };
    expect(codes(await verifyComposition(signed, { attestation: broken }))).toEqual([
      ['attestation', 'cbor-malformed', '/'],
    ]);
  });
});
