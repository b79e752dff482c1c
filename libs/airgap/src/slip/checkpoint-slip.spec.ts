import { encodeCbor, type CborValue } from '@touchstone/attest';
import { consistencyProof } from '@touchstone/merkle';
import {
  cosign,
  cosignerKey,
  encodeUtf8,
  formatCheckpoint,
  formatNote,
  noteSigner,
  parseNote,
  signNote,
} from '@touchstone/note';
import { beforeAll, describe, expect, it } from 'vitest';
import { newSigner, ORIGIN, sha256, TestLog, verify } from '../site.fixture.js';
import {
  decodeCheckpointSlip,
  encodeCheckpointSlip,
  type CheckpointSlip,
} from './checkpoint-slip.js';
import {
  checkFitsSymbol,
  slipBytes,
  slipText,
  SYMBOL_BYTES,
  SYMBOL_CHARACTERS,
} from './slip-text.js';
import { verifyCheckpointSlip } from './verify-checkpoint-slip.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

let log: TestLog;
let forked: TestLog;
let slip: CheckpointSlip;

async function slipOf(of: TestLog, from: number, size = of.size): Promise<CheckpointSlip> {
  const proof = from === 0 ? [] : await consistencyProof(from, size, (id) => of.node(id));
  return { note: await of.checkpoint(size), consistency: { from, proof } };
}

beforeAll(async () => {
  log = await TestLog.of(21);
  forked = await TestLog.of(21, 'fork');
  slip = await slipOf(log, 9);
});

describe('a checkpoint slip', () => {
  it('gives back the note byte for byte, and the proof', () => {
    expect(decodeCheckpointSlip(encodeCheckpointSlip(slip))).toEqual(slip);
    const back = { note: slip.note };
    expect(decodeCheckpointSlip(encodeCheckpointSlip(back))).toEqual(back);
    expect(slipBytes(encodeUtf8(`${slipText(encodeCheckpointSlip(slip))}\r\n`))).toEqual(
      encodeCheckpointSlip(slip),
    );
  });

  it('never reads as the same slip with a byte changed, nor cut short, nor longer', () => {
    const bytes = encodeCheckpointSlip(slip);
    const read = (input: Uint8Array): CheckpointSlip | undefined => {
      try {
        return decodeCheckpointSlip(input);
      } catch (error) {
        expect(error).toEqual(code('slip-malformed'));
        return undefined;
      }
    };
    for (let at = 0; at < bytes.length; at++) {
      expect(read(bytes.with(at, (bytes[at] as number) ^ 1))).not.toEqual(slip);
      expect(read(bytes.subarray(0, at))).toBeUndefined();
    }
    expect(read(new Uint8Array([...bytes, 0]))).toBeUndefined();
  });

  const root = new Uint8Array(32);
  const line = ['a', 1, Uint8Array.of(1)];
  const hash = new Uint8Array(32);
  const head = ['touchstone-checkpoint/1', 'a', 7, root, []];
  it.each<[string, CborValue]>([
    ['another format', ['touchstone-checkpoint/2', 'a', 7, root, [], [line], null, null]],
    ['no list', 7],
    ['a size that is text', ['touchstone-checkpoint/1', 'a', '7', root, [], [line], null, null]],
    ['a short root', ['touchstone-checkpoint/1', 'a', 7, hash.subarray(1), [], [line], null, null]],
    ['no signature', [...head, [], null, null]],
    ['a signature without its key hash', [...head, [['a', Uint8Array.of(1)]], null, null]],
    ['a key hash beyond 32 bits', [...head, [['a', 2 ** 32, Uint8Array.of(1)]], null, null]],
    [
      'an extension that is no text',
      ['touchstone-checkpoint/1', 'a', 7, root, [1], [line], null, null],
    ],
    ['a proof without its size', [...head, [line], null, hash]],
    ['a size without its proof', [...head, [line], 3, null]],
    ['a proof from beyond the tree', [...head, [line], 8, hash]],
    ['a proof from nothing', [...head, [line], 0, hash]],
    ['a proof to the same size', [...head, [line], 7, hash]],
    ['no hashes where there must be', [...head, [line], 3, new Uint8Array(0)]],
    ['half a hash', [...head, [line], 3, new Uint8Array(48)]],
    ['64 hashes', [...head, [line], 3, new Uint8Array(64 * 32)]],
    ['a negative size', [...head, [line], -1, hash]],
  ])('with %s is refused', (_, value) => {
    expect(() => decodeCheckpointSlip(encodeCbor(value))).toThrow(code('slip-malformed'));
  });

  it('of the largest tree, four cosignatures and the longest proof fits one symbol', async () => {
    const size = 2 ** 53 - 1;
    const node = () => Promise.resolve(sha256(root));
    let longest: Uint8Array[] = [];
    for (let bit = 0; bit < 53; bit++) {
      const proof = await consistencyProof(2 ** bit + 1, size, node);
      if (proof.length > longest.length) longest = [...proof];
    }
    // RFC 6962 section 2.1.2: at most ceil(log2 n) + 1 hashes.
    expect(longest.length).toBe(54);
    const origin = 'transparency.wasm-rebuilders.example.org/log/2026';
    const text = formatCheckpoint({ origin, size, root: sha256(root), extensions: [] });
    const logLine = parseNote(await signNote(text, [noteSigner(origin, newSigner('ed25519'))]));
    const witnesses = ['north', 'east', 'south', 'west'].map(async (name) => {
      const signer = newSigner('ed25519');
      const key = cosignerKey(`${name}.witness.rebuilders.example.org`, signer.publicKey);
      return cosign(text, 4_102_444_800, key, signer);
    });
    const signatures = [...logLine.signatures, ...(await Promise.all(witnesses))];
    const bytes = encodeCheckpointSlip({
      note: formatNote({ text, signatures }),
      consistency: { from: 2 ** 52 + 1, proof: longest },
    });
    expect(bytes.length).toBeLessThan(SYMBOL_BYTES);
    expect(slipText(bytes).length).toBeLessThan(SYMBOL_CHARACTERS);
    checkFitsSymbol(slipText(bytes));
  });

  it('that does not fit says so', () => {
    expect(() => checkFitsSymbol('A'.repeat(SYMBOL_CHARACTERS + 1))).toThrow(
      code('slip-too-large'),
    );
  });
});

describe('a site that reads a checkpoint slip', () => {
  it('accepts one that continues its tree, and says whether witnesses did', async () => {
    const witnessed = await verifyCheckpointSlip(slip, log.site(9), { verify });
    expect([witnessed.checkpoint.size, witnessed.quorum]).toEqual([21, true]);
    const alone = { ...slip, note: await log.checkpoint(21, { cosigned: false }) };
    expect((await verifyCheckpointSlip(alone, log.site(9), { verify })).quorum).toBe(false);
    await verifyCheckpointSlip({ note: slip.note }, log.site(21), { verify });
    await verifyCheckpointSlip({ note: slip.note }, log.site(0), { verify });
  });

  it.each<[string, string, () => Promise<CheckpointSlip>, number]>([
    ['a smaller tree', 'rollback', () => slipOf(log, 3, 8), 9],
    ['a proof from elsewhere', 'base-mismatch', () => slipOf(log, 8), 9],
    ['no proof', 'base-mismatch', () => Promise.resolve({ note: slip.note }), 9],
    ['another tree', 'root-mismatch', () => slipOf(forked, 9), 9],
    ['another tree of the same size', 'fork', () => slipOf(forked, 9), 21],
    [
      'a proof of another log',
      'root-mismatch',
      async () => ({ ...slip, ...{ consistency: (await slipOf(forked, 9)).consistency! } }),
      9,
    ],
    [
      'a signature that does not hold',
      'checkpoint',
      () => Promise.resolve({ ...slip, note: slip.note.replace('\n21\n', '\n22\n') }),
      9,
    ],
    [
      'another log',
      'checkpoint',
      () => Promise.resolve({ ...slip, note: slip.note.replaceAll(ORIGIN, 'other.example') }),
      9,
    ],
  ])('refuses %s: %s', async (_, expected, made, base) => {
    const given = await made();
    await expect(verifyCheckpointSlip(given, log.site(base), { verify })).rejects.toThrow(
      code(expected),
    );
  });

  it('keeps both checkpoints of a fork', async () => {
    const ours = await log.checkpoint(21);
    const theirs = await slipOf(forked, 9);
    await expect(verifyCheckpointSlip(theirs, log.site(21, ours), { verify })).rejects.toThrow(
      expect.objectContaining({ fork: { ours, theirs: theirs.note } }),
    );
  });
});
