import { randomBytes } from 'node:crypto';
import {
  keyConfigValue,
  rawSignature,
  readPublicKey,
  slotConfigValue,
  validatePublicKey,
  validationDigest,
  writePublicKey,
  type Atecc608Session,
} from '@touchstone/atecc608';
import { rawPublicKey, type PublicKey, type Signer } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';

/** What stands where in a chip that was provisioned here. */
export const SLOT = {
  deviceKey: 0,
  /** What host and chip share, so that the host knows whose answer it has. */
  ioProtection: 6,
  certificate: 10,
  authority: 11,
  /** The exporter's key, and the next one's. */
  exporters: [13, 14],
} as const;

/** KeyConfig: a public key of P-256 that counts only once it was validated. */
const VALIDATED_KEY = 0x0012;
const KIND_BITS = 0x001f;

/**
 * Writes an exporter's key and has the chip accept it on the authority's word, which is bound to
 * this chip and slot.
 *
 * @throws CliError `device-authority` when the chip's trust anchor did not sign
 */
export async function trustExporter(
  session: Atecc608Session,
  slot: number,
  exporter: PublicKey,
  authority: Signer,
): Promise<void> {
  const key = rawPublicKey(exporter).slice(1);
  await writePublicKey(session, slot, key);
  const serial = await session.serialNumber();
  const nonce = new Uint8Array(randomBytes(32));
  // What GenKey digests is the slot as it stands.
  const { message, other } = validationDigest(serial, slot, key, nonce);
  const signature = rawSignature(await authority.sign(message));
  if (await validatePublicKey(session, slot, nonce, signature, other)) return;
  throw new CliError(
    'device-authority',
    "the chip does not accept the exporter's key: it was provisioned by another authority",
    EXIT.refuted,
  );
}

/**
 * The slots of the exporters whom this chip was told to believe; undefined when it was provisioned
 * without an authority, and is handed keys with each signature.
 */
export async function exporterSlots(
  session: Atecc608Session,
): Promise<{ readonly slot: number; readonly key: Uint8Array }[] | undefined> {
  const config = await session.readConfiguration();
  const anchored = SLOT.exporters.filter(
    (slot) =>
      (keyConfigValue(config, slot) & KIND_BITS) === VALIDATED_KEY &&
      (slotConfigValue(config, slot) & 0x0f) === SLOT.authority,
  );
  if (anchored.length === 0) return undefined;
  const found: { slot: number; key: Uint8Array }[] = [];
  for (const slot of anchored) found.push({ slot, key: await readPublicKey(session, slot) });
  return found;
}
