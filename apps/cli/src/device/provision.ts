import {
  Atecc608Session,
  CONFIG,
  generateKey,
  isConfigLocked,
  isDataLocked,
  serialNumber,
  type Transport,
} from '@touchstone/atecc608';
import { publicKeyFromRaw, type PublicKey } from '@touchstone/note';
import { CliError, EXIT } from '../failure.js';

/** What each slot is for. Values are those of the part's configuration zone, low byte first. */
export interface SlotPlan {
  readonly slot: number;
  readonly purpose: string;
  readonly slotConfig: number;
  readonly keyConfig: number;
}

/**
 * Slot 0 holds the device's key: made in the chip, signs digests and the chip's own state, and is
 * locked once it is made. Slots 10 to 12 take certificates, 13 and 14 public keys of others. All
 * the rest cannot be written once the data zone is locked.
 */
const SLOTS: readonly SlotPlan[] = [
  {
    slot: 0,
    purpose: 'device key, P-256, made in the chip',
    slotConfig: 0x2083,
    keyConfig: 0x0033,
  },
  {
    slot: 10,
    purpose: "the device's certificate, compressed",
    slotConfig: 0x0000,
    keyConfig: 0x003c,
  },
  { slot: 11, purpose: "the signer's public key", slotConfig: 0x0000, keyConfig: 0x0030 },
  {
    slot: 12,
    purpose: "the signer's certificate, compressed",
    slotConfig: 0x0000,
    keyConfig: 0x003c,
  },
  { slot: 13, purpose: "the exporter's public key", slotConfig: 0x0000, keyConfig: 0x0030 },
  { slot: 14, purpose: "the next exporter's public key", slotConfig: 0x0000, keyConfig: 0x0030 },
];
/** Never readable, never writable, no key: what is not planned for. */
const CLOSED = { slotConfig: 0x8f8f, keyConfig: 0x003c };

export interface ProvisionPlan {
  /** Hex of nine bytes. */
  readonly serial: string;
  readonly slots: readonly SlotPlan[];
  /** The whole zone as it will be locked. */
  readonly configuration: Uint8Array;
}

/**
 * What provisioning would write.
 *
 * @throws CliError `device-locked` when the chip's zones are not both open
 */
export async function planProvisioning(session: Atecc608Session): Promise<ProvisionPlan> {
  const found = await session.readConfiguration();
  if (isConfigLocked(found) || isDataLocked(found)) {
    throw new CliError(
      'device-locked',
      'the chip is locked already: what is in it stays for good; use it as it is or take a new one',
      EXIT.refuted,
    );
  }
  const configuration = new Uint8Array(found);
  for (let slot = 0; slot < 16; slot++) {
    const planned = SLOTS.find((plan) => plan.slot === slot) ?? CLOSED;
    put(configuration, CONFIG.slotConfig + 2 * slot, planned.slotConfig);
    put(configuration, CONFIG.keyConfig + 2 * slot, planned.keyConfig);
  }
  const serial = Buffer.from(serialNumber(found)).toString('hex');
  return { serial, slots: SLOTS, configuration };
}

/**
 * Carries the plan out. The configuration is read back and compared before it is locked; the key
 * is made in the chip and its slot locked; then the data zone. None of it can be undone.
 */
export async function provision(transport: Transport, plan: ProvisionPlan): Promise<PublicKey> {
  return new Atecc608Session(transport).awake(async (session) => {
    await session.writeConfiguration(plan.configuration);
    await session.lockConfiguration(plan.configuration);
    const raw = await generateKey(session, 0);
    await session.lockDataUnchecked();
    await session.lockSlot(0);
    return publicKeyFromRaw('ecdsa-p256-sha256', Uint8Array.of(4, ...raw));
  });
}

function put(zone: Uint8Array, at: number, value: number): void {
  zone.set([value & 0xff, value >> 8], at);
}
