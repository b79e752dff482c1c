// What the development scripts print and how they run a command. Node 20, no dependency.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { constants as os, setPriority } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from './rooms.mjs';

let stream = process.stdout;

/** Sends all further chatter to standard error, so that standard output carries a result alone. */
export function keepStdoutClean() {
  stream = process.stderr;
}

const paint = (code) => (text) =>
  stream.isTTY && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text;
export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

export function say(text = '') {
  stream.write(`${text}\n`);
}

/** An error that a person can act on: a stable code, what is wrong, what to do. */
export class SetupError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * Runs a script's main function; a SetupError ends it with one line, and exit code 2 for wrong usage or
 * else 1. `--help` shows the comment at the head of the script, unless its options are another
 * program's.
 */
export async function main(body, { ownOptions = true } = {}) {
  const script = process.argv[1];
  if (ownOptions && process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(headOf(script));
    return;
  }
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    const unknown = ownOptions && String(error?.code).startsWith('ERR_PARSE_ARGS_');
    if (!unknown && !(error instanceof SetupError)) throw error;
    const code = unknown ? 'usage' : error.code;
    const message = unknown ? `${error.message.split('. ')[0]}; --help tells more` : error.message;
    process.stderr.write(`${red(`error ${code}`)}: ${message}\n`);
    process.exitCode = code === 'usage' ? 2 : 1;
  }
}

/** The comment that a script begins with, as text. */
function headOf(script) {
  const lines = readFileSync(script, 'utf8')
    .replace(/^#!.*\n/u, '')
    .split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => `${line.replace(/^\/\/ ?/u, '')}\n`)
    .join('');
}

/** Where a command lies in PATH (and in the folders of system commands), or undefined. */
export function which(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin'];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    });
}

/**
 * Runs a command in the root of the repository with its output passed through, standard output
 * going where the chatter goes. No standard input. Resolves to the exit code; 124 when it was
 * stopped after `timeout` seconds. With `aside` it takes only the processor time that others leave,
 * and what it says goes, piece by piece, to that function.
 */
export function run(command, args, { env = {}, cwd = root, timeout, aside } = {}) {
  return new Promise((resolve, reject) => {
    const out = stream === process.stderr ? 2 : 'inherit';
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: aside ? ['ignore', 'pipe', 'pipe'] : ['ignore', out, 'inherit'],
    });
    if (aside) {
      if (child.pid !== undefined) setPriority(child.pid, os.priority.PRIORITY_LOW);
      for (const output of [child.stdout, child.stderr]) {
        output.on('data', (chunk) => aside(chunk.toString()));
      }
    }
    let timedOut = false;
    const timer = timeout
      ? setTimeout(() => {
          timedOut = true;
          child.kill('SIGTERM');
          setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
        }, timeout * 1000)
      : undefined;
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(timedOut ? 124 : (code ?? 1));
    });
  });
}

/** Runs a command and keeps what it says: `{ code, output }`, output being both streams. */
export function ask(command, args, { env = {}, cwd = root } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  return {
    code: result.status ?? 1,
    output: `${result.stdout ?? ''}${result.stderr ?? ''}`,
    stdout: result.stdout ?? '',
  };
}

/** Runs a package's command from node_modules with this very Node. */
export function runBin(name, args, options) {
  return run(process.execPath, [join(root, 'node_modules', '.bin', name), ...args], options);
}
