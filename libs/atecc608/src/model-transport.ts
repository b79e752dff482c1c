import { Atecc608Error } from './errors.js';
import type { ChipModel } from './model/chip-model.js';
import type { Transport } from './transport.js';

/** Straight to a chip model in the same memory. A power cut is a chip that stays mute. */
export class ModelTransport implements Transport {
  private response: Uint8Array | undefined;

  constructor(private readonly chip: ChipModel) {}

  send(frame: Uint8Array): Promise<void> {
    this.response = this.chip.transact(frame);
    return Promise.resolve();
  }

  receive(): Promise<Uint8Array> {
    if (this.response === undefined) {
      return Promise.reject(new Atecc608Error('no-response', 'the chip does not answer'));
    }
    return Promise.resolve(this.response);
  }

  receiveAgain(): Promise<Uint8Array> {
    return this.receive();
  }

  wake(): Promise<void> {
    this.chip.wake();
    return Promise.resolve();
  }

  idle(): Promise<void> {
    this.chip.idle();
    return Promise.resolve();
  }

  sleep(): Promise<void> {
    this.chip.sleep();
    return Promise.resolve();
  }
}
