import { concatBytes } from '@noble/hashes/utils.js';
import { testSigner } from '@touchstone/kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cosignerKey,
  formatCosignature,
  formatCosignerKey,
  parseAnyCosignerKey,
  parseCosignature,
} from './cosignature.js';
import { NoteError } from './errors.js';
import { formatNote } from './note.js';
import { formatTlogProof, parseTlogProof } from './tlog-proof.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';
import { formatVerifierKey, verifierKey } from './verifier-key.js';
import { hasQuorum, parseWitnessPolicy } from './witness-policy.js';

/** TOUCHSTONE_FUZZ_RUNS asks for a long run: that many cases of every parser. */
const RUNS = Number(process.env['TOUCHSTONE_FUZZ_RUNS'] ?? 1_000);
const TIMEOUT = 30_000 + RUNS * 5;

const a = formatCosignerKey(cosignerKey('a.example', testSigner().publicKey));
const b = formatCosignerKey(cosignerKey('b.example', testSigner().publicKey));
const log = formatVerifierKey(verifierKey('example.org/log', testSigner().publicKey));
const SEEDS = {
  policy: `# c\nlog ${log} https://log\nwitness a ${a} https://a\nwitness b ${b}\ngroup g 1 a b\nquorum g\n`,
  proof: formatTlogProof({
    index: 12,
    hashes: [new Uint8Array(32), new Uint8Array(32).fill(255)],
    extra: Uint8Array.of(1),
    checkpoint: formatNote({
      text: 'o\n99\nAAAA\n',
      signatures: [{ name: 'o', keyHash: 1, signature: new Uint8Array(64) }],
    }),
  }),
  key: a,
};

/** Valid bytes with some of them cut out, doubled, exchanged or made up. */
function mutated(seed: string): fc.Arbitrary<Uint8Array> {
  const bytes = encodeUtf8(seed);
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc
      .constantFrom(
        '\n',
        '\n\n',
        ' ',
        '\t',
        '+',
        '#',
        '0',
        '=',
        'none',
        'all',
        '\u2014 ',
        'index ',
        'quorum g\n',
      )
      .map(encodeUtf8),
    fc.tuple(fc.nat(bytes.length), fc.nat(40)).map(([at, n]) => bytes.slice(at, at + n)),
  );
  const change = fc.tuple(fc.nat(bytes.length), fc.nat(12), piece);
  return fc.array(change, { minLength: 0, maxLength: 4 }).map((changes) => {
    let out = bytes;
    for (const [at, cut, put] of changes) {
      out = concatBytes(out.subarray(0, at), put, out.subarray(at + cut));
    }
    return out;
  });
}

/** Parses, and lets through what the library refuses with a code. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

function check(
  seed: number,
  input: fc.Arbitrary<Uint8Array>,
  body: (bytes: Uint8Array) => void,
): void {
  fc.assert(
    fc.property(
      fc.oneof({ weight: 9, arbitrary: input }, { weight: 1, arbitrary: fc.uint8Array() }),
      body,
    ),
    {
      seed,
      numRuns: RUNS,
    },
  );
}

describe('whatever the bytes', () => {
  it(
    'a policy is refused with a code or has a quorum that its witnesses can make',
    () => {
      check(501, mutated(SEEDS.policy), (bytes) => {
        const policy = attempt(() => parseWitnessPolicy(bytes));
        if (policy === undefined) return;
        expect(hasQuorum(policy, new Set(policy.witnesses))).toBe(true);
        expect(hasQuorum(policy, new Set())).toBe(policy.quorum === 'none');
      });
    },
    TIMEOUT,
  );

  it(
    'a tlog-proof is refused with a code or written again byte for byte',
    () => {
      check(502, mutated(SEEDS.proof), (bytes) => {
        const proof = attempt(() => parseTlogProof(bytes));
        if (proof) expect(formatTlogProof(proof)).toBe(decodeUtf8(bytes));
      });
    },
    TIMEOUT,
  );

  it(
    'a key of a cosigner is refused with a code or written again',
    () => {
      check(503, mutated(SEEDS.key), (bytes) => {
        const vkey = new TextDecoder().decode(bytes);
        const key = attempt(() => parseAnyCosignerKey(vkey));
        if (key && 'publicKey' in key) expect(formatCosignerKey(key)).toBe(vkey);
      });
    },
    TIMEOUT,
  );

  it(
    'a cosignature is refused with a code or written again',
    () => {
      const size = fc.oneof(fc.constant(72), fc.nat(80));
      const bytes = size.chain((n) => fc.uint8Array({ minLength: n, maxLength: n }));
      const small = bytes.map((some) => some.map((byte, i) => (i < 2 ? 0 : byte)));
      check(504, fc.oneof(bytes, small), (some) => {
        const cosignature = attempt(() => parseCosignature(some));
        if (cosignature) expect(formatCosignature(cosignature)).toEqual(some);
      });
    },
    TIMEOUT,
  );
});
