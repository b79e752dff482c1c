import { describe, expect, it } from 'vitest';
import {
  encodeStatement,
  parseEvidence,
  parseStatement,
  verificationSummary,
  verifyEvidence,
} from './index.js';
import {
  dissent,
  evidenceOf,
  hex,
  predicate,
  trustRoot,
  vote,
} from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

async function summaryOf(...votes: Parameters<typeof evidenceOf>[0]) {
  const evidence = parseEvidence(await evidenceOf(votes));
  const root = trustRoot();
  const verified = await verifyEvidence(evidence, { trustRoot: root, verify: nodeVerify });
  return verificationSummary({
    ...{ evidence, trustRoot: root, verified },
    verifier: 'https://auditor.example',
    version: { touchstone: '0.1.0' },
    timeVerified: '2026-01-01T00:00:00Z',
  });
}

describe('a verification summary', () => {
  it('passes for reproduced, with every field of SLSA v1.2 that says something here', async () => {
    const summary = await summaryOf(await vote(signers.acme), await vote(signers.birch));
    const { artifact } = predicate();
    expect(summary).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: artifact.uri, digest: artifact.digest },
        { name: `${artifact.uri}#a.wasm`, digest: { sha256: hex('a') } },
        { name: `${artifact.uri}#b.wasm`, digest: { sha256: hex('b') } },
      ],
      predicateType: 'https://slsa.dev/verification_summary/v1',
      predicate: {
        verifier: { id: 'https://auditor.example', version: { touchstone: '0.1.0' } },
        timeVerified: '2026-01-01T00:00:00Z',
        resourceUri: artifact.uri,
        policy: {
          uri: 'https://touchstone.dev/trust-root/v1',
          digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
        },
        inputAttestations: [1, 2].map(() => ({
          digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
        })),
        verificationResult: 'PASSED',
        verifiedLevels: ['SLSA_BUILD_LEVEL_UNEVALUATED', 'TOUCHSTONE_REPRODUCED'],
        slsaVersion: '1.2',
      },
    });
    expect(parseStatement(encodeStatement(summary))).toEqual(summary);
  });

  it.each([
    ['pending', () => [vote(signers.acme)]],
    ['disputed', () => [vote(signers.acme), vote(signers.birch, dissent())]],
  ])('fails for %s', async (_, votes) => {
    const summary = await summaryOf(...(await Promise.all(votes())));
    expect(summary.predicate).toMatchObject({
      verificationResult: 'FAILED',
      verifiedLevels: ['FAILED'],
    });
  });
});
