import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ROOT } from '@touchstone/kit';

/** A program of this workspace in a process of its own, and the URL it says it listens at. */
export class Program {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<number | null>;
  #said = '';

  private constructor(args: readonly string[], environment: Record<string, string>) {
    this.#child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
      });
    }
    this.#ended = new Promise((done) => this.#child.once('close', done));
  }

  /** Starts a program that says in words of its own when it is ready. */
  static spawn(args: readonly string[], environment: Record<string, string> = {}): Program {
    return new Program(args, environment);
  }

  /** Resolves once the program prints a URL; rejects with all it said when it ends before. */
  static async start(
    args: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<{ program: Program; url: string }> {
    const program = new Program(args, environment);
    const url = await new Promise<string>((done, fail) => {
      program.#child.stdout.on('data', () => {
        const [found] = /http:\/\/127\.0\.0\.1:[0-9]+/.exec(program.#said) ?? [];
        if (found !== undefined) done(found);
      });
      void program.#ended.then((code) =>
        fail(new Error(`ended with ${code}: ${program.#said.slice(-2000)}`)),
      );
    });
    return { program, url };
  }

  /** Everything printed so far. */
  get said(): string {
    return this.#said;
  }

  /** Resolves when it is gone, however; its exit code, or null when a signal ended it. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.#ended;
  }
}
