import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '@touchstone/kit';
import { expect } from 'vitest';

const CLI = join(ROOT, 'apps/cli/bin/touchstone.js');

/** What a program came to. */
export interface Run {
  readonly code: number;
  /** Standard output, or standard error when there is none. */
  readonly out: string;
}

/** `touchstone`, as it is started in one folder. */
export class CommandLine {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  run(...args: string[]): Promise<Run> {
    return this.program(process.execPath, [CLI, ...args]);
  }

  /** What a command answered with --json; it must have ended well. */
  async answer<T>(...args: string[]): Promise<T> {
    return answerOf(await this.run(...args, '--json')) as T;
  }

  /** A command where the file system is read-only and there is no network. */
  offline(...args: string[]): Promise<Run> {
    const box = ['--unshare-net', '--ro-bind', '/', '/', '--dev', '/dev', '--die-with-parent'];
    return this.program('bwrap', [...box, '--', process.execPath, CLI, ...args]);
  }

  /** The same as {@link CommandLine.answer}, without a network. */
  async offlineAnswer<T>(...args: string[]): Promise<T> {
    return answerOf(await this.offline(...args, '--json')) as T;
  }

  program(file: string, args: readonly string[]): Promise<Run> {
    return new Promise((done) => {
      const options = { cwd: this.#dir, maxBuffer: 64 * 1024 * 1024 };
      execFile(file, args, options, (error, out, err) => {
        const code = typeof error?.code === 'number' ? error.code : error ? -1 : 0;
        done({ code, out: out || err });
      });
    });
  }
}

function answerOf({ code, out }: Run): unknown {
  expect([code, code === 0 ? '' : out]).toEqual([0, '']);
  return JSON.parse(out);
}
