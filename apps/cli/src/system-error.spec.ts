import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { EXIT, toCliError } from './failure.js';

/** What a command that does this ends with. */
async function endOf(work: () => Promise<unknown>): Promise<[string, string, number]> {
  const failure = await work().then(
    () => new Error('it was done'),
    (error: unknown) => error,
  );
  const { code, message, exitCode } = toCliError(failure);
  return [code, message, exitCode];
}

async function listenTwice(): Promise<void> {
  const first = createServer();
  await new Promise<void>((done) => first.listen(0, '127.0.0.1', done));
  const { port } = first.address() as { port: number };
  try {
    await new Promise((done, fail) => {
      createServer()
        .on('error', fail)
        .listen(port, '127.0.0.1', () => done(undefined));
    });
  } finally {
    first.close();
  }
}

const { pathname: here } = new URL(import.meta.url);

describe('what the system refuses is told in words', () => {
  it.each<[string, () => Promise<unknown>, string, RegExp]>([
    [
      'a file that is not there',
      () => readFile('/nowhere/x'),
      'file-unreadable',
      /^open \/nowhere\/x: there is no such/u,
    ],
    ['a folder in place of a file', () => readFile('/'), 'file-unreadable', /it is a folder/u],
    [
      'a file in place of a folder',
      () => mkdir(`${here}/x`),
      'file-unwritable',
      /a part of that path is a file/u,
    ],
    ['a full disk', () => writeFile('/dev/full', 'x'), 'disk-full', /make room and try again/u],
    ['a port in use', listenTwice, 'port-in-use', /^listen 127\.0\.0\.1:\d+: another process/u],
  ])('%s', async (_, work, code, message) => {
    expect(await endOf(work)).toEqual([code, expect.stringMatching(message), EXIT.absent]);
  });

  it('anything else in its own', async () => {
    const other = Object.assign(new Error('EXDEV: cross-device link'), { code: 'EXDEV' });
    expect(await endOf(() => Promise.reject(other))).toEqual(['EXDEV', other.message, EXIT.absent]);
  });
});
