import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { keyId, nobleVerifier, toBase64 } from '@touchstone/note';
import {
  artifactDescriptor,
  AttestError,
  canonicalJson,
  checkRebuildStatement,
  encodeStatement,
  paeBytes,
  parseCanonicalStatement,
  parseEnvelope,
  parseEvidence,
  parseJson,
  parseStatement,
  parseTrustRoot,
  publicKeyFromBase64,
  rebuildStatement,
  STATEMENT_PAYLOAD_TYPE,
  verifyEnvelope,
  verifyEvidence,
  viewRecipe,
  type Evidence,
  type RecipeArtifact,
  type Statement,
} from './index.js';
import {
  artifact,
  dissent,
  evidenceOf,
  predicate,
  recipe,
  recipeDigest,
  trustRoot,
  vote,
} from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

/** TOUCHSTONE_FUZZ multiplies the number of cases. */
const runs = (count: number) => ({
  seed: 15,
  numRuns: count * Number(process.env['TOUCHSTONE_FUZZ'] ?? 1),
});

/** Runs `parse`; anything but a value or an AttestError is a failure of the test. */
async function tame(parse: () => unknown): Promise<void> {
  try {
    await parse();
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
  }
}

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
  maxDepth: 4,
});

/** Every place in a JSON value, as a path of keys. */
function paths(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => paths(item, [...path, key]))];
}

function replaceAt(value: unknown, path: readonly string[], put: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return put;
  if (Array.isArray(value)) {
    return value.map((item: unknown, at): unknown =>
      String(at) === key ? replaceAt(item, rest, put) : item,
    );
  }
  return {
    ...(value as Record<string, unknown>),
    [key]: replaceAt((value as Record<string, unknown>)[key], rest, put),
  };
}

const hostile = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    '',
    'AAAA',
    'A'.repeat(100_000),
    -1,
    2 ** 53,
    1.5,
    null,
    [],
    {},
    '\ud800',
  ),
  anything,
);

/** A valid value with one place replaced by something else. */
function mutants(valid: unknown): fc.Arbitrary<unknown> {
  return fc
    .tuple(fc.constantFrom(...paths(valid)), hostile)
    .map(([path, put]) => replaceAt(valid, path, put));
}

let evidence: Evidence;

beforeAll(async () => {
  evidence = await evidenceOf([await vote(signers.acme), await vote(signers.birch)]);
});

describe('parsers throw nothing but AttestError', () => {
  it('for any bytes', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json({ maxDepth: 5 }).map((text) => new TextEncoder().encode(text)),
    );
    const property = fc.asyncProperty(bytes, async (input) => {
      await tame(() => parseJson(input, 100));
      await tame(() => parseStatement(input));
      await tame(() => parseCanonicalStatement(input));
      await tame(() => parseEvidence(input));
    });
    await fc.assert(property, runs(500));
  });

  it('for any value', async () => {
    const property = fc.asyncProperty(anything, async (input) => {
      await tame(() => canonicalJson(input));
      await tame(() => parseEnvelope(input));
      await tame(() => parseTrustRoot(input));
      await tame(() => parseEvidence(input));
      await tame(() => viewRecipe(input));
      await tame(() => verifyEnvelope(input, [signers.acme.publicKey], nobleVerifier));
      await tame(() =>
        publicKeyFromBase64('ed25519', JSON.stringify(Object.keys(Object(input) as object))),
      );
    });
    await fc.assert(property, runs(500));
  });

  it('for trust roots and recipes with one thing wrong', async () => {
    await fc.assert(
      fc.asyncProperty(mutants(trustRoot()), (root) => tame(() => parseTrustRoot(root))),
      runs(200),
    );
    await fc.assert(
      fc.asyncProperty(mutants(recipe), (mutant) => tame(() => viewRecipe(mutant))),
      runs(300),
    );
    const texts = fc.string({ unit: 'binary', maxLength: 20 });
    const artifacts: fc.Arbitrary<RecipeArtifact> = fc.oneof(
      fc.record({
        kind: fc.constant('npm' as const),
        name: texts,
        version: texts,
        integrity: fc.oneof(
          texts,
          texts.map((text) => `sha512-${text}`),
        ),
      }),
      fc.record({ kind: fc.constant('upload' as const), name: texts, sha256: texts }),
    );
    await fc.assert(
      fc.asyncProperty(artifacts, (named) => tame(() => artifactDescriptor(named))),
      runs(300),
    );
  });

  it('for signed statements with one thing wrong, which are refused or as they were', async () => {
    const expected = {
      publicKeys: [signers.acme.publicKey],
      verify: nodeVerify,
      artifact,
      recipeDigest,
      moduleNames: ['a.wasm', 'b.wasm'],
    };
    const statements = fc.oneof(
      mutants(rebuildStatement(predicate())),
      mutants(rebuildStatement(dissent())),
    );
    const property = fc.asyncProperty(statements, (statement) =>
      tame(async () => {
        const payload = encodeStatement(statement as Statement);
        const sig = await signers.acme.sign(paeBytes(STATEMENT_PAYLOAD_TYPE, payload));
        const { predicate: read } = await checkRebuildStatement(
          {
            payload: toBase64(payload),
            payloadType: STATEMENT_PAYLOAD_TYPE,
            signatures: [{ sig: toBase64(sig), keyid: keyId(signers.acme.publicKey) }],
          },
          expected,
        );
        expect(encodeStatement(rebuildStatement(read))).toEqual(payload);
      }),
    );
    await fc.assert(property, runs(500));
  });

  it('for evidence with one thing wrong, which is never reproduced', async () => {
    const options = { trustRoot: trustRoot(), verify: nodeVerify };
    const original = canonicalJson(evidence);
    const property = fc.asyncProperty(mutants(evidence), (mutant) =>
      tame(async () => {
        // canonicalJson refuses mutants that no file could hold.
        fc.pre(canonicalJson(mutant) !== original);
        const { verdict } = await verifyEvidence(mutant, options);
        // Leaving out entries is what a mutant can do without being refused, and dropping the key
        // id, which is a hint.
        if (verdict === 'reproduced') {
          const { entries, ...rest } = mutant as Evidence;
          const bare = entries.map((entry) =>
            replaceAt(entry, ['envelope', 'signatures', '0', 'keyid'], ''),
          );
          const { entries: all, ...others } = evidence;
          expect(rest).toEqual(others);
          expect(bare).toEqual(
            all.map((entry) => replaceAt(entry, ['envelope', 'signatures', '0', 'keyid'], '')),
          );
        }
      }),
    );
    await fc.assert(property, runs(300));
  });
});
