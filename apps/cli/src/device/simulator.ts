import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ChipModel, EEPROM_SIZE, seededRandom, StreamDecoder } from '@touchstone/atecc608';
import { CliError, EXIT } from '../failure.js';

/** Where the simulator listens. */
export type Listen =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface SimulatorOptions {
  readonly listen: Listen;
  /** Keeps the EEPROM, private keys among it; made with mode 0600 when absent. */
  readonly stateFile?: string;
  /** Same seed, same keys and random numbers; from the system when absent. */
  readonly seed?: Uint8Array;
}

export interface Simulator {
  /** `unix:PATH` or `tcp:HOST:PORT`, with the port that was really taken. */
  readonly address: string;
  close(): Promise<void>;
}

const MAX_CLIENTS = 16;

/** One chip behind a socket. Clients may come and go, and share the chip as they would a bus. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const random = options.seed === undefined ? systemRandom : seededRandom(options.seed);
  const image = options.stateFile === undefined ? undefined : await readImage(options.stateFile);
  let dirty = image === undefined;
  const chip = new ChipModel({
    random,
    ...(image === undefined ? {} : { image }),
    onWrite: () => (dirty = true),
  });
  /** Saves before the client hears of it: a counter that was seen to step stays stepped. */
  const settle = async (): Promise<void> => {
    if (!dirty || options.stateFile === undefined) return;
    dirty = false;
    try {
      await writeImage(options.stateFile, chip.snapshot());
    } catch (error) {
      dirty = true;
      throw error;
    }
  };
  await settle();
  let queue = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => (queue = queue.then(work, work));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void serve(socket, chip, (work) => inTurn(() => work().then(settle)));
  });
  server.maxConnections = MAX_CLIENTS;
  const address = await listen(server, options.listen);
  return {
    address,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await queue.catch(() => undefined);
    },
  };
}

const systemRandom = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** A stream that cannot be told apart any more is closed; so is one that breaks. */
async function serve(
  socket: Socket,
  chip: ChipModel,
  inTurn: (work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const decoder = new StreamDecoder();
  try {
    for await (const chunk of socket as AsyncIterable<Uint8Array>) {
      for (const event of decoder.push(chunk)) {
        let response: Uint8Array | undefined;
        await inTurn(() => {
          if (event.kind === 'command') response = chip.transact(event.frame);
          if (event.kind === 'sleep') chip.sleep();
          if (event.kind === 'idle') chip.idle();
          return Promise.resolve();
        });
        // A client that does not read its answers is not read from either.
        if (response !== undefined && !socket.write(response)) await once(socket, 'drain');
      }
    }
  } catch {
    socket.destroy();
  }
}

async function listen(server: Server, where: Listen): Promise<string> {
  if (where.kind === 'unix') await removeStale(where.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const ready = (): void => {
      server.off('error', reject);
      resolve();
    };
    if (where.kind === 'unix') server.listen(where.path, ready);
    else server.listen(where.port, where.host, ready);
  });
  if (where.kind === 'unix') return `unix:${where.path}`;
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : where.port;
  return `tcp:${where.host}:${port}`;
}

/** A socket file that nobody listens behind is left over from a simulator that was killed. */
async function removeStale(path: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code);
    });
  });
  if (code === undefined) {
    throw new CliError('address-in-use', `something listens on ${path} already`, EXIT.usage);
  }
  if (code === 'ECONNREFUSED') await unlink(path);
}

async function readImage(file: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = new Uint8Array(await readFile(file));
    if (bytes.length === EEPROM_SIZE) return bytes;
    throw new CliError(
      'state-malformed',
      `${file} has ${bytes.length} bytes; the EEPROM of a simulated chip has ${EEPROM_SIZE}`,
      EXIT.usage,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** New file, synced, renamed over the old one, folder synced: the old image or the new, whole. */
async function writeImage(file: string, image: Uint8Array): Promise<void> {
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(image);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
