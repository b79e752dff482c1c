import { Atecc608Error } from './errors.js';
import { decodeResponse, encodeCommand, type Command } from './frame.js';
import { OPCODE } from './opcode.js';
import { STATUS, statusErrorCode, statusName } from './status.js';
import type { Transport } from './transport.js';

/** Doing these twice does no harm, so they may be sent again when an answer was lost. */
const REPEATABLE: ReadonlySet<number> = new Set([OPCODE.info, OPCODE.random, OPCODE.read]);

/** Everything a command's answer can be: data, or a status other than ok as an error. */
export class Link {
  constructor(
    private readonly transport: Transport,
    private readonly attempts: number,
  ) {}

  /**
   * Sends a command until the chip has received it and its answer arrived whole. A command that
   * the chip did not receive (status FF) or put off (EE) is sent again. An answer with a bad CRC
   * is read again; where the line cannot, only a command that changes nothing is repeated, since
   * a counter must not step twice.
   *
   * @returns the data; for a command that only says ok, the one byte 00
   * @throws Atecc608Error the status by its name, `response-crc`, `response-malformed`,
   *   `no-response`
   */
  async transact(command: Command): Promise<Uint8Array> {
    const frame = encodeCommand(command);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.transport.send(frame);
        return checked(await this.answer(), command);
      } catch (error) {
        if (attempt >= this.attempts || !this.mayRepeat(error, command)) throw error;
        if (error.code === 'watchdog') await this.restart();
      }
    }
  }

  wake(): Promise<void> {
    return this.transport.wake();
  }

  idle(): Promise<void> {
    return this.transport.idle();
  }

  sleep(): Promise<void> {
    return this.transport.sleep();
  }

  private async answer(): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      const frame =
        attempt === 1 || this.transport.receiveAgain === undefined
          ? await this.transport.receive()
          : await this.transport.receiveAgain();
      try {
        return decodeResponse(frame);
      } catch (error) {
        const again = this.transport.receiveAgain !== undefined && attempt < this.attempts;
        if (!again) throw error;
      }
    }
  }

  private mayRepeat(error: unknown, command: Command): error is Atecc608Error {
    if (!(error instanceof Atecc608Error)) return false;
    switch (error.code) {
      case 'command-crc':
      case 'watchdog':
        return true;
      case 'response-crc':
      case 'response-malformed':
        return REPEATABLE.has(command.opcode) || isCounterRead(command);
      default:
        return false;
    }
  }

  /** Idle and wake set the watchdog back and keep TempKey. */
  private async restart(): Promise<void> {
    await this.transport.idle();
    await this.transport.wake();
  }
}

function isCounterRead({ opcode, p1 }: Command): boolean {
  return opcode === OPCODE.counter && p1 === 0;
}

/** SelfTest's one byte is a result and no status. */
function checked(data: Uint8Array, { opcode }: Command): Uint8Array {
  const byte = data[0]!;
  if (data.length > 1 || byte === STATUS.ok || opcode === OPCODE.selfTest) return data;
  const name = statusName(byte);
  if (name === undefined || name === 'ok') {
    throw new Atecc608Error('response-malformed', `the chip answered status ${byte}, unknown`);
  }
  throw new Atecc608Error(statusErrorCode(name), `the chip answered ${name} to ${opcode}`);
}
