import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Stands before a Docker engine and hands everything on, until a request comes that a test waits
 * for: that one is held, or answered in the engine's place. So a program is killed exactly where a
 * test wants it, and an engine fails exactly when.
 */
export class EngineGate {
  readonly #sockets = new Set<Socket>();
  #holds: { pattern: RegExp; reached: () => void } | undefined;
  #refusal: { pattern: RegExp; body: string; times: number } | undefined;

  private constructor(
    private readonly server: Server,
    private readonly folder: string,
  ) {}

  /** @param engine a URL `unix://…` */
  static async open(engine: string): Promise<EngineGate> {
    const folder = await mkdtemp(join(tmpdir(), 'engine-gate-'));
    const server = createServer({ allowHalfOpen: true });
    const gate = new EngineGate(server, folder);
    server.on('connection', (client) => {
      gate.#relay(client, connect({ path: engine.slice('unix://'.length), allowHalfOpen: true }));
    });
    server.listen(join(folder, 'docker.sock'));
    await once(server, 'listening');
    return gate;
  }

  get url(): string {
    return `unix://${this.folder}/docker.sock`;
  }

  /** Resolves when a request has come whose first line fits; the engine never sees it. */
  hold(pattern: RegExp): Promise<void> {
    return new Promise((reached) => {
      this.#holds = { pattern, reached };
    });
  }

  /** Answers the next requests whose first line fits with an error of the engine. */
  refuse(pattern: RegExp, message: string, times: number): void {
    this.#refusal = { pattern, body: JSON.stringify({ message }), times };
  }

  /** How many requests are still to be answered with an error. */
  get refusalsLeft(): number {
    return this.#refusal?.times ?? 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await rm(this.folder, { recursive: true });
  }

  /** A client writes a request's first line at the start of a chunk, after its last answer. */
  #relay(client: Socket, engine: Socket): void {
    for (const socket of [client, engine]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    client.on('data', (chunk: Buffer) => {
      const line = chunk.toString('latin1', 0, Math.max(0, chunk.indexOf('\r\n')));
      if (this.#holds?.pattern.test(line)) {
        this.#holds.reached();
        this.#holds = undefined;
        return;
      }
      const refusal = this.#refusal;
      if (refusal !== undefined && refusal.times > 0 && refusal.pattern.test(line)) {
        refusal.times -= 1;
        const head = `HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n`;
        client.write(`${head}Content-Length: ${refusal.body.length}\r\n\r\n${refusal.body}`);
        return;
      }
      engine.write(chunk);
    });
    client.on('end', () => engine.end());
    engine.pipe(client);
    client.on('close', () => engine.destroy());
  }
}
