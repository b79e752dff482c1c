import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sha256State } from './sha256-state.js';

describe('SHA-256 with its state on the outside', () => {
  it('agrees with SHA-256 however the message is cut, and through save and restore', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (message, cut) => {
        const at = Math.min(cut, message.length);
        const first = new Sha256State().update(message.subarray(0, at));
        const second = Sha256State.restore(first.save());
        expect(second?.update(message.subarray(at)).digest()).toEqual(sha256(message));
      }),
      { seed: 6, numRuns: 200 },
    );
  });

  it('saves as the chip is documented to', () => {
    const saved = new Sha256State().update(Uint8Array.of(1, 2, 3, 4, 5)).save();
    expect(bytesToHex(saved)).toBe(
      '0500000067e6096a85ae67bb72f36e3c3af54fa57f520e518c68059babd9831f19cde05b0102030405',
    );
  });

  it.each([
    ['too short', new Uint8Array(35)],
    ['too long', new Uint8Array(100)],
    ['of another length than it says', new Uint8Array(40)],
  ])('refuses a state %s', (_, saved) => {
    expect(Sha256State.restore(saved)).toBeUndefined();
  });
});
