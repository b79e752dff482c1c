import { Atecc608Error } from './errors.js';
import { MIN_COMMAND_SIZE, WORD_ADDRESS } from './frame.js';

/** What a client sends over a stream. */
export type StreamEvent =
  | { readonly kind: 'command'; readonly frame: Uint8Array }
  /** The client is about to read the response. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'sleep' };

/**
 * Takes the bytes of a client apart as they arrive: `03` and a frame, or one of `00`, `01`, `02`
 * alone. Holds at most one frame of 255 bytes. A frame's own count delimits it, so a frame with a
 * wrong CRC is still one event; only an unknown word address or a count below seven, after which
 * nothing can be told apart any more, is an error, and the stream is then of no further use.
 */
export class StreamDecoder {
  private readonly held = new Uint8Array(256);
  private length = 0;
  private broken: Atecc608Error | undefined;

  /**
   * The events that `chunk` completes.
   *
   * @throws Atecc608Error `stream-malformed`; later calls throw it again
   */
  *push(chunk: Uint8Array): Generator<StreamEvent, void, undefined> {
    for (const byte of chunk) {
      if (this.broken !== undefined) throw this.broken;
      const event = this.length === 0 ? this.begin(byte) : this.continue(byte);
      if (event !== undefined) yield event;
    }
  }

  /** Whether the stream may end here: no frame is half read. */
  get atBoundary(): boolean {
    return this.length === 0;
  }

  private begin(byte: number): StreamEvent | undefined {
    switch (byte) {
      case WORD_ADDRESS.reset:
        return { kind: 'reset' };
      case WORD_ADDRESS.sleep:
        return { kind: 'sleep' };
      case WORD_ADDRESS.idle:
        return { kind: 'idle' };
      case WORD_ADDRESS.command:
        this.held[this.length++] = byte;
        return undefined;
      default:
        return this.fail(`${byte} is no word address; 0, 1, 2 and 3 are`);
    }
  }

  private continue(byte: number): StreamEvent | undefined {
    this.held[this.length++] = byte;
    const count = this.held[1]!;
    if (count < MIN_COMMAND_SIZE) {
      return this.fail(`a command has at least ${MIN_COMMAND_SIZE} bytes, not ${count}`);
    }
    if (this.length < count + 1) return undefined;
    this.length = 0;
    return { kind: 'command', frame: this.held.slice(1, count + 1) };
  }

  private fail(message: string): never {
    this.broken = new Atecc608Error('stream-malformed', message);
    throw this.broken;
  }
}
