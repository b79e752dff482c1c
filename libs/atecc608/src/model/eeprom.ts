import { Atecc608Error } from '../errors.js';
import { CONFIG_SIZE, DATA_SIZE, OTP_SIZE, SLOT_SIZES, ZONE, type Zone } from '../zone.js';

/** Bytes of the whole image: configuration, OTP, then the data slots one after another. */
export const EEPROM_SIZE = CONFIG_SIZE + OTP_SIZE + DATA_SIZE;

/** Asked before each byte is written; false means that the power fails before it. */
export type WriteHook = (address: number) => boolean;

/** The power failed during a write. Leaves the model only as a missing response. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut';
}

/** What survives power-off. Bytes are written one by one, in order of address. */
export class Eeprom {
  private readonly bytes: Uint8Array;

  /** @throws Atecc608Error `image-malformed` when the image has another size */
  constructor(
    image: Uint8Array,
    private readonly onWrite: WriteHook = () => true,
  ) {
    if (image.length !== EEPROM_SIZE) {
      throw new Atecc608Error(
        'image-malformed',
        `an EEPROM image has ${EEPROM_SIZE} bytes, not ${image.length}`,
      );
    }
    this.bytes = image.slice();
  }

  snapshot(): Uint8Array {
    return this.bytes.slice();
  }

  /** A view of the configuration zone; not to be written to. */
  get config(): Uint8Array {
    return this.bytes.subarray(0, CONFIG_SIZE);
  }

  get otp(): Uint8Array {
    return this.bytes.subarray(CONFIG_SIZE, CONFIG_SIZE + OTP_SIZE);
  }

  slot(slot: number): Uint8Array {
    const start = slotStart(slot);
    return this.bytes.subarray(start, start + SLOT_SIZES[slot]!);
  }

  zone(zone: Zone, slot: number): Uint8Array {
    if (zone === ZONE.config) return this.config;
    return zone === ZONE.otp ? this.otp : this.slot(slot);
  }

  /** All of the data zone, then all of the OTP zone: what Lock's checksum covers. */
  get dataAndOtp(): [Uint8Array, Uint8Array] {
    return [this.bytes.subarray(CONFIG_SIZE + OTP_SIZE), this.otp];
  }

  /** @throws PowerCut when the hook says so; bytes before that one are written */
  write(zone: Zone, slot: number, offset: number, bytes: Uint8Array): void {
    const start =
      offset + (zone === ZONE.config ? 0 : zone === ZONE.otp ? CONFIG_SIZE : slotStart(slot));
    bytes.forEach((byte, i) => {
      if (!this.onWrite(start + i)) throw new PowerCut('the power failed');
      this.bytes[start + i] = byte;
    });
  }
}

function slotStart(slot: number): number {
  return SLOT_SIZES.slice(0, slot).reduce((sum, size) => sum + size, CONFIG_SIZE + OTP_SIZE);
}
