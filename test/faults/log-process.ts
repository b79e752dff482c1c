import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { ROOT } from '@touchstone/kit';

/** A log server in a process of its own. */
export class LogProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<number | null>;
  #errors = '';

  private constructor(environment: Record<string, string>) {
    this.#child = spawn(process.execPath, ['apps/log/dist/main.js'], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.#ended = new Promise((done) => this.#child.once('close', done));
  }

  /** Resolves with the process and its URL once it listens; rejects when it ends before. */
  static async start(
    environment: Record<string, string>,
  ): Promise<{ log: LogProcess; url: string }> {
    const log = new LogProcess(environment);
    const lines = createInterface({ input: log.#child.stdout });
    const url = await new Promise<string>((done, fail) => {
      lines.on('line', (line) => {
        const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
        if (msg === 'listening' && url) done(url);
      });
      void log.#ended.then((code) => fail(new Error(`ended with ${code}: ${log.#errors}`)));
    });
    return { log, url };
  }

  /** Sends a signal and waits for the end; the exit code, or null when the signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.#ended;
  }
}
