import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeUtf8, nobleVerifier } from '@touchstone/note';
import {
  AttestError,
  parseEvidence,
  parseTrustRoot,
  verifyEvidence,
  type AttestErrorCode,
  type TrustRoot,
} from './index.js';
import { hex, ORIGIN } from './testdata/evidence-fixture.js';
import { nodeVerify } from './testdata/parties.js';

function read(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`./testdata/${name}`, import.meta.url)));
}

/** TOUCHSTONE_LONG=1 flips every bit instead of one of each byte. */
const LONG = process.env['TOUCHSTONE_LONG'] === '1';

/** Files as they were first written. They are never made again: what they hold must stay readable. */
const file = read('golden.evidence.json');
const trustRoot: TrustRoot = parseTrustRoot(
  JSON.parse(new TextDecoder().decode(read('golden.trust-root.json'))),
);

describe('the golden evidence file', () => {
  it('keeps verifying, with the verifier of either kind', async () => {
    for (const verify of [nobleVerifier, nodeVerify]) {
      const result = await verifyEvidence(file, {
        trustRoot,
        verify,
        artifacts: [{ name: 'a.wasm', sha256: hex('a'), size: 8 }],
      });
      expect(result).toMatchObject({
        verdict: 'reproduced',
        checkpoint: { origin: ORIGIN, size: 9 },
        artifact: { uri: 'pkg:npm/%40scope/pebble@1.2.3' },
        recipeDigest: '4c3c9d83b1a8bd1e6be46dbba637e927304b39be77fb3bd301c82759017d0158',
        entries: [
          { logIndex: 3, organisation: 'Acme' },
          { logIndex: 4, organisation: 'Acme' },
          { logIndex: 5, organisation: 'Birch' },
        ],
      });
      expect(result.steps.every(({ spec }) => spec !== '')).toBe(true);
    }
  });

  it('keeps verifying where entries name what was signed by digest', async () => {
    const result = await verifyEvidence(read('golden-hashedrekord.evidence.json'), {
      trustRoot,
      verify: nodeVerify,
    });
    expect(result).toMatchObject({
      verdict: 'reproduced',
      checkpoint: { origin: ORIGIN, size: 10 },
      entries: [
        { logIndex: 3, organisation: 'Birch' },
        { logIndex: 4, organisation: 'Birch' },
        { logIndex: 5, organisation: 'Cedar' },
        { logIndex: 6, organisation: 'Acme' },
      ],
    });
  });

  it('is refused whichever byte of it is changed', { timeout: 300_000 }, async () => {
    // One vote of it, under a policy that asks for one: small enough to try each byte.
    const lenient = { ...trustRoot, policy: { quorum: 1 } };
    const options = { trustRoot: lenient, verify: nodeVerify };
    const evidence = parseEvidence(file);
    const small = encodeUtf8(
      JSON.stringify({ ...evidence, entries: evidence.entries.slice(0, 1) }),
    );
    expect((await verifyEvidence(small, options)).verdict).toBe('reproduced');
    const refusals = new Map<AttestErrorCode, number>();
    const accepted: number[] = [];
    for (const [at, byte] of small.entries()) {
      for (const bit of LONG ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 7]) {
        const flipped = Uint8Array.from(small);
        flipped[at] = byte ^ (1 << bit);
        try {
          await verifyEvidence(flipped, options);
          accepted.push(at);
        } catch (error) {
          if (!(error instanceof AttestError)) throw error;
          refusals.set(error.code, (refusals.get(error.code) ?? 0) + 1);
        }
      }
    }
    expect(accepted).toEqual([]);
    const refused = [...refusals.values()].reduce((sum, count) => sum + count, 0);
    expect(refused).toBe(small.length * (LONG ? 8 : 1));
    // Each part of the file is refused by the check that is there for it.
    expect([...refusals.keys()]).toEqual(
      expect.arrayContaining([
        'checkpoint-malformed',
        'checkpoint-origin-unknown',
        'checkpoint-signature',
        'dsse-signature',
        'entry-body-mismatch',
        'evidence-artifact-mismatch',
        'evidence-malformed',
        'inclusion-proof',
        'recipe-malformed',
        'signer-unknown',
        'statement-recipe-mismatch',
      ]),
    );
  });
});
