import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import {
  checkMacDigest,
  counterDigest,
  deriveKeyMac,
  internalMessage,
  ioCipher,
  keyConfigurationDigest,
  keyedDigest,
  macDigest,
  nonceDigest,
  privWriteCipher,
  privWriteMac,
  publicKeyDigest,
  validationMessage,
} from './digests.js';
import { counterAttestationDigest } from './session-keys.js';

/** `length` bytes counting up from `first`. */
const run = (first: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => first + i);

const serial = Uint8Array.of(0x01, 0x23, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0xee);
const key = run(0x10, 32);
const challenge = run(0x40, 32);
const otp = run(0x80, 64);
const random = run(0xc0, 32);
const tempKey = nonceDigest(random, run(0xa0, 20), 0, 0);
const slot0 = { slotConfig: 0x2087, keyConfig: 0x0033, unlocked: true };
const slot4 = { slotConfig: 0x0f8f, keyConfig: 0x003c, unlocked: true };
const message = internalMessage({
  tempKey,
  flags: { keyId: 4, fixedNonce: true, genDigData: true, genKeyData: false, noMac: false },
  mode: 0x40,
  keyId: 1,
  configuration: slot4,
  serial,
});

// Computed with the host functions of Microchip's CryptoAuthLib 3.7.8 from the same inputs.
const CASES: Record<string, [Uint8Array, string]> = {
  nonce: [tempKey, '746b800721ec2d9f61c78603664d8bea190900832e0d4fd561968d96ae24a300'],
  'GenDig of a slot': [
    keyedDigest(key, { opcode: 0x15, p1: 2, p2: 4 }, serial, tempKey),
    'ca52fae9b90cdefb919d036433a7762f24cc79e605d6d8507fe30c171788072d',
  ],
  'GenDig of a slot without MAC': [
    keyedDigest(key, challenge.subarray(0, 4), serial, tempKey),
    '3416d362c1490c1b2bdb4c9cbf7ba557b185e7af43555b3bdad0325182460f24',
  ],
  'GenDig of a counter': [
    counterDigest(1, 0x012345, serial, tempKey),
    'f111ecac7b953bce7b3fc606607ed3a1682b113bb76ebe6a7e008cebb44eb509',
  ],
  'GenDig of a configuration': [
    keyConfigurationDigest(4, slot4, serial, tempKey),
    'c7990c88ff6c15b64bd4f8dc6c8b7ce99c483c3e301978d836d691e08dfc5ef3',
  ],
  'GenDig of a shared nonce': [
    keyedDigest(challenge, Uint8Array.of(0x15, 3, 4, 0), serial, tempKey),
    'b5a3e45005a2dd1b71d4cd445fb5cf158ef0b0401bbee9d419eb834c932f6cd2',
  ],
  'GenDig of a shared nonce, TempKey first': [
    keyedDigest(tempKey, Uint8Array.of(0x15, 3, 4, 0), serial, challenge),
    'ecc342046955df8feee7bb1b8350870e6d009c5dd46870888d08a4c3a6701653',
  ],
  'MAC with serial number and 64 bits of OTP': [
    macDigest(key, challenge, { opcode: 8, p1: 0x60, p2: 4 }, serial, padded(otp, 8, 11)),
    'ec8f6b8ddf33b7a15853bbeb5c6720e283b0910f5b3106607145e60aabf225d2',
  ],
  'MAC with 88 bits of OTP': [
    macDigest(key, challenge, { opcode: 8, p1: 0x10, p2: 4 }, serial, padded(otp, 11, 11)),
    '8f1a6f65e2abd430decd6fb1f8fb0411bfc08f373c38b8582fb3f34af91c3a03',
  ],
  CheckMac: [
    checkMacDigest(key, challenge, run(0xe0, 13), serial, otp.subarray(0, 8)),
    'c160974e52607f2816eeb29b60f8406b9f6f50fdd0578b3f27c1d9c87e06bfe6',
  ],
  DeriveKey: [
    keyedDigest(key, { opcode: 0x1c, p1: 0, p2: 3 }, serial, tempKey),
    '60c1600f4ba9c8f7d629cc7bcbf8b08b80fb77f23e6d8bcf78966a0579e5e223',
  ],
  "DeriveKey's MAC": [
    deriveKeyMac(key, { opcode: 0x1c, p1: 0, p2: 3 }, serial),
    'b8afa981cd47c884898a9d15bc2c59b237b3d12d8f93e3947345abdf8d5ab55f',
  ],
  "Write's MAC": [
    keyedDigest(tempKey, { opcode: 0x12, p1: 0xc2, p2: 0x0108 }, serial, challenge),
    'a4c32bf956d272eac9f4640054df38ca4c65950487ef5a9450a44334f9fdcacc',
  ],
  "PrivWrite's MAC": [
    privWriteMac(tempKey, { opcode: 0x46, p1: 0x40, p2: 7 }, serial, run(0x10, 36)),
    'cf828dc14634e075864894d453b6a6e8fc7fe91673d32a7e654cb9ad1917a06a',
  ],
  "PrivWrite's cipher": [
    privWriteCipher(tempKey, run(0x10, 36)),
    '647a921435f93b8879de9c187a5095f5392822a00a2869f249bfa7bd82098d2f906ae19f',
  ],
  'public key digest': [
    publicKeyDigest(tempKey, Uint8Array.of(1, 2, 3), serial, run(0x20, 64)),
    '22d0495c19e4ad9b0f78d7e4b4b0a1f45ad941af06762ab5a00d8c92194883e9',
  ],
  'internal message': [
    message,
    '746b800721ec2d9f61c78603664d8bea190900832e0d4fd561968d96ae24a300' +
      '414001008f0f3c00340000eec3d4e5f60123a1b2010000',
  ],
  'output encryption': [
    ioCipher(key, random, run(0x55, 64)),
    '79b80cd49d97fa3f23f29eeaba63cd0ff54313118954aa661c12ea8b4fe39df1' +
      'df835a6f354ff35ba8979c29c72dcf81bad21a628e6a47975ed3d32daf48af3b',
  ],
  'counter attestation': [
    counterAttestationDigest({
      serial,
      counter: 1,
      value: 7,
      nonce: challenge,
      signingSlot: 2,
      slot0,
    }),
    'ac78d4d37c3961cfb3874a8ddc5bd4e82f4fdaaf0e31fc0427f0645576631a0e',
  ],
};

describe("digests agree with the vendor's host library", () => {
  it.each(Object.keys(CASES))('%s', (name) => {
    const [actual, expected] = CASES[name]!;
    expect(bytesToHex(actual)).toBe(expected);
  });

  it('rebuilds the internal message from OtherData', () => {
    const other = Uint8Array.from([
      ...message.subarray(33, 43),
      ...message.subarray(44, 48),
      ...message.subarray(50, 55),
    ]);
    expect(bytesToHex(other)).toBe('4001008f0f3c00340000c3d4e5f6a1b2010000');
    expect(sha256(validationMessage(tempKey, other, serial))).toEqual(sha256(message));
  });
});

function padded(bytes: Uint8Array, length: number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(bytes.subarray(0, length));
  return out;
}
