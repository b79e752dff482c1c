import { describe, expect, it } from 'vitest';
import {
  checkProvenanceStatement,
  rebuildStatement,
  signEnvelope,
  type AttestErrorCode,
  type Statement,
} from './index.js';
import {
  artifact,
  dissent,
  hex,
  predicate,
  provenanceOf,
  recipe,
  recipeDigest,
} from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

const { acme, birch } = signers;
const rebuild = dissent();
const expected = {
  publicKeys: [acme.publicKey],
  verify: nodeVerify,
  rebuild,
  recipeDigest,
  rebuilder: 'acme',
};

/** The provenance of the rebuild with one part of its predicate changed. */
function changed(
  part: 'buildDefinition' | 'runDetails',
  changes: Record<string, unknown>,
): Statement {
  const statement = provenanceOf(rebuild, 'acme');
  const old = statement.predicate[part];
  return {
    ...statement,
    predicate: {
      ...statement.predicate,
      [part]: { ...(old as Record<string, unknown>), ...changes },
    },
  };
}

describe('provenanceStatement', () => {
  it('is SLSA v1.0 about the modules as they were built', () => {
    expect(provenanceOf(rebuild, 'acme')).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      predicateType: 'https://slsa.dev/provenance/v1',
      subject: [
        { name: `${artifact.uri}#a.wasm`, digest: { sha256: hex('a') } },
        { name: `${artifact.uri}#b.wasm`, digest: { sha256: hex('e') } },
      ],
      predicate: {
        buildDefinition: {
          buildType: 'https://touchstone.dev/recipe/v1',
          externalParameters: { recipe },
          internalParameters: { environment: rebuild.environment },
          resolvedDependencies: [artifact],
        },
        runDetails: {
          builder: {
            id: 'https://touchstone.dev/rebuilder/acme',
            version: { touchstone: '0.1.0' },
          },
          metadata: {
            invocationId: 'lease-1',
            startedOn: rebuild.startedOn,
            finishedOn: rebuild.finishedOn,
          },
        },
      },
    });
  });
});

describe('checkProvenanceStatement', () => {
  it.each([
    ['what provenanceStatement made', provenanceOf(rebuild, 'acme')],
    ['fields of later versions', changed('runDetails', { byproducts: [] })],
  ])('accepts %s', async (_, statement) => {
    const envelope = await signEnvelope(statement, acme);
    const checked = await checkProvenanceStatement(envelope, expected);
    expect(checked).toEqual({ predicate: statement.predicate, publicKey: acme.publicKey });
  });

  it.each<[string, AttestErrorCode, Statement]>([
    ['a rebuild statement', 'statement-predicate-type', rebuildStatement(rebuild)],
    ['modules of another rebuild', 'statement-subject-mismatch', provenanceOf(predicate(), 'acme')],
    ['another builder', 'provenance-builder-mismatch', provenanceOf(rebuild, 'birch')],
    [
      'another environment',
      'provenance-environment-mismatch',
      changed('buildDefinition', { internalParameters: { environment: {} } }),
    ],
    [
      'no environment',
      'provenance-environment-mismatch',
      changed('buildDefinition', { internalParameters: {} }),
    ],
    [
      'another build type',
      'provenance-build-type',
      changed('buildDefinition', { buildType: 'https://example.com/make' }),
    ],
    [
      'another recipe',
      'statement-recipe-mismatch',
      changed('buildDefinition', { externalParameters: { recipe: { ...recipe, steps: [] } } }),
    ],
    [
      'no recipe',
      'statement-recipe-mismatch',
      changed('buildDefinition', { externalParameters: {} }),
    ],
    [
      'a parameter besides the recipe',
      'provenance-parameter-unknown',
      changed('buildDefinition', { externalParameters: { recipe, hook: 'curl example.com' } }),
    ],
    [
      'a dependency with a malformed digest',
      'statement-malformed',
      changed('buildDefinition', { resolvedDependencies: [{ uri: 'x', digest: { sha256: '0' } }] }),
    ],
    [
      'no dependencies',
      'provenance-dependency-missing',
      changed('buildDefinition', { resolvedDependencies: [] }),
    ],
    [
      'the publication under another digest',
      'provenance-dependency-missing',
      changed('buildDefinition', {
        resolvedDependencies: [{ ...artifact, digest: { sha512: hex('0') + hex('0') } }],
      }),
    ],
    ['no builder', 'statement-malformed', changed('runDetails', { builder: null })],
  ])('refuses %s: %s', async (_, code, statement) => {
    const envelope = await signEnvelope(statement, acme);
    await expect(checkProvenanceStatement(envelope, expected)).rejects.toMatchObject({ code });
  });

  it('wants what was built from and with among the dependencies, when told', async () => {
    const toolchain = { digest: { sha256: hex('7') } };
    const wanting = { ...expected, dependencies: [toolchain.digest] };
    const without = await signEnvelope(provenanceOf(rebuild, 'acme'), acme);
    await expect(checkProvenanceStatement(without, wanting)).rejects.toMatchObject({
      code: 'provenance-dependency-missing',
    });
    const resolvedDependencies = [artifact, toolchain];
    const statement = changed('buildDefinition', { resolvedDependencies });
    const whole = await signEnvelope(statement, acme);
    expect((await checkProvenanceStatement(whole, wanting)).publicKey).toEqual(acme.publicKey);
  });

  it('refuses the right words of the wrong signer', async () => {
    const envelope = await signEnvelope(provenanceOf(rebuild, 'acme'), birch);
    await expect(checkProvenanceStatement(envelope, expected)).rejects.toMatchObject({
      code: 'signer-unknown',
    });
  });
});
