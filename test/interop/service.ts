import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';

const READY_MS = 30_000;
const AGAIN_MS = 50;

/** Where a service is met: a port on loopback, or the path of a socket. */
export type Place = { readonly port: number } | { readonly path: string };

/** Somebody else's service in a process of its own, ready when it takes a connection. */
export class Service {
  readonly #ended: Promise<void>;
  #said = '';

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said = (this.#said + chunk.toString()).slice(-20_000);
      });
    }
    this.#ended = new Promise((done) => child.once('close', () => done()));
  }

  /** Rejects, with what it said, when it ends before it takes a connection or takes none in time. */
  static async start(
    command: readonly [string, ...string[]],
    place: Place,
    options: { readonly cwd: string; readonly env?: Record<string, string> },
  ): Promise<Service> {
    const [program, ...args] = command;
    const env = { PATH: process.env['PATH'] ?? '', HOME: options.cwd, ...options.env };
    const child = spawn(program, args, {
      cwd: options.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const service = new Service(child);
    const gone = new Promise<'gone'>((done) => {
      child.once('error', () => done('gone'));
      child.once('close', () => done('gone'));
    });
    const late = AbortSignal.timeout(READY_MS);
    for (;;) {
      const state = await Promise.race([gone, taken(place)]);
      if (state === 'taken') return service;
      if (state === 'gone' || late.aborted) {
        child.kill();
        throw new Error(`${program} is not there: ${service.said}`);
      }
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }

  get said(): string {
    return this.#said;
  }

  end(): Promise<void> {
    this.child.kill();
    return this.#ended;
  }
}

function taken(place: Place): Promise<'taken' | 'refused'> {
  return new Promise((done) => {
    const socket = 'port' in place ? connect(place.port, '127.0.0.1') : connect(place.path);
    socket.once('connect', () => {
      socket.destroy();
      done('taken');
    });
    socket.once('error', () => done('refused'));
  });
}
