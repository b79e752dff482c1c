import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { Atecc608Error, WORD_ADDRESS } from '@touchstone/atecc608';
import type { DeviceAddress, DeviceTransport } from './device-address.js';

/** The host library gives a chip behind a stream about as long. */
const ANSWER_TIMEOUT = 2500;
const MAX_RESPONSE = 155;

/**
 * A chip behind a stream, such as `touchstone device simulate` or a bridge to a real one: each
 * command under its word address, and before each response the word address that asks for it.
 */
export class SocketTransport implements DeviceTransport {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #wanted: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #broken: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#wanted?.resolve();
    });
    const onEnd = (error?: Error): void => {
      this.#broken = new Atecc608Error('no-response', 'the connection to the chip broke', {
        cause: error,
      });
      this.#wanted?.reject(this.#broken);
    };
    socket.on('error', onEnd);
    socket.on('close', () => {
      onEnd();
    });
  }

  /** @throws Atecc608Error `no-response` when nothing listens there */
  static async open(address: Exclude<DeviceAddress, { kind: 'i2c' }>): Promise<SocketTransport> {
    const socket =
      address.kind === 'unix'
        ? createConnection(address.path)
        : createConnection(address.port, address.host);
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(ANSWER_TIMEOUT) });
    } catch (cause) {
      socket.destroy();
      throw new Atecc608Error('no-response', 'there is no chip at that address', { cause });
    }
    return new SocketTransport(socket);
  }

  send(frame: Uint8Array): Promise<void> {
    // What is left of an answer nobody read belongs to no question any more.
    this.#held = Buffer.alloc(0);
    return this.#write(Uint8Array.of(WORD_ADDRESS.command, ...frame));
  }

  async receive(): Promise<Uint8Array> {
    await this.#write(Uint8Array.of(WORD_ADDRESS.reset));
    const deadline = Date.now() + ANSWER_TIMEOUT;
    for (;;) {
      const count = this.#held[0];
      if (count !== undefined && (count < 4 || count > MAX_RESPONSE)) {
        throw new Atecc608Error('response-malformed', `a response of ${count} bytes came`);
      }
      if (count !== undefined && this.#held.length >= count) {
        const frame = new Uint8Array(this.#held.subarray(0, count));
        this.#held = this.#held.subarray(count);
        return frame;
      }
      await this.#more(deadline - Date.now());
    }
  }

  /** A stream wakes the chip with the next command. */
  wake(): Promise<void> {
    return Promise.resolve();
  }

  idle(): Promise<void> {
    return this.#write(Uint8Array.of(WORD_ADDRESS.idle));
  }

  sleep(): Promise<void> {
    return this.#write(Uint8Array.of(WORD_ADDRESS.sleep));
  }

  close(): void {
    this.#socket.destroy();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (!this.#socket.write(bytes)) await once(this.#socket, 'drain');
  }

  async #more(milliseconds: number): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#wanted = { resolve, reject };
        const late = new Atecc608Error('no-response', 'the chip does not answer');
        timer = setTimeout(() => {
          reject(late);
        }, milliseconds);
      });
    } finally {
      clearTimeout(timer);
      this.#wanted = undefined;
    }
  }
}
