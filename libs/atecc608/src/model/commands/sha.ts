import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import type { Command } from '../../frame.js';
import { Sha256State } from '../../sha256-state.js';
import { requireDataLocked, requireTempKey, storedPublicKey, symmetricKey } from '../access.js';
import { allowIf, parseCheck, type Answer, type Chip, type Handler } from '../chip.js';
import { plainTempKey } from '../volatile.js';

const MODE = {
  start: 0,
  update: 1,
  end: 2,
  public: 3,
  hmacStart: 4,
  hmacEnd: 5,
  readContext: 6,
  writeContext: 7,
} as const;
const BLOCK = 64;
const KEY_IN_TEMP_KEY = 0xffff;

/**
 * SHA (47): SHA-256 in steps of up to 64 bytes, HMAC under a slot or TempKey, and its state out
 * and in again. The digest is answered and put into TempKey, the message digest buffer (+40) or
 * nowhere else (+C0). Update takes any length up to 64, as the vendor's tests expect.
 */
export const sha: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  const mode = p1 & 7;
  const ends = mode === MODE.end || mode === MODE.hmacEnd;
  parseCheck((p1 & 0x38) === 0 && (ends || (p1 & 0xc0) === 0));
  switch (mode) {
    case MODE.start:
      parseCheck(p2 === 0 && data.length === 0);
      chip.volatile.sha = { state: new Sha256State(), blocks: 0 };
      return 'ok';
    case MODE.update:
      parseCheck(p2 === data.length && data.length <= BLOCK);
      advance(chip, data);
      return 'ok';
    case MODE.end:
    case MODE.hmacEnd:
      return end(chip, command);
    case MODE.public:
      parseCheck(data.length === 0);
      takePublicKey(chip, p2);
      return 'ok';
    case MODE.hmacStart:
      parseCheck(data.length === 0);
      return hmacStart(chip, p2);
    case MODE.readContext:
      parseCheck(p2 === 0 && data.length === 0);
      allowIf(running(chip).hmacKey === undefined);
      return running(chip).state.save();
    default:
      return writeContext(chip, command);
  }
};

function running(chip: Chip): NonNullable<Chip['volatile']['sha']> {
  const run = chip.volatile.sha;
  allowIf(run !== undefined);
  return run;
}

/** A short block in the middle ends the counting: what comes later stands nowhere in particular. */
function advance(chip: Chip, bytes: Uint8Array): void {
  const run = running(chip);
  run.state.update(bytes);
  const blocks = bytes.length === BLOCK ? run.blocks + 1 : NaN;
  chip.volatile.sha = { ...run, blocks };
}

function takePublicKey(chip: Chip, slot: number): void {
  const { blocks } = running(chip);
  advance(chip, storedPublicKey(chip, slot));
  chip.volatile.sha = { ...running(chip), publicKey: { slot, position: blocks } };
}

function hmacStart(chip: Chip, keyId: number): Answer {
  const hmacKey =
    keyId === KEY_IN_TEMP_KEY ? requireTempKey(chip).value.slice(0, 32) : slotKey(chip, keyId);
  const inner = new Uint8Array(BLOCK).fill(0x36);
  hmacKey.forEach((byte, i) => (inner[i] = byte ^ 0x36));
  chip.volatile.sha = { state: new Sha256State().update(inner), hmacKey, blocks: 0 };
  return 'ok';
}

function slotKey(chip: Chip, slot: number): Uint8Array {
  requireDataLocked(chip);
  return symmetricKey(chip, slot);
}

function end(chip: Chip, { p1, p2, data }: Command): Answer {
  const target = p1 >>> 6;
  parseCheck(p2 === data.length && data.length < BLOCK && target !== 2);
  const { state, hmacKey, blocks, publicKey } = running(chip);
  const inner = state.update(data).digest();
  const digest = hmacKey === undefined ? inner : outer(hmacKey, inner);
  chip.volatile.sha = undefined;
  const whole = blocks + (data.length > 0 ? 1 : 0);
  chip.volatile.certificate = publicKey && { digest, blocks: whole, publicKey };
  if (target === 0) chip.volatile.tempKey = plainTempKey(digest, true);
  if (target === 1) chip.volatile.messageDigest = digest;
  return digest.slice();
}

function outer(key: Uint8Array, inner: Uint8Array): Uint8Array {
  const pad = new Uint8Array(BLOCK).fill(0x5c);
  key.forEach((byte, i) => (pad[i] = byte ^ 0x5c));
  return sha256(concatBytes(pad, inner));
}

function writeContext(chip: Chip, { p2, data }: Command): Answer {
  parseCheck(p2 === data.length);
  const state = Sha256State.restore(data);
  parseCheck(state !== undefined);
  chip.volatile.sha = { state, blocks: NaN };
  return 'ok';
}
