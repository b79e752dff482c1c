import { concatBytes } from '@noble/hashes/utils.js';
import { equalBytes, readU32le } from './bytes.js';
import { CONFIG, serialNumber, UNLOCKED } from './configuration.js';
import { crc16 } from './crc16.js';
import { Atecc608Error } from './errors.js';
import { Link } from './link.js';
import { OPCODE } from './opcode.js';
import type { Transport } from './transport.js';
import { CONFIG_SIZE, encodeAddress, OTP_SIZE, SLOT_SIZES, ZONE, type Zone } from './zone.js';

export interface SessionOptions {
  /** How often one command is tried; 3 when absent. */
  readonly attempts?: number;
}

const NOTHING: Uint8Array = new Uint8Array(0);
const BLOCK = 0x80;

/**
 * The host's side of one chip. Every method is a command or a fixed series of them; a series
 * assumes that nobody else talks to the chip meanwhile. All of them throw Atecc608Error: the
 * chip's status by its name (`execution` when a lock or a slot's policy forbids it), or what
 * happened on the line.
 */
export class Atecc608Session {
  private readonly link: Link;

  constructor(transport: Transport, { attempts = 3 }: SessionOptions = {}) {
    this.link = new Link(transport, attempts);
  }

  /** One command: the data answered, or the byte 00. */
  async command(
    opcode: number,
    p1: number,
    p2: number,
    data: Uint8Array = NOTHING,
  ): Promise<Uint8Array> {
    return this.link.transact({ opcode, p1, p2, data });
  }

  /** Runs `work` between wake and idle, or sleep when it failed, so that nothing is left behind. */
  async awake<T>(work: (session: this) => Promise<T>): Promise<T> {
    await this.link.wake();
    try {
      const result = await work(this);
      await this.link.idle();
      return result;
    } catch (error) {
      await this.link.sleep();
      throw error;
    }
  }

  /** Four bytes; 00 00 60 03 for an ATECC608B. */
  revision(): Promise<Uint8Array> {
    return this.data(OPCODE.info, 0, 0, 4);
  }

  /** 32 bytes of the chip's generator; FF FF 00 00 … while its configuration is unlocked. */
  random(): Promise<Uint8Array> {
    return this.data(OPCODE.random, 0, 0, 32);
  }

  /** The nine bytes of the serial number. */
  async serialNumber(): Promise<Uint8Array> {
    return serialNumber(await this.readBlock(ZONE.config, 0, 0));
  }

  /** The 128 bytes of the configuration zone. */
  readConfiguration(): Promise<Uint8Array> {
    return this.readZone(ZONE.config, 0, CONFIG_SIZE);
  }

  /** The 64 bytes of the OTP zone. */
  readOtp(): Promise<Uint8Array> {
    return this.readZone(ZONE.otp, 0, OTP_SIZE);
  }

  /** All bytes of a slot that may be read in clear. */
  async readSlot(slot: number): Promise<Uint8Array> {
    encodeAddress(ZONE.data, slot, 0);
    return this.readZone(ZONE.data, slot, SLOT_SIZES[slot]!);
  }

  /** 32 bytes at a multiple of 32. */
  async readBlock(zone: Zone, slot: number, offset: number): Promise<Uint8Array> {
    return this.data(OPCODE.read, zone | BLOCK, encodeAddress(zone, slot, offset), 32);
  }

  /**
   * Writes from the beginning of a slot, block by block; the last is filled up with zeros.
   *
   * @throws Atecc608Error `argument` when the slot is smaller
   */
  async writeSlot(slot: number, bytes: Uint8Array): Promise<void> {
    encodeAddress(ZONE.data, slot, 0);
    if (bytes.length > SLOT_SIZES[slot]!) {
      throw new Atecc608Error('argument', `slot ${slot} has ${SLOT_SIZES[slot]!} bytes`);
    }
    for (let offset = 0; offset < bytes.length; offset += 32) {
      await this.writeBlock(ZONE.data, slot, offset, bytes.subarray(offset, offset + 32));
    }
  }

  /** Up to 32 bytes at a multiple of 32, filled up with zeros. */
  async writeBlock(zone: Zone, slot: number, offset: number, bytes: Uint8Array): Promise<void> {
    const block = new Uint8Array(32);
    block.set(bytes);
    await this.command(OPCODE.write, zone | BLOCK, encodeAddress(zone, slot, offset), block);
  }

  /**
   * Writes what of a configuration can be written: bytes 16 to 83 and 88 to 127. Serial number,
   * UserExtra and the locks stay.
   */
  async writeConfiguration(config: Uint8Array): Promise<void> {
    if (config.length !== CONFIG_SIZE) {
      throw new Atecc608Error('argument', `a configuration has ${CONFIG_SIZE} bytes`);
    }
    for (let offset: number = CONFIG.i2cAddress; offset < CONFIG_SIZE;) {
      if (offset === CONFIG.userExtra) {
        offset += 4;
        continue;
      }
      const whole = offset === 32 || offset === 96;
      const length = whole ? 32 : 4;
      const address = encodeAddress(ZONE.config, 0, offset);
      const bytes = config.subarray(offset, offset + length);
      await this.command(OPCODE.write, whole ? BLOCK : 0, address, bytes);
      offset += length;
    }
  }

  /** Locks the configuration if it is, byte for byte, the one given. Cannot be undone. */
  async lockConfiguration(expected: Uint8Array): Promise<void> {
    const actual = await this.readConfiguration();
    if (!equalBytes(actual, expected)) {
      throw new Atecc608Error('argument', 'the chip holds another configuration than expected');
    }
    await this.command(OPCODE.lock, 0, crc16(expected));
  }

  /** Locks data and OTP if their 1208 and 64 bytes are the ones given. Cannot be undone. */
  async lockData(expectedData: Uint8Array, expectedOtp: Uint8Array): Promise<void> {
    await this.command(OPCODE.lock, 1, crc16(expectedOtp, crc16(expectedData)));
  }

  /** Locks data and OTP whatever they hold, for when keys were made inside. Cannot be undone. */
  async lockDataUnchecked(): Promise<void> {
    await this.command(OPCODE.lock, 1 | BLOCK, 0);
  }

  /** Locks one slot whose KeyConfig allows it. Cannot be undone. */
  async lockSlot(slot: number): Promise<void> {
    encodeAddress(ZONE.data, slot, 0);
    await this.command(OPCODE.lock, 2 | (slot << 2), 0);
  }

  /** Whether the two zones are locked. */
  async lockState(): Promise<{ config: boolean; data: boolean }> {
    const address = encodeAddress(ZONE.config, 0, CONFIG.userExtra);
    const word = await this.data(OPCODE.read, ZONE.config, address, 4);
    return { data: word[2] !== UNLOCKED, config: word[3] !== UNLOCKED };
  }

  /** Counter 0 or 1. */
  async counter(id: number): Promise<number> {
    return readU32le(await this.data(OPCODE.counter, 0, id, 4), 0);
  }

  /** One step; the new value. `execution` at the end, 2,097,151. */
  async incrementCounter(id: number): Promise<number> {
    return readU32le(await this.data(OPCODE.counter, 1, id, 4), 0);
  }

  /** A command that answers data of one length. */
  async data(
    opcode: number,
    p1: number,
    p2: number,
    length: number,
    data: Uint8Array = NOTHING,
  ): Promise<Uint8Array> {
    const answer = await this.command(opcode, p1, p2, data);
    if (answer.length === length) return answer;
    throw new Atecc608Error('response-malformed', `${answer.length} bytes came, not ${length}`);
  }

  private async readZone(zone: Zone, slot: number, size: number): Promise<Uint8Array> {
    const blocks: Uint8Array[] = [];
    for (let offset = 0; offset < size; offset += 32) {
      blocks.push(await this.readBlock(zone, slot, offset));
    }
    return concatBytes(...blocks).slice(0, size);
  }
}
