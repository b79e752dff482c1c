import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { MemoryStorage } from '@touchstone/kit';
import {
  encodeUtf8,
  formatCheckpoint,
  noteSigner,
  parseNote,
  signNote,
  verifyCosignature,
} from '@touchstone/note';
import {
  formatAddCheckpoint,
  parseAddCheckpoint,
  PosixWitnessStorage,
  TileReader,
  Tlog,
  Witness,
} from '@touchstone/tlog';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startWitnessServer, type WitnessServer } from './witness-server.js';

const ORIGIN = 'example.org/log';
const signer = noteSigner(ORIGIN, generateKey('ed25519'));
const stranger = noteSigner(ORIGIN, generateKey('ed25519'));
const elsewhere = noteSigner('example.org/unknown', generateKey('ed25519'));
const key = generateKey('ed25519');

/** Checkpoints of a log by size, proofs between them, and those of a fork after four leaves. */
let notes: string[];
let forked: string[];
let reader: TileReader;
let server: WitnessServer;
let witness: Witness;
let dir: string;

async function grow(leaves: readonly string[]): Promise<{ notes: string[]; reader: TileReader }> {
  const storage = new MemoryStorage();
  const log = await Tlog.open({ storage, signer });
  const checkpoints = [log.checkpoint()];
  for (const leaf of leaves) {
    const { published } = await log.append(encodeUtf8(leaf));
    checkpoints.push((await published).checkpoint);
  }
  await log.close();
  return { notes: checkpoints, reader: new TileReader((path) => storage.read(path)) };
}

beforeAll(async () => {
  const names = Array.from({ length: 9 }, (_, i) => `leaf ${i}`);
  ({ notes, reader } = await grow(names));
  ({ notes: forked } = await grow(names.map((name, i) => (i < 4 ? name : `fork ${i}`))));
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'witness-server-'));
  witness = await Witness.open({
    name: 'w.example',
    signer: key,
    logs: [signer.verifierKey],
    storage: new PosixWitnessStorage(dir),
    verify: nodeVerifier,
    clock: () => 1_700_000_000,
  });
  server = await startWitnessServer(witness, { host: '127.0.0.1', port: 0 });
});

afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

function post(body: string | Uint8Array): Promise<Response> {
  return fetch(`${server.url}/add-checkpoint`, { method: 'POST', body });
}

async function honest(from: number, to: number): Promise<string> {
  const proof = from === 0 ? [] : await reader.consistencyProof(from, to);
  return formatAddCheckpoint(from, proof, notes[to]!);
}

async function signed(size: number, root: Uint8Array, by = signer): Promise<string> {
  const origin = by.verifierKey.name;
  return signNote(formatCheckpoint({ origin, size, root, extensions: [] }), [by]);
}

const root = new Uint8Array(32).fill(1);
const EMPTY = createHash('sha256').digest();

describe('POST /add-checkpoint', () => {
  /** Each on a witness that cosigned size 5; what is not stated in a row is left as it was. */
  it.each<[string, () => string | Promise<string>, number, string | RegExp]>([
    ['the next size', () => honest(5, 8), 200, /^\u2014 w\.example \S+\n$/],
    ['the same size', () => honest(5, 5), 200, /^\u2014 w\.example \S+\n$/],
    [
      'the same signature line twice, which is read once',
      () => formatAddCheckpoint(5, [], notes[5]! + notes[5]!.slice(notes[5]!.indexOf('\u2014'))),
      200,
      /^\u2014 w\.example \S+\n$/,
    ],
    ['a body that is none', () => 'hello', 400, /malformed/],
    ['an empty body', () => '', 400, /malformed/],
    [
      'an old size above the size',
      async () => (await honest(5, 8)).replace('old 5', 'old 9'),
      400,
      /above/,
    ],
    [
      'a leading zero',
      async () => (await honest(5, 8)).replace('old 5', 'old 05'),
      400,
      /malformed/,
    ],
    [
      '64 hashes',
      async () =>
        (await honest(5, 8)).replace('old 5', `old 5${`\n${'A'.repeat(43)}=`.repeat(64)}`),
      400,
      /63/,
    ],
    [
      'a checkpoint without a root',
      async () => formatAddCheckpoint(5, [], await signNote(`${ORIGIN}\n6\n`, [signer])),
      400,
      /origin, size and root/,
    ],
    [
      'a checkpoint of size 07',
      async () => formatAddCheckpoint(5, [], notes[7]!.replace('\n7\n', '\n07\n')),
      400,
      /leading zeros/,
    ],
    [
      'a log it does not follow',
      async () => formatAddCheckpoint(0, [], await signed(7, root, elsewhere)),
      404,
      /does not follow/,
    ],
    [
      'no signature of a key it trusts',
      async () => formatAddCheckpoint(5, [], await signed(7, root, stranger)),
      403,
      /none of the known keys/,
    ],
    [
      'a signature that does not hold',
      async () => (await honest(5, 8)).replace('\n8\n', '\n7\n'),
      403,
      /not valid/,
    ],
    ['old size 0', () => honest(0, 8), 409, '5\n'],
    ['an old size that was never', () => honest(6, 8), 409, '5\n'],
    ['a smaller tree', () => honest(3, 4), 409, '5\n'],
    [
      'the empty tree with a root',
      async () => formatAddCheckpoint(0, [], await signed(0, root)),
      409,
      '5\n',
    ],
    ['no proof', () => formatAddCheckpoint(5, [], notes[8]!), 422, /proof/],
    [
      'a wrong proof',
      async () =>
        formatAddCheckpoint(5, (await reader.consistencyProof(5, 8)).reverse(), notes[8]!),
      422,
      /root/,
    ],
    [
      'the proof of another size',
      async () => formatAddCheckpoint(5, await reader.consistencyProof(4, 8), notes[8]!),
      422,
      /./,
    ],
    ['a proof with the same size', () => formatAddCheckpoint(5, [root], notes[5]!), 422, /proof/],
    ['another root at the same size', () => formatAddCheckpoint(5, [], forked[5]!), 422, /root/],
    [
      'a fork',
      async () => formatAddCheckpoint(5, await reader.consistencyProof(5, 8), forked[8]!),
      422,
      /root/,
    ],
  ])('%s', async (_name, body, status, answered) => {
    expect((await post(await honest(0, 5))).status).toBe(200);
    const sentBody = await body();
    const answer = await post(sentBody);
    expect(answer.status).toBe(status);
    const type = status === 409 ? 'text/x.tlog.size' : 'text/plain; charset=utf-8';
    expect(answer.headers.get('content-type')).toBe(type);
    const text = await answer.text();
    if (typeof answered === 'string') expect(text).toBe(answered);
    else expect(text).toMatch(answered);
    if (status === 200) {
      const { oldSize, note } = parseAddCheckpoint(encodeUtf8(sentBody));
      expect(oldSize).toBe(5);
      const [line] = parseNote(`${note.text}\n${text}`).signatures;
      const time = await verifyCosignature(note.text, line!, witness.key, nodeVerifier);
      expect(time).toBe(1_700_000_000);
    } else {
      // Refused or not, it goes on from where it was.
      expect((await post(await honest(5, 8))).status).toBe(200);
    }
  });

  it.each<[string, () => Promise<string>, number]>([
    ['cosigns the empty tree', () => signed(0, EMPTY), 200],
    ['refuses the empty tree under another root', () => signed(0, root), 422],
    ['cosigns any first tree', async () => notes[7]!, 200],
  ])('%s when it knows nothing yet', async (_name, note, status) => {
    expect((await post(formatAddCheckpoint(0, [], await note()))).status).toBe(status);
  });

  it('answers 409 and 422 when it knows nothing yet', async () => {
    const conflict = await post(await honest(3, 7));
    expect([conflict.status, await conflict.text()]).toEqual([409, '0\n']);
    expect((await post(formatAddCheckpoint(0, [root], notes[7]!))).status).toBe(422);
  });

  it('refuses a body over the limit, announced or not', async () => {
    const large = new Uint8Array(262_145);
    expect((await post(large)).status).toBe(413);
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 5; i++) controller.enqueue(new Uint8Array(65_536));
        controller.close();
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit;
    expect((await fetch(`${server.url}/add-checkpoint`, init)).status).toBe(413);
    expect((await post(new Uint8Array(262_144))).status).toBe(400);
  });

  it('refuses a compressed body', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const init = { method: 'POST', headers, body: 'x' };
    expect((await fetch(`${server.url}/add-checkpoint`, init)).status).toBe(415);
  });

  it('cosigns nothing when its state cannot be written, and says so', async () => {
    await rm(dir, { recursive: true });
    const answer = await post(await honest(0, 5));
    expect([answer.status, await answer.text()]).toEqual([
      500,
      'the witness failed; try again later\n',
    ]);
  });
});

describe('the rest', () => {
  const hash = createHash('sha256').update(ORIGIN).digest('hex');

  it('serves what it cosigned, by the hash of the origin', async () => {
    expect((await fetch(`${server.url}/${hash}/checkpoint`)).status).toBe(404);
    const line = await (await post(await honest(0, 5))).text();
    const answer = await fetch(`${server.url}/${hash}/checkpoint`);
    expect([answer.status, await answer.text()]).toEqual([200, `${notes[5]!}${line}`]);
    expect((await fetch(`${server.url}/${'0'.repeat(64)}/checkpoint`)).status).toBe(404);
  });

  it.each([
    ['GET', '/healthz', 200],
    ['HEAD', '/healthz', 200],
    ['POST', '/healthz', 405],
    ['GET', '/add-checkpoint', 405],
    ['DELETE', '/add-checkpoint', 405],
    ['PUT', `/${'0'.repeat(64)}/checkpoint`, 405],
    ['GET', '/', 404],
    ['GET', `/${'A'.repeat(64)}/checkpoint`, 404],
    ['GET', '/..%2f..%2fetc%2fpasswd/checkpoint', 404],
    ['POST', '/sign-subtree', 404],
  ])('%s %s is %d', async (method, path, status) => {
    const answer = await fetch(server.url + path, { method });
    expect(answer.status).toBe(status);
    if (status === 405) expect(answer.headers.get('allow')).toMatch(/POST|GET/);
  });

  it('answers what it received when it stops, and takes nothing new', async () => {
    const { port } = new URL(server.url);
    const body = await honest(0, 5);
    const socket = connect(Number(port), '127.0.0.1');
    const closed = new Promise<string>((done) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => done(text));
    });
    const head = `POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    await new Promise<void>((done) => socket.write(head + body.slice(0, 20), () => done()));
    // A whole exchange on another connection: by then the server has seen this one's beginning.
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const stopped = server.close();
    socket.write(body.slice(20));
    expect(await closed).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*\u2014 w\.example/i,
    );
    await stopped;
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });
});
