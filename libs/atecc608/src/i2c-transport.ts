import { concatBytes } from '@noble/hashes/utils.js';
import { equalBytes } from './bytes.js';
import { Atecc608Error } from './errors.js';
import { MAX_RESPONSE_SIZE, MIN_RESPONSE_SIZE, WORD_ADDRESS } from './frame.js';
import type { Transport } from './transport.js';

/** One I2C bus. A transfer that the device does not acknowledge (NAK) is an error. */
export interface I2cBus {
  /** @param address of seven bits */
  write(address: number, bytes: Uint8Array): Promise<void>;
  read(address: number, length: number): Promise<Uint8Array>;
}

export interface I2cOptions {
  /** Of seven bits: 0x60 as the part comes, 0x6A or 0x35 in ready-made ones. */
  readonly address: number;
  /** Resolves after so many milliseconds at least. */
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** What a chip says once it is awake. */
const AFTER_WAKE = Uint8Array.of(0x04, 0x11, 0x33, 0x43);
const WAKE_ATTEMPTS = 3;
/** tWHI of the part, 1.5 ms, from the end of the wake pulse to the first transfer; in milliseconds. */
const WAKE_DELAY = 2;
/** From a first look at a busy chip to the next one, and how long in all; as the vendor's library. */
const POLL_EVERY = 2;
const POLL_LIMIT = 2500;

/**
 * A chip on an I2C bus. It is woken by a low pulse on the data line, which writing to address 0
 * makes at 100 kHz or less; it does not acknowledge while it sleeps or works, so its answer is
 * polled for. Between two commands it is put to idle and woken: that sets back the watchdog, which
 * else sends it to sleep 1.3 s after it woke, and keeps TempKey.
 *
 * No silicon was at hand: timings and order are those of the vendor's public host library.
 */
export class I2cTransport implements Transport {
  readonly #bus: I2cBus;
  readonly #address: number;
  readonly #pause: I2cOptions['pause'];
  #awake = false;

  constructor(bus: I2cBus, { address, pause }: I2cOptions) {
    this.#bus = bus;
    this.#address = address;
    this.#pause = pause;
  }

  async send(frame: Uint8Array): Promise<void> {
    // Not acknowledged: its watchdog ran out meanwhile, and it is asleep.
    if (this.#awake) await this.idle().catch(() => undefined);
    await this.wake();
    await this.#write(WORD_ADDRESS.command, frame);
  }

  /** @throws Atecc608Error `no-response`, `response-malformed` */
  async receive(): Promise<Uint8Array> {
    const count = (await this.#poll(1))[0] as number;
    if (count < MIN_RESPONSE_SIZE || count > MAX_RESPONSE_SIZE) {
      throw new Atecc608Error('response-malformed', `a response of ${count} bytes came`);
    }
    const rest = await this.#poll(count - 1);
    return concatBytes(Uint8Array.of(count), rest);
  }

  async receiveAgain(): Promise<Uint8Array> {
    await this.#write(WORD_ADDRESS.reset);
    return this.receive();
  }

  /** @throws Atecc608Error `no-response` when nothing at the address says that it woke */
  async wake(): Promise<void> {
    if (this.#awake) return;
    for (let attempt = 1; attempt <= WAKE_ATTEMPTS; attempt++) {
      // Nobody has address 0, so this is never acknowledged; what counts is the pulse.
      await this.#bus.write(0, Uint8Array.of(0)).catch(() => undefined);
      await this.#pause(WAKE_DELAY);
      const said = await this.#bus.read(this.#address, AFTER_WAKE.length).catch(() => undefined);
      if (said !== undefined && equalBytes(said, AFTER_WAKE)) {
        this.#awake = true;
        return;
      }
      // It may have been awake, and holds an answer that nobody read: from sleep it starts anew.
      await this.#bus
        .write(this.#address, Uint8Array.of(WORD_ADDRESS.sleep))
        .catch(() => undefined);
      await this.#pause(WAKE_DELAY);
    }
    throw new Atecc608Error(
      'no-response',
      `nothing at I2C address 0x${this.#address.toString(16)} woke up`,
    );
  }

  async idle(): Promise<void> {
    if (!this.#awake) return;
    this.#awake = false;
    await this.#write(WORD_ADDRESS.idle);
  }

  async sleep(): Promise<void> {
    this.#awake = false;
    // A chip that went to sleep by itself acknowledges nothing, and is where it should be.
    await this.#bus.write(this.#address, Uint8Array.of(WORD_ADDRESS.sleep)).catch(() => undefined);
  }

  async #write(word: number, bytes: Uint8Array = new Uint8Array(0)): Promise<void> {
    try {
      await this.#bus.write(this.#address, concatBytes(Uint8Array.of(word), bytes));
    } catch (cause) {
      this.#awake = false;
      throw new Atecc608Error('no-response', 'the chip did not acknowledge what it was sent', {
        cause,
      });
    }
  }

  /** Reads once the chip acknowledges, which it does not while it works. */
  async #poll(length: number): Promise<Uint8Array> {
    for (let waited = 0; ; waited += POLL_EVERY) {
      try {
        return await this.#bus.read(this.#address, length);
      } catch (cause) {
        if (waited < POLL_LIMIT) {
          await this.#pause(POLL_EVERY);
          continue;
        }
        this.#awake = false;
        throw new Atecc608Error('no-response', 'the chip is busy for too long, or gone', { cause });
      }
    }
  }
}
