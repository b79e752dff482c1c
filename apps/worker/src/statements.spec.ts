import {
  checkProvenanceStatement,
  checkSbomStatement,
  recipeDigestOf,
  type RebuildPredicate,
} from '@touchstone/attest';
import type { Recipe } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import type { FoundLockfile, RebuildReport } from '@touchstone/rebuild';
import { describe, expect, it } from 'vitest';
import { signReport, type SignedReport } from './statements.js';

const hex = (letter: string, length = 64): string => letter.repeat(length);
const integrity = `sha512-${Buffer.alloc(64, 7).toString('base64')}`;
const recipe: Recipe = {
  schema: 'https://touchstone.dev/recipe/v1',
  artifact: { kind: 'npm', name: 'a', version: '1.0.0', integrity },
  source: { kind: 'npm', name: 'a', version: '1.0.0', integrity },
  toolchain: { name: 'wabt', version: '1.0.12' },
  workdir: 'package',
  steps: [{ run: ['wat2wasm'] }],
  modules: [{ name: 'a', output: 'a.wasm', published: { kind: 'file', path: 'package/a.wasm' } }],
};
const artifact = { uri: 'pkg:npm/a@1.0.0', digest: { sha512: hex('07', 64) } };
const file = { digest: { sha256: hex('b') }, size: 8 };
const predicate: RebuildPredicate = {
  outcome: 'reproduced',
  artifact,
  recipe: { digest: { sha256: recipeDigestOf(recipe) } },
  toolchain: { name: 'wabt', version: '1.0.12', digest: { sha256: hex('c') } },
  modules: [
    { name: 'a', outcome: 'reproduced', claimed: file, observed: file, normalisations: [] },
  ],
  environment: { sandbox: 'test', architecture: 'x86_64', network: 'none', variables: {} },
  startedOn: '2026-01-01T00:00:00.000Z',
  finishedOn: '2026-01-01T00:00:01.000Z',
};

const key = generateKey('ed25519');
const lockfile = (value: unknown): FoundLockfile => ({
  name: 'package-lock.json',
  bytes: new TextEncoder().encode(JSON.stringify(value)),
});
const packages = (count: number): Record<string, object> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `node_modules/p${index}`,
      {
        version: '1.0.0',
        resolved: `https://registry.npmjs.org/p${index}/-/p${index}-1.0.0.tgz`,
        integrity,
      },
    ]),
  );

async function sign(
  found: FoundLockfile | undefined,
  signer = key,
): Promise<SignedReport & { reasons: string[] }> {
  const reasons: string[] = [];
  const report: RebuildReport = {
    predicate,
    resolvedDependencies: [{ uri: artifact.uri, digest: artifact.digest, name: 'artifact' }],
    built: new Map(),
    claimed: new Map(),
    ...(found === undefined ? {} : { lockfile: found }),
  };
  const signed = await signReport(report, {
    recipe,
    rebuilderId: 'acme-1',
    invocationId: 'one',
    version: '0.1.0',
    signer,
    onUnlisted: (reason) => reasons.push(reason),
  });
  return { ...signed, reasons };
}

const checks = { rebuild: predicate, publicKeys: [key.publicKey], verify: nodeVerifier };

describe('the statements of a rebuild', () => {
  it('hold a bill of materials of the modules built, when the source has a lockfile', async () => {
    const { provenance, sbom } = await sign(
      lockfile({ name: 'a', lockfileVersion: 3, packages: packages(2) }),
    );
    const bom = await checkSbomStatement(sbom, checks);
    expect(bom.specVersion).toBe('1.6');
    expect(bom.components?.map(({ name }) => name)).toEqual(['p0', 'p1']);
    const expected = { recipeDigest: recipeDigestOf(recipe), rebuilder: 'acme-1', ...checks };
    await checkProvenanceStatement(provenance, expected);
  });

  it('hold the same document whoever signs', async () => {
    const found = lockfile({ name: 'a', lockfileVersion: 3, packages: packages(2) });
    const [a, b] = [await sign(found), await sign(found, generateKey('ecdsa-p256-sha256'))];
    expect(a.sbom?.payload).toBe(b.sbom?.payload);
  });

  it('hold none without a lockfile', async () => {
    const { sbom, provenance, reasons } = await sign(undefined);
    expect([sbom, reasons]).toEqual([undefined, []]);
    expect(provenance).toBeDefined();
  });

  it.each([
    ['cannot be read', lockfile({ lockfileVersion: 1 }), 'lockfile-unsupported'],
    [
      'names more than fits a statement',
      lockfile({ name: 'a', lockfileVersion: 3, packages: packages(3000) }),
      'dsse-payload-too-large',
    ],
  ])('do without it, and say why, when the lockfile %s', async (_, found, code) => {
    const { sbom, rebuild, provenance, reasons } = await sign(found);
    expect(sbom).toBeUndefined();
    expect([rebuild, provenance]).not.toContain(undefined);
    expect(reasons.join()).toContain(code);
  });
});
