import { describe, expect, it } from 'vitest';
import { nobleVerifier } from '@touchstone/note';
import { narrowEvidence, rebuildStatement, verifyEvidence } from './index.js';
import {
  dissent,
  evidenceOf,
  failure,
  hex,
  ORIGIN,
  predicate,
  provenanceOf,
  trustRoot,
  vote,
  attest,
} from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

const options = { trustRoot: trustRoot(), verify: nodeVerify };

describe('verifyEvidence', () => {
  it('answers reproduced when two of three organisations are, naming each step', async () => {
    const evidence = await evidenceOf([
      await vote(signers.acme),
      await attest(signers.acme, provenanceOf(predicate(), 'acme')),
      await vote(signers.birch),
    ]);
    const result = await verifyEvidence(evidence, {
      ...options,
      artifacts: [{ sha256: hex('a'), size: 8 }],
    });
    expect(result.verdict).toBe('reproduced');
    expect(result.checkpoint).toEqual({ origin: ORIGIN, size: 9 });
    expect(result.modules).toEqual(
      ['a.wasm', 'b.wasm'].map((name) => ({
        name,
        digest: hex(name.slice(0, 1)),
        size: 8,
        verdict: 'reproduced',
        votes: [
          { organisation: 'Acme', outcome: 'reproduced' },
          { organisation: 'Birch', outcome: 'reproduced' },
        ],
      })),
    );
    expect(result.steps.map(({ name }) => name)).toEqual([
      'trust-root',
      'evidence-format',
      'recipe',
      'checkpoint-signature',
      'entries-distinct',
      'statement-signatures',
      'entry-bodies',
      'inclusion-proofs',
      'statements',
      'rebuilds',
      'provenance',
      'sbom',
      'verdict',
      'presented-files',
    ]);
  });

  it('reads the bytes of a file as it reads parsed JSON, with any verifier', async () => {
    const evidence = await evidenceOf([await vote(signers.acme), await vote(signers.birch)]);
    const file = new TextEncoder().encode(JSON.stringify(evidence));
    const result = await verifyEvidence(file, { ...options, verify: nobleVerifier });
    expect(result.verdict).toBe('reproduced');
    expect(result).toEqual(await verifyEvidence(evidence, options));
  });

  it.each([
    ['pending', [vote(signers.acme)]],
    ['disputed', [vote(signers.acme), vote(signers.birch, dissent())]],
    ['different', [vote(signers.acme, dissent()), vote(signers.birch, dissent())]],
    [
      'insufficient',
      [vote(signers.acme, failure()), vote(signers.birch, failure()), vote(signers.cedar)],
    ],
    ['pending', []],
    ['reproduced', [vote(signers.acme, failure()), vote(signers.birch), vote(signers.cedarWest)]],
    [
      'reproduced',
      [vote(signers.acme, failure()), vote(signers.acme), vote(signers.birch), vote(signers.cedar)],
    ],
  ])('answers %s without throwing', async (verdict, votes) => {
    const evidence = await evidenceOf(await Promise.all(votes));
    expect((await verifyEvidence(evidence, options)).verdict).toBe(verdict);
  });

  it('counts equivalent modules only when the policy accepts them', async () => {
    const equal = { name: 'strip', claimed: { sha256: hex('1') }, observed: { sha256: hex('1') } };
    const [a, b] = predicate().modules;
    if (a === undefined || b === undefined) throw new Error('fixture');
    const rebuild = predicate({
      outcome: 'equivalent',
      modules: [
        a,
        {
          ...b,
          outcome: 'equivalent',
          observed: { digest: { sha256: hex('4') }, size: 4 },
          normalisations: [equal],
        },
      ],
    });
    const evidence = await evidenceOf([
      await attest(signers.acme, rebuildStatement(rebuild)),
      await vote(signers.birch),
    ]);
    expect((await verifyEvidence(evidence, options)).verdict).toBe('pending');
    const lenient = trustRoot({ policy: { quorum: 2, acceptEquivalent: true } });
    expect((await verifyEvidence(evidence, { ...options, trustRoot: lenient })).verdict).toBe(
      'reproduced',
    );
  });

  it('goes on without a rebuilder that is no longer enrolled, once its statements are left out', async () => {
    const evidence = await evidenceOf([
      await vote(signers.acme),
      await attest(signers.acme, provenanceOf(predicate(), 'acme')),
      await vote(signers.birch),
      await vote(signers.cedar),
    ]);
    const old = trustRoot();
    const next = { ...old, rebuilders: old.rebuilders.filter(({ id }) => id !== 'acme') };
    const verify = (file: unknown) => verifyEvidence(file, { ...options, trustRoot: next });
    await expect(verify(evidence)).rejects.toMatchObject({ code: 'signer-unknown' });
    expect(await verify(narrowEvidence(evidence, next))).toMatchObject({
      verdict: 'reproduced',
      entries: [{ rebuilder: 'birch' }, { rebuilder: 'cedar' }],
    });
    expect(narrowEvidence(evidence, old)).toEqual(evidence);
  });

  it('does not count the vote of a rebuilder that is no longer enrolled', async () => {
    const evidence = await evidenceOf([await vote(signers.acme), await vote(signers.birch)]);
    const old = trustRoot();
    const next = { ...old, rebuilders: old.rebuilders.filter(({ id }) => id !== 'acme') };
    const narrowed = narrowEvidence(evidence, next);
    expect((await verifyEvidence(narrowed, { ...options, trustRoot: next })).verdict).toBe(
      'pending',
    );
  });
});
