import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Atecc608Error,
  Atecc608Session,
  chipSigner,
  COUNTER_MAX,
  verifyExternal,
  verifyStored,
  type IoProtection,
} from '@touchstone/atecc608';
import { keyId, rawPublicKey, type PublicKey, type Signer } from '@touchstone/note';
import { readPrivateKey } from '@touchstone/keys';
import { writeDurably } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import type { DeviceAddress, DeviceTransport } from './device-address.js';
import { exporterSlots } from './device-slots.js';
import { openTransport } from './device-transport.js';

/** What seals a site's state and signs its acknowledgements. */
export interface SiteDevice {
  /** Hex of nine bytes. */
  readonly serial: string;
  readonly signer: Signer;
  /** How often this device has imported. */
  counter(): Promise<number>;
  /** One step, never back. */
  increment(): Promise<void>;
  /** Whether the device itself, not this host, holds an exporter's signature (r‖s) for good. */
  verifies(key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  close(): void;
}

/** Counter 1 is left to the device's maker. */
const COUNTER = 0;

/** An ATECC608 whose key is in `slot`. */
export class ChipDevice implements SiteDevice {
  readonly #transport: DeviceTransport;
  readonly #session: Atecc608Session;

  private constructor(
    transport: DeviceTransport,
    session: Atecc608Session,
    readonly serial: string,
    readonly signer: Signer,
    private readonly ioKey: Uint8Array | undefined,
  ) {
    this.#transport = transport;
    this.#session = session;
  }

  /**
   * @param ioKey the IO protection key that the chip was provisioned with: then nobody on the line
   * turns its refusal of a signature into a good answer
   * @throws CliError `device`, with what the chip said as its cause
   */
  static async open(address: DeviceAddress, slot: number, ioKey?: Uint8Array): Promise<ChipDevice> {
    const transport = await asCliError(() => openTransport(address));
    const session = new Atecc608Session(transport);
    try {
      return await asCliError(async () => {
        const { config, data } = await session.lockState();
        if (!config || !data) {
          throw new CliError(
            'device-unlocked',
            'the chip is not locked, so its counter and keys could be written: provision it first (touchstone device provision)',
            EXIT.usage,
          );
        }
        const serial = Buffer.from(await session.serialNumber()).toString('hex');
        const inner = await chipSigner(session, slot);
        const signer: Signer = {
          publicKey: inner.publicKey,
          sign: (message) => session.awake(() => Promise.resolve(inner.sign(message))),
        };
        return new ChipDevice(transport, session, serial, signer, ioKey);
      });
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  counter(): Promise<number> {
    return asCliError(() => this.#session.awake((session) => session.counter(COUNTER)));
  }

  increment(): Promise<void> {
    return asCliError(async () => {
      await this.#session.awake((session) => session.incrementCounter(COUNTER));
    });
  }

  verifies(key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const digest = new Uint8Array(createHash('sha256').update(message).digest());
    const raw = rawPublicKey(key).slice(1);
    return asCliError(() =>
      this.#session.awake(async (session) => {
        const trusted = await exporterSlots(session);
        const io = this.#protection();
        if (trusted === undefined) return verifyExternal(session, digest, signature, raw, io);
        // A chip with a trust anchor goes by the keys that were validated under it, and no others.
        const known = trusted.find((one) => Buffer.from(one.key).equals(raw));
        if (known === undefined) return false;
        return validatedOrFalse(verifyStored(session, digest, signature, known.slot, io));
      }),
    );
  }

  close(): void {
    this.#transport.close();
  }

  #protection(): IoProtection | undefined {
    return this.ioKey && { key: this.ioKey, nonce: new Uint8Array(randomBytes(32)) };
  }
}

/** A key that was written and never validated is refused by the chip itself. */
async function validatedOrFalse(verified: Promise<boolean>): Promise<boolean> {
  try {
    return await verified;
  } catch (error) {
    if (error instanceof Atecc608Error && error.code === 'execution') return false;
    throw error;
  }
}

/**
 * A key in a file and a counter beside it, for sites without a chip. Whoever can write the disk
 * can set both back: it signs, and it protects against no rollback.
 */
export class FileDevice implements SiteDevice {
  readonly serial: string;
  readonly #file: string;

  private constructor(
    readonly signer: Signer,
    folder: string,
  ) {
    this.#file = join(folder, 'counter');
    // As long as a chip's, so that an acknowledgement looks the same.
    this.serial = keyId(signer.publicKey).slice(0, 18);
  }

  static async open(keyFile: string, folder: string): Promise<FileDevice> {
    return new FileDevice(await readPrivateKey(keyFile), folder);
  }

  async counter(): Promise<number> {
    const text = await readFile(this.#file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '0';
      throw error;
    });
    if (!/^\d{1,7}\n?$/.test(text)) {
      throw new CliError('device', `${this.#file} is no counter`, EXIT.refuted);
    }
    return Number(text);
  }

  async increment(): Promise<void> {
    const next = (await this.counter()) + 1;
    if (next > COUNTER_MAX) throw new CliError('device', 'the counter is at its end', EXIT.refuted);
    await writeDurably(this.#file, `${next}\n`);
  }

  /** There is no second opinion: the host has verified it already. */
  verifies(): Promise<boolean> {
    return Promise.resolve(true);
  }

  close(): void {
    // Nothing is held open.
  }
}

/** 16 bytes in hex. */
export function newNonce(): string {
  return randomBytes(16).toString('hex');
}

async function asCliError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Atecc608Error)) throw cause;
    throw new CliError('device', `the chip: ${cause.message} (${cause.code})`, EXIT.absent, {
      cause,
    });
  }
}
