import type { ChipModel } from './model/chip-model.js';
import { OPCODE } from './opcode.js';
import type { I2cBus } from './i2c-transport.js';

/** Milliseconds that a command keeps the chip busy, near the vendor's table of typical times. */
const BUSY: Readonly<Record<number, number>> = {
  [OPCODE.sign]: 115,
  [OPCODE.verify]: 105,
  [OPCODE.genKey]: 115,
  [OPCODE.write]: 45,
  [OPCODE.counter]: 25,
};
const BUSY_OTHERWISE = 5;
const WAKE_TIME = 1.5;
/** The part's shortest watchdog, from its waking on. */
export const WATCHDOG = 1300;

/** What the bus is made to do wrong. */
export interface I2cFaults {
  /** Turns a bit of the next answers, so many times. */
  flips?: number;
  /** The chip answers nothing any more. */
  mute?: boolean;
}

/**
 * A bus with a chip model on it and a clock that only {@link pause} moves: the chip acknowledges
 * nothing while it sleeps, wakes or works, and falls asleep when its watchdog runs out.
 */
export class FakeI2cBus implements I2cBus {
  now = 0;
  /** How often a transfer was not acknowledged. */
  refused = 0;
  wakes = 0;
  readonly faults: I2cFaults = {};
  #mode: 'asleep' | 'idle' | 'awake' = 'asleep';
  #busyUntil = 0;
  #watchdogAt = 0;
  #answer = new Uint8Array(0);
  #read = 0;

  constructor(
    private readonly chip: ChipModel,
    private readonly address: number,
  ) {}

  readonly pause = (milliseconds: number): Promise<void> => {
    this.now += milliseconds;
    return Promise.resolve();
  };

  write(address: number, bytes: Uint8Array): Promise<void> {
    this.#runWatchdog();
    if (address === 0) {
      if (this.#mode !== 'awake') this.#wake();
      return this.#refuse();
    }
    if (!this.#acknowledges(address)) return this.#refuse();
    switch (bytes[0]) {
      case 0:
        this.#read = 0;
        break;
      case 1:
        this.#mode = 'asleep';
        this.chip.sleep();
        break;
      case 2:
        this.#mode = 'idle';
        this.chip.idle();
        break;
      default:
        this.#answer = new Uint8Array(this.chip.transact(bytes.slice(1)) ?? []);
        this.#read = 0;
        this.#busyUntil = this.now + (BUSY[bytes[2] as number] ?? BUSY_OTHERWISE);
    }
    return Promise.resolve();
  }

  read(address: number, length: number): Promise<Uint8Array> {
    this.#runWatchdog();
    if (!this.#acknowledges(address) || this.#read >= this.#answer.length) return this.#refuse();
    // What is read beyond the answer floats high.
    const bytes = new Uint8Array(length).fill(0xff);
    bytes.set(this.#answer.subarray(this.#read, this.#read + length));
    this.#read += length;
    if (length > 4 && (this.faults.flips ?? 0) > 0) {
      this.faults.flips = (this.faults.flips as number) - 1;
      bytes[1] = (bytes[1] as number) ^ 1;
    }
    return Promise.resolve(bytes);
  }

  #wake(): void {
    this.wakes += 1;
    this.#mode = 'awake';
    this.#answer = new Uint8Array(this.chip.wake());
    this.#read = 0;
    this.#busyUntil = this.now + WAKE_TIME;
    this.#watchdogAt = this.now + WATCHDOG;
  }

  #runWatchdog(): void {
    if (this.#mode !== 'awake' || this.now < this.#watchdogAt) return;
    this.#mode = 'asleep';
    this.chip.sleep();
  }

  #acknowledges(address: number): boolean {
    const here = address === this.address && this.#mode === 'awake' && this.faults.mute !== true;
    return here && this.now >= this.#busyUntil;
  }

  #refuse(): Promise<never> {
    this.refused += 1;
    return Promise.reject(new Error('NAK'));
  }
}
