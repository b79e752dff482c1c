import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { vectorsDir } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { serialNumber } from '../configuration.js';
import { decodeCommand, decodeResponse } from '../frame.js';
import { OPCODE } from '../opcode.js';
import { isPublicKey, publicKeyOf, verifyDigest } from '../p256.js';
import { attestationContext, counterAttestationDigest } from '../session-keys.js';
import { StreamDecoder } from '../stream.js';
import { imageOf, slotOffset } from './chip.fixture.js';
import { ChipModel } from './chip-model.js';
import { seededRandom } from './seeded-random.js';

interface Exchange {
  label: string;
  sent: Uint8Array;
  received: Uint8Array;
}

const dir = vectorsDir();
const exchanges =
  dir === undefined
    ? []
    : parse(readFileSync(join(dir, 'atecc608/cryptoauthlib-trace.txt'), 'utf8'));

function parse(text: string): Exchange[] {
  const found: Exchange[] = [];
  for (const line of text.trim().split('\n')) {
    const [, label, side, hex] = /^(\S+)\s+([<>]) ([0-9a-f]+)$/.exec(line)!;
    const bytes = hexToBytes(hex!);
    if (side === '>') found.push({ label: label!, sent: bytes, received: new Uint8Array(0) });
    else found.at(-1)!.received = concatBytes(found.at(-1)!.received, bytes);
  }
  return found;
}

/** Every command with the response that came after the `00` that followed it. */
function commands(): Exchange[] {
  return exchanges.flatMap((one, i) =>
    one.sent[0] === 3 ? [{ ...one, received: exchanges[i + 1]!.received }] : [],
  );
}

const keys = Array.from({ length: 8 }, (_, i) => seededRandom(Uint8Array.of(40 + i))(32));
const DIGEST = Uint8Array.from({ length: 32 }, (_, i) => i);

/** A chip with the configuration that the trace reads out, and keys of this test. */
function chipOfTrace(random: (length: number) => Uint8Array): ChipModel {
  const image = imageOf({});
  commands()
    .filter(({ label }) => label === 'config')
    .forEach(({ received }, block) => image.set(received.subarray(1, 33), block * 32));
  keys.forEach((key, slot) => image.set(key, slotOffset(slot) + 4));
  return new ChipModel({ random, image });
}

describe.skipIf(dir === undefined)('the captured session (needs ../shared/vectors)', () => {
  it('is a stream that the decoder takes apart', () => {
    const decoder = new StreamDecoder();
    const kinds = exchanges.flatMap(({ sent }) => [...decoder.push(sent)].map(({ kind }) => kind));
    expect(kinds).toHaveLength(exchanges.length);
    expect(decoder.atBoundary).toBe(true);
  });

  it('replays: byte for byte, but keys and signatures by their validity', () => {
    const fallback = seededRandom(Uint8Array.of(3));
    let scripted: Uint8Array | undefined;
    const chip = chipOfTrace((length) => scripted ?? fallback(length));
    const { serial, slot0 } = attestationContext(chip.snapshot());
    expect(serialNumber(chip.snapshot())).toEqual(serial);
    for (const { label, sent, received } of commands()) {
      const command = decodeCommand(sent.subarray(1));
      const expected = decodeResponse(received);
      const isRandom =
        command.opcode === OPCODE.random || (command.opcode === OPCODE.nonce && command.p1 === 0);
      scripted = isRandom ? expected : undefined;
      const answer = chip.transact(sent.subarray(1));
      expect(answer, label).toBeDefined();
      const actual = decodeResponse(answer!);
      if (command.opcode === OPCODE.sign) {
        const digest =
          label === 'ctrattest'
            ? counterAttestationDigest({
                serial,
                slot0,
                counter: 1,
                value: 1,
                nonce: DIGEST,
                signingSlot: 1,
              })
            : DIGEST;
        expect(verifyDigest(actual, digest, publicKeyOf(keys[command.p2]!)), label).toBe(true);
      } else if (command.opcode === OPCODE.genKey) {
        expect(isPublicKey(actual), label).toBe(true);
        expect(actual).toHaveLength(expected.length);
      } else {
        expect(bytesToHex(actual), label).toBe(bytesToHex(expected));
      }
    }
  });
});
