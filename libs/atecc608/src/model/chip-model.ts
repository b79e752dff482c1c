import { factoryConfiguration } from '../configuration.js';
import { Atecc608Error } from '../errors.js';
import { decodeCommand, encodeResponse, encodeStatus } from '../frame.js';
import { CONFIG_SIZE } from '../zone.js';
import { Refusal, type Answer, type Chip, type RandomSource } from './chip.js';
import { HANDLERS } from './commands/table.js';
import { Eeprom, EEPROM_SIZE, PowerCut, type WriteHook } from './eeprom.js';
import { freshVolatile } from './volatile.js';

export interface ChipModelOptions {
  /** Where every random number of the chip comes from, its private keys among them. */
  readonly random: RandomSource;
  /** What survives power-off, from `snapshot()`; a chip fresh from the factory when absent. */
  readonly image?: Uint8Array;
  /** Asked before each byte of EEPROM is written; false cuts the power there. */
  readonly onWrite?: WriteHook;
}

/**
 * An ATECC608B as far as it is public: frames in, frames out. Deterministic in its image, its
 * random source and the commands it is given. No silicon was at hand; where a rule could not be
 * seen in the vendor's public sources, its docstring says so, and the stricter reading was taken.
 */
export class ChipModel {
  private chip: Chip;

  /** @throws Atecc608Error `image-malformed` */
  constructor(private readonly options: ChipModelOptions) {
    this.chip = this.powerUp(options.image ?? factoryImage(options.random));
  }

  /**
   * Exactly one response frame for any bytes at all; undefined only when the write hook cut the
   * power, after which the chip has started anew with what was written until then.
   */
  transact(frame: Uint8Array): Uint8Array | undefined {
    try {
      const answer = this.execute(frame);
      return typeof answer === 'string' ? encodeStatus(answer) : encodeResponse(answer);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.powerCycle();
      return undefined;
    }
  }

  /** Wakes the chip; the answer (04 11 33 43) is what it then says by itself. */
  wake(): Uint8Array {
    return encodeStatus('after-wake');
  }

  /** Keeps TempKey, buffers and the SHA state. */
  idle(): void {
    // Nothing changes: only the real part draws less current.
  }

  /** Drops TempKey, buffers, SHA state and authorisation; keeps the persistent latch. */
  sleep(): void {
    this.chip = { ...this.chip, volatile: freshVolatile() };
  }

  /** Takes the power away and gives it back: only the EEPROM is left. */
  powerCycle(): void {
    this.chip = this.powerUp(this.snapshot());
  }

  /** The EEPROM: 1400 bytes, private keys among them. */
  snapshot(): Uint8Array {
    return this.chip.eeprom.snapshot();
  }

  /** @throws Atecc608Error `image-malformed` */
  restore(image: Uint8Array): void {
    this.chip = this.powerUp(image);
  }

  private execute(frame: Uint8Array): Answer {
    try {
      const command = decodeCommand(frame);
      const handler = HANDLERS.get(command.opcode);
      return handler === undefined ? 'parse' : handler(this.chip, command);
    } catch (error) {
      if (error instanceof Refusal) return error.status;
      // Not received as sent, be it length or CRC: the chip says so and does nothing.
      if (error instanceof Atecc608Error) return 'command-crc';
      throw error;
    }
  }

  private powerUp(image: Uint8Array): Chip {
    return {
      eeprom: new Eeprom(image, this.options.onWrite),
      volatile: freshVolatile(),
      powered: { latch: false, secureBootProhibited: false, useUnlocked: false },
      random: this.options.random,
    };
  }
}

/** The EEPROM of a chip fresh from the factory, with a serial number 01 23 … EE. */
export function factoryImage(random: RandomSource): Uint8Array {
  const serial = random(9);
  serial.set([0x01, 0x23]);
  serial[8] = 0xee;
  const image = new Uint8Array(EEPROM_SIZE).fill(0xff);
  image.set(factoryConfiguration(serial).subarray(0, CONFIG_SIZE));
  return image;
}
