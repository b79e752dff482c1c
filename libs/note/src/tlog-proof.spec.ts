import { inclusionProof, rfc6962, rootFromLeaves } from '@touchstone/merkle';
import { testSigner } from '@touchstone/kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { toBase64 } from './base64.js';
import { formatCheckpoint } from './checkpoint.js';
import { cosign, cosignerKey, formatCosignerKey } from './cosignature.js';
import { nobleVerifier } from './noble-verifier.js';
import { noteSigner, signNote } from './sign-note.js';
import {
  TLOG_PROOF_LIMITS,
  formatTlogProof,
  parseTlogProof,
  verifyTlogProof,
  type TlogProof,
} from './tlog-proof.js';
import { encodeUtf8 } from './utf8.js';
import { formatVerifierKey } from './verifier-key.js';
import { parseWitnessPolicy } from './witness-policy.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const leaves = Array.from({ length: 11 }, (_, i) => rfc6962.leaf(encodeUtf8(`leaf ${i}`)));
const log = noteSigner('example.org/log', testSigner());
const witness = testSigner();
const key = cosignerKey('w.example', witness.publicKey);
const policy = parseWitnessPolicy(
  `log ${formatVerifierKey(log.verifierKey)}\nwitness w ${formatCosignerKey(key)}\nquorum w\n`,
);
const leafHash = leaves[6]!;
let unwitnessed: string;
let proof: TlogProof;

beforeAll(async () => {
  const root = rootFromLeaves(leaves);
  const text = formatCheckpoint({ origin: 'example.org/log', size: 11, root, extensions: [] });
  unwitnessed = await signNote(text, [log]);
  const checkpoint = await signNote(text, [log], [await cosign(text, 1234, key, witness)]);
  const hashes = await inclusionProof(6, 11, ({ level, index }) =>
    rootFromLeaves(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
  );
  proof = { index: 6, hashes, checkpoint };
});

describe('verifyTlogProof', () => {
  it('proves a leaf that a witnessed log holds', async () => {
    const opened = await verifyTlogProof(proof, { leafHash, policy }, nobleVerifier);
    expect(opened.checkpoint.size).toBe(11);
    expect(opened.time).toEqual({ since: 1234, latest: 1234 });
  });

  it.each([
    ['without its cosignature', () => ({ ...proof, checkpoint: unwitnessed }), 'quorum-missing'],
    ['of another index', () => ({ ...proof, index: 7 }), 'proof-inclusion'],
    ['of an index beyond the tree', () => ({ ...proof, index: 11 }), 'proof-inclusion'],
    ['with a hash less', () => ({ ...proof, hashes: proof.hashes.slice(1) }), 'proof-inclusion'],
    [
      'with a hash more',
      () => ({ ...proof, hashes: [...proof.hashes, leafHash] }),
      'proof-inclusion',
    ],
    [
      'with hashes in another order',
      () => ({ ...proof, hashes: [...proof.hashes].reverse() }),
      'proof-inclusion',
    ],
    [
      'of another size',
      () => ({ ...proof, checkpoint: proof.checkpoint.replace('\n11\n', '\n12\n') }),
      'bad-signature',
    ],
  ])('refuses a proof %s', async (_name, change, expected) => {
    await expect(verifyTlogProof(change(), { leafHash, policy }, nobleVerifier)).rejects.toThrow(
      code(expected),
    );
  });

  it('refuses another leaf, and a log that is not of the policy', async () => {
    const other = { leafHash: leaves[5]!, policy };
    await expect(verifyTlogProof(proof, other, nobleVerifier)).rejects.toThrow(
      code('proof-inclusion'),
    );
    const strange = { leafHash, policy, logs: [] };
    await expect(verifyTlogProof(proof, strange, nobleVerifier)).rejects.toThrow(
      code('no-known-signature'),
    );
  });
});

describe('the file', () => {
  it('is a header, the index, the hashes and the checkpoint verbatim', () => {
    const text = formatTlogProof(proof);
    expect(text).toBe(
      `c2sp.org/tlog-proof@v1\nindex 6\n${proof.hashes.map((hash) => `${toBase64(hash)}\n`).join('')}\n${proof.checkpoint}`,
    );
    expect(parseTlogProof(text)).toEqual(proof);
    expect(parseTlogProof(encodeUtf8(text))).toEqual(proof);
  });

  it('carries extra data, and no hashes in a tree of one leaf', () => {
    const extra = encodeUtf8('age-v1.2.1-darwin-arm64.tar.gz');
    const text = formatTlogProof({ ...proof, hashes: [], extra });
    expect(text).toContain(
      '@v1\nextra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6\nindex 6\n\nexample',
    );
    expect(parseTlogProof(text)).toEqual({ ...proof, hashes: [], extra });
    const most = new Uint8Array(TLOG_PROOF_LIMITS.extraBytes);
    expect(parseTlogProof(formatTlogProof({ ...proof, extra: most })).extra).toEqual(most);
  });

  const hash = toBase64(new Uint8Array(32));
  it.each([
    ['nothing', () => '', 'proof-malformed'],
    ['another version', (t: string) => t.replace('@v1', '@v2'), 'proof-malformed'],
    ['no index', (t: string) => t.replace('index 6\n', ''), 'proof-malformed'],
    ['two indices', (t: string) => t.replace('index 6', 'index 6\nindex 6'), 'proof-malformed'],
    ['a leading zero', (t: string) => t.replace('index 6', 'index 06'), 'proof-malformed'],
    ['a negative index', (t: string) => t.replace('index 6', 'index -6'), 'proof-malformed'],
    [
      'an index of 2^53',
      (t: string) => t.replace('index 6', 'index 9007199254740992'),
      'proof-malformed',
    ],
    ['a space at the end', (t: string) => t.replace('index 6', 'index 6 '), 'proof-malformed'],
    ['carriage returns', (t: string) => t.replaceAll('\n', '\r\n'), 'proof-malformed'],
    ['no empty line', (t: string) => t.replaceAll('\n\n', '\n'), 'proof-malformed'],
    ['a short hash', (t: string) => t.replace('index 6', 'index 6\nAAAA'), 'proof-malformed'],
    ['a hash that is none', (t: string) => t.replace('index 6', 'index 6\n!'), 'proof-malformed'],
    [
      'too many hashes',
      (t: string) => t.replace('index 6', `index 6${`\n${hash}`.repeat(64)}`),
      'proof-malformed',
    ],
    ['an empty extra line', (t: string) => t.replace('index', 'extra \nindex'), 'proof-malformed'],
    ['loose extra data', (t: string) => t.replace('index', 'extra AB==\nindex'), 'proof-malformed'],
    [
      'extra data after the index',
      (t: string) => t.replace('index 6', 'index 6\nextra AAAA'),
      'proof-malformed',
    ],
    [
      'two extra lines',
      (t: string) => t.replace('index', 'extra AAAA\nextra AAAA\nindex'),
      'proof-malformed',
    ],
    [
      'too much extra data',
      (t: string) => t.replace('index', `extra ${toBase64(new Uint8Array(262_145))}\nindex`),
      'proof-malformed',
    ],
    ['too many bytes', (t: string) => t + 'x'.repeat(1_400_000), 'proof-malformed'],
    ['no checkpoint', (t: string) => t.slice(0, t.indexOf('\n\n') + 2), 'note-malformed'],
    [
      'an unsigned checkpoint',
      (t: string) => t.slice(0, t.indexOf('\n\u2014') + 1),
      'note-malformed',
    ],
  ])('is refused with %s', (_name, change, expected) => {
    expect(() => parseTlogProof(change(formatTlogProof(proof)))).toThrow(code(expected));
  });

  it.each([
    ['an index that is no number', { index: NaN }, 'proof-malformed'],
    ['a hash of 31 bytes', { hashes: [new Uint8Array(31)] }, 'proof-malformed'],
    ['empty extra data', { extra: new Uint8Array() }, 'proof-malformed'],
    ['a text that is no note', { checkpoint: 'x' }, 'note-malformed'],
  ])('is not written with %s', (_name, change, expected) => {
    expect(() => formatTlogProof({ ...proof, ...change })).toThrow(code(expected));
  });
});
