import { Writable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { expect } from 'vitest';
import type { Context } from './context.js';
import { EXIT, toCliError } from './failure.js';
import { Terminal } from './terminal.js';

/** What a command line came to. */
export interface Ran {
  readonly code: number;
  /** Standard output and error together. */
  readonly out: string;
  /** The stable code of the failure; empty when there is none. */
  readonly error: string;
  readonly message: string;
}

/** What a command wrote that must have ended well. */
export async function succeeded(ran: Promise<Ran>): Promise<string> {
  const { code, out, message } = await ran;
  expect([code, message]).toEqual([0, '']);
  return out;
}

/** Runs a command line in this process, with the commands that `register` adds and no others. */
export async function runCommand(
  registers: readonly ((program: Command, context: Context) => void)[],
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ran> {
  let out = '';
  const stdout = new Writable({
    write(chunk: Buffer, _, done) {
      out += chunk.toString();
      done();
    },
  });
  const context: Context = {
    terminal: new Terminal(stdout, stdout, {}),
    environment,
    stop: new AbortController().signal,
    exitCode: EXIT.ok,
  };
  const program = new Command('touchstone')
    .exitOverride()
    .configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (out += text) });
  for (const register of registers) register(program, context);
  // A command inherits nothing of a program that it was added to before.
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return { code: context.exitCode, out, error: '', message: '' };
  } catch (error) {
    if (error instanceof CommanderError) {
      const code = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return { code, out, error: error.code, message: error.message };
    }
    const { exitCode, code, message } = toCliError(error);
    return { code: exitCode, out, error: code, message };
  }
}
