import { testSigner } from '@touchstone/kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatCheckpoint } from './checkpoint.js';
import { cosign, cosignerKey, formatCosignerKey } from './cosignature.js';
import { nobleVerifier } from './noble-verifier.js';
import { formatNote, type NoteSignature } from './note.js';
import { noteSigner, signNote } from './sign-note.js';
import { formatVerifierKey } from './verifier-key.js';
import { parseWitnessPolicy, type WitnessPolicy } from './witness-policy.js';
import { verifyWitnessed } from './witnessed.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const ORIGIN = 'example.org/log';
const log = noteSigner(ORIGIN, testSigner());
const otherLog = noteSigner('example.org/other', testSigner());
const signers = ['a', 'b', 'c', 'stranger'].map((name) => {
  const signer = testSigner();
  return { name, signer, key: cosignerKey(`${name}.example`, signer.publicKey) };
});
const lines = signers
  .slice(0, 3)
  .map(({ name, key }) => `witness ${name} ${formatCosignerKey(key)}`);
const policy = parseWitnessPolicy(
  `log ${formatVerifierKey(log.verifierKey)}\n${lines.join('\n')}\ngroup g 2 a b c\nquorum g\n`,
);
const text = checkpointText(ORIGIN, 7);

function checkpointText(origin: string, size: number): string {
  return formatCheckpoint({ origin, size, root: new Uint8Array(32).fill(7), extensions: [] });
}

/** The signature lines by name; `a` cosigns at second 100, `b` at 200, `c` at 300. */
const parts = new Map<string, NoteSignature>();

beforeAll(async () => {
  for (const [i, { name, signer, key }] of signers.entries()) {
    parts.set(name, await cosign(text, 100 * (i + 1), key, signer));
    parts.set(`${name} elsewhere`, await cosign(checkpointText(ORIGIN, 8), 100, key, signer));
    const plain = signer.sign(new TextEncoder().encode(text));
    parts.set(`${name} without time`, { ...parts.get(name)!, signature: plain });
  }
  const { name, keyHash } = log.verifierKey;
  const signature = await log.sign(new TextEncoder().encode(text));
  parts.set('log', { name, keyHash, signature });
  parts.set('log forged', { name, keyHash, signature: signature.with(0, signature[0]! ^ 1) });
  const a = parts.get('a')!;
  parts.set('a again', await cosign(text, 150, signers[0]!.key, signers[0]!.signer));
  parts.set('a under another name', { ...a, name: 'b.example' });
  parts.set('a under the hash of b', { ...a, keyHash: parts.get('b')!.keyHash });
  parts.set('a as b', { ...a, name: 'b.example', keyHash: parts.get('b')!.keyHash });
  parts.set('a at another time', { ...a, signature: a.signature.with(7, 101) });
  parts.set('a of ML-DSA', { ...a, keyHash: 1, signature: new Uint8Array(2428) });
  parts.set('a by its log key', { ...(await logLine(signers[0]!)) });
});

/** What the witness's key would make as a log: type 0x01. */
async function logLine({ key, signer }: (typeof signers)[number]): Promise<NoteSignature> {
  const asLog = noteSigner(key.name, signer);
  const signature = await asLog.sign(new TextEncoder().encode(text));
  return { name: key.name, keyHash: asLog.verifierKey.keyHash, signature };
}

function note(names: readonly string[]): string {
  return formatNote({ text, signatures: names.map((name) => parts.get(name)!) });
}

function open(names: readonly string[], by: WitnessPolicy | undefined = policy) {
  return verifyWitnessed(note(names), by, nobleVerifier);
}

describe('verifyWitnessed', () => {
  it.each([
    [['log'], [], false],
    [['log', 'a'], ['a'], false],
    [['log', 'a', 'b'], ['a', 'b'], true],
    [['c', 'log', 'a'], ['c', 'a'], true],
    [['log', 'a', 'b', 'c'], ['a', 'b', 'c'], true],
    [['log', 'a', 'stranger'], ['a'], false],
    [['log', 'a', 'a', 'log', 'stranger', 'stranger'], ['a'], false],
    [['log', 'a', 'a under another name'], ['a'], false],
    [['log', 'a', 'a under the hash of b'], ['a'], false],
    [['log', 'a', 'a of ML-DSA'], ['a'], false],
    [['log', 'a', 'b', 'a of ML-DSA', 'stranger'], ['a', 'b'], true],
    [['log', 'a by its log key', 'b'], ['b'], false],
  ])('%j: cosigned by %j, quorum %s', async (names, cosigned, quorum) => {
    const opened = await open(names);
    expect(opened.cosignatures.map(({ witness }) => witness.name)).toEqual(cosigned);
    expect(opened.quorum).toBe(quorum);
    expect(opened.checkpoint.size).toBe(7);
  });

  it.each([
    [['a', 'b', 'c'], 'no-known-signature'],
    [['log forged', 'a', 'b'], 'bad-signature'],
    [['log', 'a', 'a again', 'b'], 'duplicate-signature'],
    [['log', 'a', 'a as b'], 'bad-signature'],
    [['log', 'a at another time', 'b', 'c'], 'bad-signature'],
    [['log', 'a elsewhere', 'b', 'c'], 'bad-signature'],
    [['log', 'a without time', 'b', 'c'], 'cosignature-malformed'],
  ])('%j is refused: %s', async (names, expected) => {
    await expect(open(names)).rejects.toThrow(code(expected));
  });

  it.each([
    [['log', 'a'], undefined],
    [['log', 'a', 'b'], { since: 200, latest: 100 }],
    [['log', 'b', 'c'], { since: 300, latest: 200 }],
    [['log', 'a', 'c'], { since: 300, latest: 100 }],
    // Two of three suffice: by 200 two had cosigned, and two did at 200 or later.
    [['log', 'a', 'b', 'c'], { since: 200, latest: 200 }],
  ])('%j was witnessed at %j', async (names, time) => {
    expect((await open(names)).time).toEqual(time);
  });

  it('has no quorum without a policy, and no time with the quorum none', async () => {
    const logs = [log.verifierKey];
    const full = note(['log', 'a', 'b', 'c']);
    const without = await verifyWitnessed(full, undefined, nobleVerifier, { logs });
    expect([without.quorum, without.cosignatures]).toEqual([false, []]);
    await expect(open(['log', 'a', 'b'], { ...policy, logs: [] })).rejects.toThrow(
      code('no-known-signature'),
    );
    const none = parseWitnessPolicy('quorum none\n');
    const opened = await verifyWitnessed(note(['log']), none, nobleVerifier, { logs });
    expect([opened.quorum, opened.time]).toEqual([true, undefined]);
  });

  it('refuses the checkpoint of one log under the key of another', async () => {
    const both = parseWitnessPolicy(
      `log ${formatVerifierKey(log.verifierKey)}\nlog ${formatVerifierKey(otherLog.verifierKey)}\nquorum none\n`,
    );
    const foreign = await signNote(checkpointText(ORIGIN, 9), [otherLog]);
    await expect(verifyWitnessed(foreign, both, nobleVerifier)).rejects.toThrow(
      code('checkpoint-origin'),
    );
  });

  it('refuses witnesses that a note cannot tell apart', async () => {
    const [a, b, c] = policy.witnesses as [never, never, never];
    const twice = { ...policy, witnesses: [a, b, c, a] };
    await expect(open(['log', 'a'], twice)).rejects.toThrow(code('ambiguous-key'));
  });
});
