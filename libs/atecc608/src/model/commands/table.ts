import { OPCODE } from '../../opcode.js';
import type { Handler } from '../chip.js';
import { aes } from './aes.js';
import { checkMac } from './check-mac.js';
import { counter } from './counter.js';
import { deriveKey } from './derive-key.js';
import { ecdh } from './ecdh.js';
import { genDig } from './gen-dig.js';
import { genKey } from './gen-key.js';
import { info } from './info.js';
import { kdf } from './kdf.js';
import { lock } from './lock.js';
import { mac } from './mac.js';
import { nonce } from './nonce.js';
import { privWrite } from './priv-write.js';
import { random } from './random.js';
import { read } from './read.js';
import { secureBoot } from './secure-boot.js';
import { selfTest } from './self-test.js';
import { sha } from './sha.js';
import { sign } from './sign.js';
import { updateExtra } from './update-extra.js';
import { verify } from './verify.js';
import { write } from './write.js';

/** Who answers which opcode. */
export const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [OPCODE.aes, aes],
  [OPCODE.checkMac, checkMac],
  [OPCODE.counter, counter],
  [OPCODE.deriveKey, deriveKey],
  [OPCODE.ecdh, ecdh],
  [OPCODE.genDig, genDig],
  [OPCODE.genKey, genKey],
  [OPCODE.info, info],
  [OPCODE.kdf, kdf],
  [OPCODE.lock, lock],
  [OPCODE.mac, mac],
  [OPCODE.nonce, nonce],
  [OPCODE.privWrite, privWrite],
  [OPCODE.random, random],
  [OPCODE.read, read],
  [OPCODE.secureBoot, secureBoot],
  [OPCODE.selfTest, selfTest],
  [OPCODE.sha, sha],
  [OPCODE.sign, sign],
  [OPCODE.updateExtra, updateExtra],
  [OPCODE.verify, verify],
  [OPCODE.write, write],
]);
