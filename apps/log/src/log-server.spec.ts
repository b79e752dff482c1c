import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { keyDetails, matchLogEntry, paeBytes } from '@touchstone/attest';
import {
  ConsistencyAnswer,
  InclusionAnswer,
  LogInfo,
  Problem,
  TransparencyLogEntry,
} from '@touchstone/contract';
import type { DsseRequest } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { entriesPath, tilePath, verifyConsistency, verifyInclusion } from '@touchstone/merkle';
import {
  encodeUtf8,
  fromBase64,
  fullKeyHash,
  openCheckpoint,
  parseVerifierKey,
  toBase64,
} from '@touchstone/note';
import { PosixStorage, fsck, nodeHasher } from '@touchstone/tlog';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLog } from './index.js';
import type { RunningLog } from './index.js';

const TOKEN = 'a-write-token-for-tests';
const logKey = generateKey('ed25519');
const writer = generateKey('ecdsa-p256-sha256');
let dir: string;
let server: RunningLog;
let info: LogInfo;

function environment(): Record<string, string> {
  return {
    TILES_DIR: dir,
    LOG_ORIGIN: 'spec.touchstone.dev/log',
    LOG_KEY: logKey.toPem(),
    LOG_WRITE_TOKEN: TOKEN,
    LOG_LEVEL: 'silent',
    PORT: '0',
  };
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-server-'));
  server = await startLog(environment());
  info = LogInfo.parse(await (await get('/v1/log')).json());
});

afterAll(async () => {
  await server.close();
  const report = await fsck(new PosixStorage(dir), { vkeys: [info.vkey], verify: nodeVerifier });
  await rm(dir, { recursive: true });
  expect(report.problems).toEqual([]);
});

function get(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(server.url + path, init);
}

function request(text: string, key: PrivateKey = writer): DsseRequest {
  const payload = encodeUtf8(text);
  const sig = toBase64(key.sign(paeBytes('text/plain', payload)));
  const { algorithm, spki } = key.publicKey;
  return {
    dsseRequestV002: {
      envelope: {
        payload: toBase64(payload),
        payloadType: 'text/plain',
        signatures: [{ sig }],
      },
      verifiers: [
        {
          publicKey: { rawBytes: toBase64(spki) },
          keyDetails: keyDetails(algorithm),
        },
      ],
    },
  };
}

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return get('/api/v2/log/entries', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${TOKEN}`,
      ...headers,
    },
    body: typeof body === 'string' || body instanceof Buffer ? body : JSON.stringify(body),
  });
}

/** An answer as it is sent: fetch would decompress it. */
function getRaw(
  path: string,
  accepts: string,
): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = { 'accept-encoding': accepts };
    httpGet(server.url + path, { headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(chunks) }));
    }).on('error', reject);
  });
}

/** All that the server sends for these bytes until it closes the connection. */
function sendRaw(bytes: string, to = server.url): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(to);
    let received = '';
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}

async function add(text: string, key?: PrivateKey): Promise<TransparencyLogEntry> {
  const answer = await post(request(text, key));
  expect(answer.status).toBe(201);
  return TransparencyLogEntry.parse(await answer.json());
}

async function expectProblem(answer: Response, status: number, code: string): Promise<Problem> {
  const problem = Problem.parse(await answer.json());
  expect([answer.status, problem.status, problem.code]).toEqual([status, status, code]);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  return problem;
}

describe('POST /api/v2/log/entries', () => {
  it.each([['ecdsa-p256-sha256'], ['ed25519']] as const)(
    'answers an entry that proves itself, %s',
    async (algorithm) => {
      const key = generateKey(algorithm);
      const sent = request(`by ${algorithm}`, key);
      const entry = TransparencyLogEntry.parse(await (await post(sent)).json());
      const leaf = fromBase64(entry.canonicalizedBody);
      matchLogEntry(leaf, sent.dsseRequestV002.envelope, key.publicKey);
      const { inclusionProof } = entry;
      const vkey = parseVerifierKey(info.vkey);
      const note = inclusionProof.checkpoint.envelope;
      const { checkpoint } = await openCheckpoint(note, [vkey], nodeVerifier);
      expect(checkpoint.size).toBe(Number(inclusionProof.treeSize));
      verifyInclusion({
        index: Number(entry.logIndex),
        size: checkpoint.size,
        leafHash: nodeHasher.leaf(leaf),
        proof: inclusionProof.hashes.map(fromBase64),
        root: checkpoint.root,
      });
      expect(entry.logId.keyId).toBe(toBase64(fullKeyHash(vkey.name, vkey.publicKey)));
      expect(entry.kindVersion).toEqual({ kind: 'dsse', version: '0.0.2' });
    },
  );

  it('gives neighbours in a batch their own index', async () => {
    const entries = await Promise.all(Array.from({ length: 40 }, (_, i) => add(`parallel ${i}`)));
    expect(new Set(entries.map(({ logIndex }) => logIndex)).size).toBe(40);
  });

  it.each([
    ['no JSON', '{', 400, 'malformed-body'],
    ['a key that stands twice', '{"a":1,"a":1}', 400, 'malformed-body'],
    ['what is nested too deep', '['.repeat(70) + ']'.repeat(70), 400, 'malformed-body'],
    ['another shape', {}, 400, 'entry-malformed'],
    ['a body over the limit', `"${'x'.repeat(3_000_000)}"`, 413, 'body-too-large'],
  ])('refuses %s', async (_name, body, status, code) => {
    await expectProblem(await post(body), status, code);
  });

  it.each(['text/html', 'text/plain', 'application/octet-stream'])(
    'refuses an entry that comes as %s',
    async (type) => {
      const answer = await post(request('by another way'), { 'content-type': type });
      await expectProblem(answer, 415, 'unsupported-media-type');
    },
  );

  it('refuses text that is no UTF-8', async () => {
    await expectProblem(await post(Buffer.from('"\xff"', 'latin1')), 400, 'malformed-body');
  });

  it('names the field of a request that is wrong', async () => {
    const wrong = request('with too much');
    const problem = await expectProblem(
      await post({ dsseRequestV002: { ...wrong.dsseRequestV002, verifiers: [] } }),
      400,
      'entry-malformed',
    );
    expect(problem.field).toBe('dsseRequestV002.verifiers');
  });

  it('refuses a signature that does not verify, and appends nothing', async () => {
    const before = LogInfo.parse(await (await get('/v1/log')).json());
    const tampered = request('honest');
    tampered.dsseRequestV002.envelope.payload = toBase64(encodeUtf8('changed'));
    const problem = await expectProblem(await post(tampered), 400, 'entry-signature');
    expect(problem.field).toBe('dsseRequestV002.envelope.signatures[0].sig');
    expect(await (await get('/v1/log')).json()).toEqual(before);
  });

  it('refuses a key that signed nothing, and one that is none', async () => {
    const extra = request('one');
    extra.dsseRequestV002.verifiers.push(
      ...request('two', generateKey('ed25519')).dsseRequestV002.verifiers,
    );
    await expectProblem(await post(extra), 400, 'entry-signature');
    const broken = request('three');
    Object.assign(broken.dsseRequestV002.verifiers[0]!, { publicKey: { rawBytes: 'AAAA' } });
    await expectProblem(await post(broken), 400, 'entry-malformed');
  });

  it('refuses any other JSON with a code', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (body) => {
        await expectProblem(await post(body), 400, 'entry-malformed');
      }),
      { seed: 5, numRuns: 60 },
    );
  });

  it('asks for the write token', async () => {
    const none = await get('/api/v2/log/entries', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(none.headers.get('www-authenticate')).toBe('Bearer');
    await expectProblem(none, 401, 'token-missing');
    const wrong = await post(request('x'), { authorization: 'Bearer another-token-than-that' });
    await expectProblem(wrong, 403, 'token-forbidden');
  });
});

describe('reads', () => {
  it('serves the checkpoint uncached and as text', async () => {
    const { logIndex } = await add('before the checkpoint');
    for (const path of ['/checkpoint', '/api/v2/checkpoint']) {
      const answer = await get(path);
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
      const key = parseVerifierKey(info.vkey);
      const { checkpoint } = await openCheckpoint(await answer.text(), [key], nodeVerifier);
      expect(checkpoint.size).toBeGreaterThan(Number(logIndex));
    }
  });

  it('serves published tiles as immutable bytes, under both prefixes and for HEAD', async () => {
    const { inclusionProof } = await add('in a tile');
    const width = Number(inclusionProof.treeSize);
    for (const path of [tilePath(0, 0, width), entriesPath(0, width)]) {
      for (const prefix of ['/', '/api/v2/']) {
        const answer = await get(prefix + path);
        expect(answer.status).toBe(200);
        expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
        expect(answer.headers.get('content-type')).toBe('application/octet-stream');
        expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0);
      }
      expect((await get(`/${path}`, { method: 'HEAD' })).status).toBe(200);
    }
  });

  it.each([
    ['/tile/0/005', 404, 'tile-unknown'],
    ['/tile/3/000.p/1', 404, 'tile-unknown'],
    ['/tile/0/000', 404, 'tile-unknown'],
    ['/tile/0/000.p/0', 400, 'tile-malformed'],
    ['/tile/0/000.p/256', 400, 'tile-malformed'],
    ['/tile/00/000', 400, 'tile-malformed'],
    ['/tile/64/000', 400, 'tile-malformed'],
    ['/tile/0/..%2f..%2fstate', 400, 'tile-malformed'],
    ['/tile/%30/000.p/1', 400, 'tile-malformed'],
    ['/state', 404, 'route-unknown'],
    ['/v1/proof/inclusion', 400, 'malformed-parameter'],
    ['/v1/proof/inclusion?index=-1', 400, 'malformed-parameter'],
    ['/v1/proof/inclusion?index=01', 400, 'malformed-parameter'],
    ['/v1/proof/inclusion?index=0&what=1', 400, 'malformed-parameter'],
    ['/v1/proof/inclusion?index=1&size=1', 400, 'size-out-of-range'],
    ['/v1/proof/inclusion?index=0&size=100000', 400, 'size-out-of-range'],
    ['/v1/proof/consistency?from=5&to=4', 400, 'size-out-of-range'],
    ['/v1/proof/consistency?from=0&to=9007199254740993', 400, 'malformed-parameter'],
  ])('%s is %d %s', async (path, status, code) => {
    const answer = await get(path);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    await expectProblem(answer, status, code);
  });

  it('compresses bundles for those who say that they read it, and nothing else', async () => {
    const { inclusionProof } = await add('in a bundle');
    const width = Number(inclusionProof.treeSize);
    const bytes = await readFile(join(dir, entriesPath(0, width)));
    for (const [accepts, encoding] of [
      ['identity', undefined],
      ['gzip;q=0, br', undefined],
      ['br, GZip;q=0.5', 'gzip'],
      ['gzip', 'gzip'],
    ] as const) {
      const { headers, body } = await getRaw(`/${entriesPath(0, width)}`, accepts);
      expect([headers['content-encoding'], headers.vary]).toEqual([encoding, 'Accept-Encoding']);
      expect(Buffer.compare(encoding ? gunzipSync(body) : body, bytes)).toBe(0);
    }
    const hashes = await getRaw(`/${tilePath(0, 0, width)}`, 'gzip');
    expect(hashes.headers['content-encoding']).toBeUndefined();
  });

  it('proves inclusion and consistency at any size, published or not', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => add(`grown ${i}`)));
    const now = InclusionAnswer.parse(await (await get('/v1/proof/inclusion?index=0')).json());
    expect(now.checkpoint).toContain(`\n${now.size}\n`);
    for (let size = 1; size <= now.size; size += 7) {
      const path = `/v1/proof/inclusion?index=${size - 1}&size=${size}`;
      const at = InclusionAnswer.parse(await (await get(path)).json());
      const query = `/v1/proof/consistency?from=${size}&to=${now.size}`;
      const { hashes } = ConsistencyAnswer.parse(await (await get(query)).json());
      verifyConsistency({
        size1: size,
        root1: fromBase64(at.root),
        size2: now.size,
        root2: fromBase64(now.root),
        proof: hashes.map(fromBase64),
      });
    }
  });
});

describe('what is no request of the API', () => {
  it.each([
    ['DELETE', '/checkpoint', 'GET, HEAD'],
    ['PUT', '/tile/0/000', 'GET, HEAD'],
    ['OPTIONS', '/v1/log', 'GET, HEAD'],
    ['GET', '/api/v2/log/entries', 'POST'],
    ['DELETE', '/api/v1/log/entries', 'GET, HEAD, POST'],
    ['POST', `/v1/attestations/sha256:${'0'.repeat(64)}`, 'GET, HEAD, PUT'],
  ])('%s %s is told which methods there are', async (method, path, allow) => {
    const answer = await get(path, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    const body = (await answer.json()) as { code: unknown; reason?: string };
    expect(body.reason ?? body.code).toBe('method-not-allowed');
  });

  const long = 'a'.repeat(20_000);
  it.each([
    ['a path that is long', `GET /${long} HTTP/1.1\r\nHost: x`, 414, 'path-too-long'],
    [
      'a part of one that is',
      `GET /v1/attestations/${'a'.repeat(200)} HTTP/1.1\r\nHost: x\r\nConnection: close`,
      414,
      'path-too-long',
    ],
    ['headers that are', `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${long}`, 431, 'headers-too-large'],
    [
      'a path that cannot be decoded',
      'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close',
      400,
      'request-malformed',
    ],
    ['what is no HTTP', 'HELO log.example', 400, 'request-malformed'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2',
      400,
      'request-malformed',
    ],
  ])('%s is refused in the form of the API', async (_, head, status, code) => {
    const text = await sendRaw(`${head}\r\n\r\n`);
    const [first = '', body = ''] = text.split('\r\n\r\n');
    expect(first).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(first).toMatch(/content-type: application\/problem\+json/i);
    expect(Problem.parse(JSON.parse(body))).toMatchObject({ status, code });
    const v1 = await sendRaw(`GET /api/v1/${long} HTTP/1.1\r\n\r\n`);
    expect(JSON.parse(v1.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 414 });
  });

  it('a request that does not arrive is given up, and holds nobody up', async () => {
    const tiles = await mkdtemp(join(tmpdir(), 'log-slow-'));
    const patience = { TILES_DIR: tiles, REQUEST_TIMEOUT_MS: '300' };
    const impatient = await startLog({ ...environment(), ...patience });
    const body = 'Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a';
    const begun = [
      'GET /checkpoint HTTP/1.1\r\nHost: ',
      `POST /api/v2/log/entries HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n${body}`,
    ];
    for (const text of await Promise.all(begun.map((some) => sendRaw(some, impatient.url)))) {
      const [head = '', answer = ''] = text.split('\r\n\r\n');
      expect(head).toMatch(/^HTTP\/1.1 408 /);
      expect(Problem.parse(JSON.parse(answer))).toMatchObject({ code: 'request-timeout' });
    }
    await impatient.close();
    await rm(tiles, { recursive: true });
  });
});

describe('operation', () => {
  it('is healthy and ready, and says what it measured', async () => {
    await add('measured');
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    const metrics = await (await get('/metrics')).text();
    for (const name of ['tlog_tree_size', 'tlog_batch_entries_count', 'tlog_queue_depth']) {
      expect(metrics).toMatch(new RegExp(`^${name} [0-9]+$`, 'm'));
    }
    const document = (await (await get('/openapi.json')).json()) as { paths: object };
    expect(Object.keys(document.paths)).toContain('/api/v2/log/entries');
  });

  it('refuses a second server on its folder, and continues after a restart', async () => {
    await expect(startLog(environment())).rejects.toMatchObject({ code: 'folder-locked' });
    const before = await add('before the restart');
    await server.close();
    server = await startLog(environment());
    const after = await add('after the restart');
    expect(Number(after.logIndex)).toBe(Number(before.logIndex) + 1);
  });

  it('finishes writes in flight when it stops', async () => {
    const inFlight = Promise.all(Array.from({ length: 10 }, (_, i) => add(`in flight ${i}`)));
    await add('one more, so that the others were received');
    const began = performance.now();
    const closed = server.close();
    await inFlight;
    await closed;
    // Connections that clients keep open must not hold it up for their idle time of 72 s.
    expect(performance.now() - began).toBeLessThan(10_000);
    server = await startLog(environment());
  });

  it('is not ready, and takes nothing, once the log has stopped', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'log-stopped-'));
    const stopped = await startLog({ ...environment(), TILES_DIR: folder });
    await writeFile(join(folder, 'state'), 'another writer was here');
    for (let attempt = 0; attempt < 2; attempt++) {
      const answer = await fetch(`${stopped.url}/api/v2/log/entries`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify(request('too late')),
      });
      expect(answer.headers.get('retry-after')).toBe('1');
      await expectProblem(answer, 503, 'log-stopped');
    }
    await expectProblem(await fetch(`${stopped.url}/readyz`), 503, 'log-stopped');
    expect((await fetch(`${stopped.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${stopped.url}/checkpoint`)).status).toBe(200);
    await stopped.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    ['LOG_KEY', { LOG_KEY: undefined }],
    ['LOG_ORIGIN', { LOG_ORIGIN: '' }],
    ['PORT', { PORT: 'http' }],
  ])('names %s when it is wrong', async (name, change) => {
    await expect(startLog({ ...environment(), ...change })).rejects.toThrow(name);
  });
});
