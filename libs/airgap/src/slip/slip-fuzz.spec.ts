import { consistencyProof } from '@touchstone/merkle';
import { encodeUtf8 } from '@touchstone/note';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  compactParts,
  signCompactAcknowledgement,
  verifyAcknowledgement,
} from '../acknowledgement.js';
import { AirgapError } from '../errors.js';
import { newSigner, TestLog, verify } from '../site.fixture.js';
import { decodeCheckpointSlip, encodeCheckpointSlip } from './checkpoint-slip.js';
import { slipBytes, slipText } from './slip-text.js';

const device = newSigner('ecdsa-p256-sha256');
let slips: Uint8Array[];
let acknowledgement: Uint8Array;

beforeAll(async () => {
  const log = await TestLog.of(13);
  const note = await log.checkpoint();
  const proof = await consistencyProof(6, 13, (id) => log.node(id));
  slips = [{ note }, { note, consistency: { from: 6, proof } }].map(encodeCheckpointSlip);
  acknowledgement = await signCompactAcknowledgement(
    {
      ...{ site: 'hut', trustRootVersion: 1, verdict: 'OK', counter: 1 },
      checkpoint: { origin: 'log.example.org', size: 13, root: 'ab'.repeat(32) },
      ...{ serial: '012300000000000001', nonce: '00'.repeat(16) },
    },
    device,
  );
});

/** One seed with up to four changes: bytes set, cut out, put in or doubled. */
const changes = fc.array(
  fc.tuple(fc.nat(), fc.constantFrom('set', 'cut', 'put', 'copy'), fc.uint8Array({ maxLength: 9 })),
  { maxLength: 4 },
);

function changed(seed: Uint8Array, list: [number, string, Uint8Array][]): Uint8Array {
  let bytes = Buffer.from(seed);
  for (const [place, how, some] of list) {
    const at = place % (bytes.length + 1);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (how === 'set') bytes = Buffer.concat([head, some, tail.subarray(some.length)]);
    if (how === 'cut') bytes = Buffer.concat([head, tail.subarray(some.length)]);
    if (how === 'put') bytes = Buffer.concat([head, some, tail]);
    if (how === 'copy') bytes = Buffer.concat([head, tail.subarray(0, some.length), tail]);
  }
  return new Uint8Array(bytes);
}

function orRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(AirgapError);
    return undefined;
  }
}

const RUNS = { numRuns: 2000 };

describe('whatever bytes come', () => {
  it('a checkpoint slip that is read is written again as it was', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1 }), changes, (which, list) => {
        const bytes = changed(slips[which] as Uint8Array, list);
        const slip = orRefused(() => decodeCheckpointSlip(bytes));
        if (slip !== undefined) expect(encodeCheckpointSlip(slip)).toEqual(bytes);
      }),
      RUNS,
    );
  });

  it('the text of a symbol is read to the bytes that make it, or refused', () => {
    fc.assert(
      fc.property(changes, (list) => {
        const text = changed(encodeUtf8(slipText(acknowledgement)), list);
        const bytes = orRefused(() => slipBytes(text));
        if (bytes === undefined || bytes === text) return;
        expect(slipText(bytes)).toBe(
          Buffer.from(text)
            .toString()
            .replace(/\r?\n$/, ''),
        );
      }),
      RUNS,
    );
  });

  it('an acknowledgement with any change is refused', async () => {
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const bytes = changed(acknowledgement, list);
        if (Buffer.compare(bytes, acknowledgement) === 0) return;
        orRefused(() => compactParts(bytes));
        await expect(verifyAcknowledgement(bytes, device.publicKey, verify)).rejects.toThrow(
          AirgapError,
        );
      }),
      { numRuns: 500 },
    );
  });
});
