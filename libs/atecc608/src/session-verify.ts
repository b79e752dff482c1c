import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { equalBytes, u16le } from './bytes.js';
import { internalMessage, publicKeyDigest, type KeyConfiguration } from './digests.js';
import { Atecc608Error } from './errors.js';
import { OPCODE } from './opcode.js';
import { INTO_MESSAGE_BUFFER, requireLength } from './session-arguments.js';
import type { Atecc608Session } from './session.js';

/** Lets the chip check signatures, and believe public keys. Signatures are r‖s, public keys X‖Y. */

const VERIFY = { stored: 0x00, validateExternal: 0x01, external: 0x02 } as const;
const FROM_MESSAGE_BUFFER = 0x20;
const WITH_MAC = 0x80;
/** Nonce: 64 bytes as they are, into the message digest buffer. */
const TWO_BLOCKS = INTO_MESSAGE_BUFFER | 0x20;
const P256 = 4;

/**
 * What the host and the chip share, so that nobody on the line between them can turn a refusal into
 * the answer that a signature is good.
 */
export interface IoProtection {
  /** 32 bytes, in the slot that ChipOptions names. */
  readonly key: Uint8Array;
  /** 32 bytes of the host, other ones each time. */
  readonly nonce: Uint8Array;
}

/**
 * Under a public key given with it.
 *
 * @throws Atecc608Error `execution` when the key is no point of the curve, `response-mac`
 */
export async function verifyExternal(
  session: Atecc608Session,
  digest: Uint8Array,
  signature: Uint8Array,
  key: Uint8Array,
  io?: IoProtection,
): Promise<boolean> {
  requireLength('public key', key, 64);
  return verify(session, { digest, signature, mode: VERIFY.external, p2: P256, key }, io);
}

/** Under a public key that the chip stores. @throws Atecc608Error `response-mac` */
export async function verifyStored(
  session: Atecc608Session,
  digest: Uint8Array,
  signature: Uint8Array,
  slot: number,
  io?: IoProtection,
): Promise<boolean> {
  return verify(session, { digest, signature, mode: VERIFY.stored, p2: slot }, io);
}

/**
 * Makes the chip accept the public key in a slot on a certificate: its digest, and the signature of the
 * key that the slot names as its parent. Where X509format asks for it the chip must have made the
 * digest itself, with SHA.
 */
export async function validateExternal(
  session: Atecc608Session,
  slot: number,
  digest: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  return verify(session, { digest, signature, mode: VERIFY.validateExternal, p2: slot });
}

interface Verification {
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  readonly mode: number;
  readonly p2: number;
  readonly key?: Uint8Array;
}

async function verify(
  session: Atecc608Session,
  { digest, signature, mode, p2, key = new Uint8Array(0) }: Verification,
  io?: IoProtection,
): Promise<boolean> {
  requireLength('digest', digest, 32);
  requireLength('signature', signature, 64);
  const data = concatBytes(signature, key);
  if (io === undefined) {
    await session.command(OPCODE.nonce, INTO_MESSAGE_BUFFER, 0, digest);
    const p1 = mode | FROM_MESSAGE_BUFFER;
    return (await unlessMiscompare(session.command(OPCODE.verify, p1, p2, data))) !== undefined;
  }
  requireLength('IO protection key', io.key, 32);
  requireLength('nonce', io.nonce, 32);
  await session.command(OPCODE.nonce, TWO_BLOCKS, 0, concatBytes(digest, io.nonce));
  const p1 = mode | FROM_MESSAGE_BUFFER | WITH_MAC;
  const answer = await unlessMiscompare(session.command(OPCODE.verify, p1, p2, data));
  if (answer === undefined) return false;
  const parameters = concatBytes(Uint8Array.of(OPCODE.verify, p1), u16le(p2));
  const mac = sha256(concatBytes(io.key, digest, io.nonce, signature, parameters));
  if (equalBytes(mac, answer)) return true;
  throw new Atecc608Error(
    'response-mac',
    'the answer does not come from a chip with this IO protection key',
  );
}

/** Miscompare is an answer, every other status an error. */
async function unlessMiscompare(answer: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Atecc608Error && error.code === 'miscompare') return undefined;
    throw error;
  }
}

/**
 * The message, and its digest, that an authority signs so that a chip accepts (or drops) the public
 * key in a slot, and the nineteen bytes of OtherData that go with it. `nonce` is what both put into TempKey.
 */
export function validationDigest(
  serial: Uint8Array,
  slot: number,
  key: Uint8Array,
  nonce: Uint8Array,
  invalidate = false,
): { message: Uint8Array; digest: Uint8Array; other: Uint8Array } {
  const none: KeyConfiguration = { slotConfig: 0, keyConfig: 0, unlocked: false };
  const message = internalMessage({
    tempKey: publicKeyDigest(nonce, new Uint8Array(3), serial, key),
    flags: { keyId: slot, fixedNonce: true, genDigData: false, genKeyData: true, noMac: false },
    mode: invalidate ? 1 : 0,
    keyId: 0,
    configuration: none,
    serial,
  });
  const other = concatBytes(
    message.subarray(33, 43),
    message.subarray(44, 48),
    message.subarray(50, 55),
  );
  return { message, digest: sha256(message), other };
}

/** Makes the chip accept (or drop) the public key in a slot; false when the signature is bad. */
export async function validatePublicKey(
  session: Atecc608Session,
  slot: number,
  nonce: Uint8Array,
  signature: Uint8Array,
  other: Uint8Array,
): Promise<boolean> {
  await session.command(OPCODE.nonce, 3, 0, nonce);
  await session.command(OPCODE.genKey, 0x10, slot, new Uint8Array(3));
  const mode = other[17] === 1 ? 7 : 3;
  const data = concatBytes(signature, other);
  return (await unlessMiscompare(session.command(OPCODE.verify, mode, slot, data))) !== undefined;
}
