import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.js';

let folder: string;
const running: Simulator[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulator-'));
});

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.close();
  await rm(folder, { recursive: true });
});

async function start(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const listen = { kind: 'unix', path: join(folder, 'chip.sock') } as const;
  const simulator = await startSimulator({ listen, seed: Uint8Array.of(1), ...options });
  running.push(simulator);
  return simulator;
}

function client(address: string): Socket {
  const [kind, ...rest] = address.split(':');
  return kind === 'unix' ? connect(rest.join(':')) : connect(Number(rest[1]), rest[0]);
}

/** Sends bytes in hexadecimal and waits for as many bytes of answer. */
async function exchange(address: string, hex: string, length: number): Promise<string> {
  const socket = client(address);
  socket.write(Buffer.from(hex, 'hex'));
  let received = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    if (received.length >= length) break;
  }
  socket.destroy();
  return received.toString('hex');
}

const INFO = '030730000000035d';
const READ_COUNTER = '030724000100057d';
const STEP_COUNTER = '03072401010006f7';

describe('a simulated chip behind a socket', () => {
  it('answers each command once, over a unix socket and over TCP', async () => {
    const unix = await start();
    expect(await exchange(unix.address, `${INFO}0002${INFO}00`, 14)).toBe(
      '070000600383bb'.repeat(2),
    );
    const tcp = await start({ listen: { kind: 'tcp', host: '127.0.0.1', port: 0 } });
    expect(await exchange(tcp.address, `${INFO}00`, 7)).toBe('070000600383bb');
  });

  it('keeps what it counted when it starts again', async () => {
    const stateFile = join(folder, 'chip.eeprom');
    const first = await start({ stateFile });
    expect((await stat(stateFile)).mode & 0o777).toBe(0o600);
    expect(await exchange(first.address, `${STEP_COUNTER}00`, 7)).toBe('07010000003c2d');
    await first.close();
    const second = await start({ stateFile });
    expect(await exchange(second.address, `${READ_COUNTER}00`, 7)).toBe('07010000003c2d');
  });

  it('closes a stream that is none, and serves the next', async () => {
    const { address } = await start();
    expect(await exchange(address, 'ff', 1)).toBe('');
    expect(await exchange(address, `${INFO}00`, 7)).toBe('070000600383bb');
  });

  it('does not take the socket of another that is alive, and takes one that was left', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: 'address-in-use' });
  });

  it('refuses a state that is no EEPROM', async () => {
    const stateFile = join(folder, 'chip.eeprom');
    await writeFile(stateFile, 'something else');
    await expect(start({ stateFile })).rejects.toMatchObject({ code: 'state-malformed' });
  });
});
