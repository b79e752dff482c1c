import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { StreamDecoder, WORD_ADDRESS, type StreamEvent } from '@touchstone/atecc608';

/** An answer that never comes. */
export const SILENCE: Buffer = Buffer.alloc(0);

/** What somebody on the line between host and chip does. */
export interface Between {
  /** Answers a command that the chip then never sees. */
  readonly instead?: (frame: Uint8Array) => Buffer | undefined;
  /** What the host is given of the chip's answer; undefined breaks the line. */
  readonly answer?: (answer: Buffer) => Buffer | undefined | Promise<Buffer>;
}

/** A line to a chip's socket, on which somebody may sit. */
export class ChipLine {
  between: Between = {};
  readonly #server: Server;

  private constructor(
    readonly path: string,
    chip: string,
  ) {
    this.#server = createServer((host) => {
      this.#join(host, connect(chip));
    });
  }

  /** @param address of the chip, `unix:PATH` */
  static async open(path: string, address: string): Promise<ChipLine> {
    await rm(path, { force: true });
    const line = new ChipLine(path, address.slice('unix:'.length));
    line.#server.listen(path);
    await once(line.#server, 'listening');
    return line;
  }

  get address(): string {
    return `unix:${this.path}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(host: Socket, chip: Socket): void {
    const asked = new StreamDecoder();
    let held: Buffer | undefined;
    host.on('data', (chunk: Buffer) => {
      for (const event of asked.push(chunk)) {
        if (event.kind === 'command') held = this.between.instead?.(event.frame);
        if (held === undefined) chip.write(bytesOf(event));
        else if (event.kind === 'reset') host.write(held);
      }
    });
    chip.on('data', (answer: Buffer) => void this.#pass(answer, host));
    for (const [one, other] of [
      [host, chip],
      [chip, host],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }

  async #pass(answer: Buffer, host: Socket): Promise<void> {
    const { answer: change } = this.between;
    const given = change === undefined ? answer : await change(answer);
    if (given === undefined) host.destroy();
    else if (!host.destroyed) host.write(given);
  }
}

function bytesOf(event: StreamEvent): Uint8Array {
  return event.kind === 'command'
    ? Uint8Array.of(WORD_ADDRESS.command, ...event.frame)
    : Uint8Array.of(WORD_ADDRESS[event.kind]);
}
