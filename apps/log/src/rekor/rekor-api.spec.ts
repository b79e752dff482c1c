import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { entryTimestampBytes, paeBytes } from '@touchstone/attest';
import { LogInfo, Problem, RekorEntries, TransparencyLogEntry } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { verifyInclusion } from '@touchstone/merkle';
import { encodeUtf8, fromBase64, parseTlogProof, toBase64 } from '@touchstone/note';
import { fsck, nodeHasher, PosixStorage } from '@touchstone/tlog';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLog } from '../index.js';
import type { RunningLog } from '../index.js';

const v1Key = generateKey('ecdsa-p256-sha256');
const logKey = generateKey('ed25519');
const writer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = spkiOf(writer.publicKey);
const pem = Buffer.from(writer.publicKey.export({ format: 'pem', type: 'spki' })).toString(
  'base64',
);
const keyId = createHash('sha256').update(fromBase64(spki)).digest('hex');

let dir: string;
let server: RunningLog;

function environment(more: Record<string, string> = {}): Record<string, string> {
  return {
    TILES_DIR: join(dir, 'tiles'),
    LOG_ORIGIN: 'rekor.touchstone.dev/log',
    LOG_KEY: logKey.toPem(),
    LOG_V1_KEY: v1Key.toPem(),
    LOG_LEVEL: 'silent',
    PORT: '0',
    ...more,
  };
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-rekor-'));
  server = await startLog(environment());
});

afterAll(async () => {
  const { vkey } = await info();
  await server.close();
  const storage = new PosixStorage(join(dir, 'tiles'));
  const { problems } = await fsck(storage, { vkeys: [vkey], verify: nodeVerifier });
  await rm(dir, { recursive: true });
  expect(problems).toEqual([]);
});

function spkiOf(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}

function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

async function info(): Promise<LogInfo> {
  return LogInfo.parse(await (await fetch(`${server.url}/v1/log`)).json());
}

function post(path: string, body: unknown, url = server.url): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function v2(text: string, key: KeyObject = writer.privateKey): object {
  const content = sign('sha256', Buffer.from(text), key).toString('base64');
  const verifier = { keyDetails: 'PKIX_ECDSA_P256_SHA_256', publicKey: { rawBytes: spki } };
  const digest = sha256(text).toString('base64');
  return { hashedRekordRequestV002: { digest, signature: { content, verifier } } };
}

function v1(text: string): { kind: string; apiVersion: string; spec: { data: object } } {
  const content = sign('sha256', Buffer.from(text), writer.privateKey).toString('base64');
  const hash = { algorithm: 'sha256', value: sha256(text).toString('hex') };
  const spec = { data: { hash }, signature: { content, publicKey: { content: pem } } };
  return { kind: 'hashedrekord', apiVersion: '0.0.1', spec };
}

describe('Rekor v2', () => {
  it('answers the same entry with the same index and a proof, also to many at once', async () => {
    const request = v2('sent many times');
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(ENTRIES_V2, request)));
    const entries = await Promise.all(
      answers.map(async (answer) => TransparencyLogEntry.parse(await answer.json())),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(201));
    expect(new Set(entries.map(({ logIndex }) => logIndex)).size).toBe(1);
    await post(ENTRIES_V2, v2('another'));
    const later = TransparencyLogEntry.parse(await (await post(ENTRIES_V2, request)).json());
    expect(later.logIndex).toBe(entries[0]?.logIndex);
    // The proof is for the tree as it is now.
    expect(Number(later.inclusionProof.treeSize)).toBe((await info()).size);
  });

  it.each([
    ['no request', {}, 'entry-malformed'],
    ['an unknown kind', { rfc3161RequestV002: {} }, 'entry-malformed'],
    ['two requests', { ...v2('a'), dsseRequestV002: {} }, 'entry-malformed'],
    ['a digest of another message', mixed(), 'entry-signature'],
    ['base64 that is not canonical', changed(/"digest":"(.)/, '"digest":" $1'), 'entry-malformed'],
    ['a field too many', changed(/"digest"/, '"extra":1,"digest"'), 'entry-malformed'],
    ['an algorithm of another curve', changed(/P256_SHA_256/, 'P384_SHA_384'), 'entry-malformed'],
    ['an algorithm nobody knows', changed(/P256_SHA_256/, 'P256_MD5'), 'entry-malformed'],
    ['a verifier of neither form', changed(/publicKey/, 'privateKey'), 'entry-malformed'],
    ['a certificate that is none', changed(/publicKey/, 'x509Certificate'), 'entry-malformed'],
  ])('refuses %s, and appends nothing', async (_name, body, code) => {
    const before = await info();
    const answer = await post(ENTRIES_V2, body);
    expect([answer.status, Problem.parse(await answer.json()).code]).toEqual([400, code]);
    expect(await info()).toEqual(before);
  });

  it('tells clients who it is and where', async () => {
    const root = (await (await fetch(`${server.url}/trusted_root.json`)).json()) as {
      tlogs: { baseUrl: string; logId: { keyId: string } }[];
    };
    const added = TransparencyLogEntry.parse(
      await (await post(ENTRIES_V2, v2('known by its id'))).json(),
    );
    expect(root.tlogs.map(({ baseUrl }) => baseUrl)).toEqual(
      Array(2).fill('https://rekor.touchstone.dev/log'),
    );
    expect(root.tlogs[0]?.logId).toEqual(added.logId);
    expect(fromBase64(root.tlogs[0]?.logId.keyId ?? '')).toHaveLength(32);
    for (const [query, versions] of [
      ['', [2, 1]],
      ['?majorApiVersion=1', [1]],
    ] as const) {
      const config = await (await fetch(`${server.url}/signing_config.json${query}`)).json();
      const { rekorTlogUrls } = config as { rekorTlogUrls: Record<string, unknown>[] };
      expect(rekorTlogUrls.map(({ majorApiVersion }) => majorApiVersion)).toEqual(versions);
      expect(rekorTlogUrls[0]?.['url']).toBe(server.url);
    }
    expect((await fetch(`${server.url}/signing_config.json?majorApiVersion=3`)).status).toBe(400);
  });

  it('hands an entry out as tlog-proof', async () => {
    const { logIndex, canonicalizedBody } = TransparencyLogEntry.parse(
      await (await post(ENTRIES_V2, v2('to be proven'))).json(),
    );
    const answer = await fetch(`${server.url}/v1/entries/${logIndex}/tlog-proof`);
    const { index, hashes } = parseTlogProof(await answer.text());
    const consistent = await (
      await fetch(`${server.url}/v1/proof/inclusion?index=${index}`)
    ).json();
    const { size, root } = consistent as { size: number; root: string };
    const leafHash = nodeHasher.leaf(fromBase64(canonicalizedBody));
    verifyInclusion({ index, size, leafHash, proof: [...hashes], root: fromBase64(root) });
    expect((await fetch(`${server.url}/v1/entries/99999/tlog-proof`)).status).toBe(404);
    expect((await fetch(`${server.url}/v1/entries/x/bundle`)).status).toBe(400);
  });

  function mixed(): object {
    const text = JSON.stringify(v2('a')).replace(
      sha256('a').toString('base64'),
      sha256('b').toString('base64'),
    );
    return JSON.parse(text) as object;
  }

  function changed(from: RegExp, to: string): object {
    return JSON.parse(JSON.stringify(v2('changed')).replace(from, to)) as object;
  }
});

describe('Rekor v1', () => {
  it('promises an entry with the time and the key it says', async () => {
    const answer = await post(ENTRIES_V1, v1('promised'));
    expect(answer.status).toBe(201);
    const [[id, entry]] = Object.entries(RekorEntries.parse(await answer.json())) as [
      [string, RekorEntries[string]],
    ];
    expect(answer.headers.get('etag')).toBe(id);
    const { body, integratedTime, logID, logIndex, verification } = entry;
    expect(logID).toBe(sha256(v1Key.publicKey.spki).toString('hex'));
    expect(Math.abs(integratedTime - Date.now() / 1000)).toBeLessThan(60);
    const promised = entryTimestampBytes({ body, integratedTime, logID, logIndex });
    const promise = fromBase64(verification.signedEntryTimestamp);
    expect(nodeVerifier(v1Key.publicKey, promised, promise)).toBe(true);
    for (const path of [`/${id}`, `/${id.slice(16)}`, `?logIndex=${logIndex}`]) {
      const again = await fetch(`${server.url}${ENTRIES_V1}${path}`);
      const [got] = Object.values(RekorEntries.parse(await again.json()));
      expect(got).toMatchObject({ body, integratedTime, logID, logIndex });
    }
    const key = await (await fetch(`${server.url}/api/v1/log/publicKey`)).text();
    expect(key).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  });

  it('says where an entry is that the log has already', async () => {
    const request = v1('twice');
    const [id] = Object.keys((await (await post(ENTRIES_V1, request)).json()) as object);
    const size = (await info()).size;
    const again = await post(ENTRIES_V1, request);
    expect(again.status).toBe(409);
    const location = again.headers.get('location');
    expect(location).toBe(`${ENTRIES_V1}/${id}`);
    const there = await fetch(new URL(location ?? '', server.url));
    expect([there.status, Object.keys((await there.json()) as object)]).toEqual([200, [id]]);
    expect(again.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await again.json()).toMatchObject({ code: 409, reason: 'entry-duplicate' });
    expect((await info()).size).toBe(size);
  });

  it('retrieves by id, index and content, and leaves out what is not there', async () => {
    const request = v1('retrieved');
    const [id = ''] = Object.keys((await (await post(ENTRIES_V1, request)).json()) as object);
    const query = {
      entryUUIDs: [id, id.slice(16), '00'.repeat(32)],
      logIndexes: [0, 99_999],
      entries: [request, v1('never logged')],
    };
    const answer = await post(`${ENTRIES_V1}/retrieve`, query);
    const found = (await answer.json()) as object[];
    expect(found.map((entry) => Object.keys(entry)[0] === id)).toEqual([true, true, true, false]);
    const many = { logIndexes: Array(11).fill(0) as number[] };
    expect((await post(`${ENTRIES_V1}/retrieve`, many)).status).toBe(422);
  });

  it('finds entries by digest and signer, and by both', async () => {
    const [id] = Object.keys((await (await post(ENTRIES_V1, v1('searched'))).json()) as object);
    const hash = sha256('searched').toString('hex');
    const publicKey = { format: 'x509', content: pem };
    const search = async (query: object): Promise<unknown> =>
      (await post('/api/v1/index/retrieve', query)).json();
    expect(await search({ hash })).toEqual([id]);
    expect(await search({ hash: `sha256:${hash}` })).toEqual([id]);
    expect(await search({ publicKey })).toEqual(expect.arrayContaining([id]));
    expect(await search({ hash, publicKey, operator: 'and' })).toEqual([id]);
    expect(await search({ hash: '00'.repeat(32), publicKey, operator: 'and' })).toEqual([]);
    expect(await search({ email: 'nobody@example.org' })).toEqual([]);
    expect(await search({})).toEqual([]);
    const bad = await post('/api/v1/index/retrieve', {
      publicKey: { format: 'x509', content: 'AA==' },
    });
    expect(bad.status).toBe(400);
  });

  it.each([
    ['an unknown kind', { kind: 'jar', apiVersion: '0.0.1', spec: {} }],
    ['an unknown version', { ...v1('a'), apiVersion: '0.0.9' }],
    ['a digest of another message', { ...v1('a'), spec: { ...v1('a').spec, data: hashOf('b') } }],
    ['a digest of another size', { ...v1('a'), spec: { ...v1('a').spec, data: hashOf('b', 128) } }],
    ['a key that is none', JSON.parse(JSON.stringify(v1('a')).replace(pem, 'AAAA')) as object],
  ])('refuses %s as Rekor does, and appends nothing', async (_name, body) => {
    const before = await info();
    const answer = await post(ENTRIES_V1, body);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ code: 400, message: expect.any(String) as string }),
    ]);
    expect(await info()).toEqual(before);
  });

  it.each([
    ['/api/v1/log/entries?logIndex=99999', 404],
    ['/api/v1/log/entries?logIndex=-1', 400],
    [`/api/v1/log/entries/${'00'.repeat(40)}`, 404],
    ['/api/v1/log/entries/no-id', 404],
    ['/api/v1/log/proof?firstSize=2&lastSize=1', 400],
    ['/api/v1/log/proof?lastSize=99999', 400],
    ['/api/v1/log/proof?lastSize=1&treeID=1', 400],
    ['/api/v1/log/publicKey?treeID=1', 400],
  ])('answers %s with %i', async (path, status) => {
    const answer = await fetch(server.url + path);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code: status });
  });

  it('answers any JSON with a status of its own', async () => {
    const paths = [ENTRIES_V1, `${ENTRIES_V1}/retrieve`, '/api/v1/index/retrieve'];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue(), async (path, body) => {
        expect((await post(path, body)).status).toBeLessThan(500);
      }),
      { seed: 21, numRuns: 60 },
    );
  });

  function hashOf(text: string, size = 64): object {
    const value = sha256(text).toString('hex').repeat(2).slice(0, size);
    return { hash: { algorithm: 'sha256', value } };
  }
});

describe('attestations', () => {
  const payload = encodeUtf8('{"an":"attestation"}');
  const digest = sha256(payload).toString('hex');
  const pack = (): string => join(dir, 'tiles/attestations/packs/00000001.pack');

  it('are there before their entry, and are handed out by digest', async () => {
    const sig = sign('sha256', paeBytes('application/json', payload), writer.privateKey);
    const verifier = { keyDetails: 'PKIX_ECDSA_P256_SHA_256', publicKey: { rawBytes: spki } };
    const envelope = {
      payload: toBase64(payload),
      payloadType: 'application/json',
      signatures: [{ sig: sig.toString('base64') }],
    };
    const added = await post(ENTRIES_V2, { dsseRequestV002: { envelope, verifiers: [verifier] } });
    expect(added.status).toBe(201);
    const { logIndex } = TransparencyLogEntry.parse(await added.json());
    const answer = await fetch(`${server.url}/v1/attestations/sha256:${digest}`);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(payload);
    expect(answer.headers.get('cache-control')).toMatch(/immutable/);
    expect((await readFile(pack())).includes(Buffer.from(payload))).toBe(true);
    const bundle = `${server.url}/v1/entries/${logIndex}/bundle`;
    expect((await fetch(bundle)).status).toBe(409);
    expect((await fetch(`${bundle}?payloadType=application/json`)).status).toBe(200);
  });

  it.each([
    [`sha256:${'00'.repeat(32)}`, 404],
    ['sha256:..%2f..%2fstate', 400],
    [`sha512:${'00'.repeat(32)}`, 400],
  ])('answers for %s with %i', async (name, status) => {
    expect((await fetch(`${server.url}/v1/attestations/${name}`)).status).toBe(status);
  });

  it('are taken only under their own digest', async () => {
    const put = (name: string, body: string): Promise<Response> =>
      fetch(`${server.url}/v1/attestations/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body,
      });
    const right = `sha256:${sha256('kept').toString('hex')}`;
    expect((await put(right, 'kept')).status).toBe(204);
    expect((await put(right, 'kept')).status).toBe(204);
    const wrong = await put(right, 'other');
    expect(Problem.parse(await wrong.json()).code).toBe('attestation-digest-mismatch');
  });

  it('are missed when they are gone, and when they are damaged', async () => {
    await server.close();
    const bytes = await readFile(pack());
    bytes.write('damaged', bytes.indexOf(payload));
    await writeFile(pack(), bytes);
    server = await startLog(environment({ ATTESTATION_SWEEP_SECONDS: '1' }));
    const ready = async (): Promise<unknown> => (await fetch(`${server.url}/readyz`)).json();
    const warning = (text: string | RegExp): object => ({
      status: 'ready',
      warnings: [expect.stringMatching(text)],
    });
    const within = { timeout: 10_000 };
    await expect
      .poll(ready, within)
      .toMatchObject(warning('attestations named by entries: 0 missing, 1 damaged'));
    // Any copy mends it, in a file of its own.
    const file = join(dir, 'tiles/attestations/sha256', digest.slice(0, 2), digest);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, payload);
    await expect.poll(ready, within).not.toHaveProperty('warnings');
    await rm(file);
    await rm(pack());
    await expect.poll(ready, within).toMatchObject(warning(/entries: [1-9] missing, 0 damaged/));
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/^log_attestations_missing [1-9]$/m);
  });
});

describe('writers', () => {
  async function withLog(
    more: Record<string, string>,
    work: (url: string) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'log-writers-'));
    const log = await startLog(environment({ ...more, TILES_DIR: folder }));
    try {
      await work(log.url);
    } finally {
      await log.close();
      await rm(folder, { recursive: true });
    }
  }

  it('are those of the policy, by the keys that signed', async () => {
    const file = join(dir, 'writers.json');
    const schema = 'https://touchstone.dev/log-writers/v1';
    await writeFile(file, JSON.stringify({ schema, writers: [{ id: 'a', keys: [keyId] }] }));
    await withLog({ LOG_WRITERS_FILE: file }, async (url) => {
      expect((await post(ENTRIES_V2, v2('by one who may'), url)).status).toBe(201);
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const request = JSON.stringify(v2('by one who may not', other.privateKey));
      const body = JSON.parse(request.replace(spki, spkiOf(other.publicKey))) as object;
      const refused = await post(ENTRIES_V2, body, url);
      expect(Problem.parse(await refused.json())).toMatchObject({
        status: 403,
        code: 'writer-unknown',
      });
      expect(LogInfo.parse(await (await fetch(`${url}/v1/log`)).json()).size).toBe(1);
    });
  });

  it('are slowed down to their rate, and told when to come back', async () => {
    await withLog({ LOG_WRITE_RATE: '0.1', LOG_WRITE_BURST: '3' }, async (url) => {
      const answers: Response[] = [];
      for (let i = 0; i < 4; i++) answers.push(await post(ENTRIES_V2, v2(`write ${i}`), url));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 429]);
      expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(5);
      expect((await fetch(`${url}/checkpoint`)).status).toBe(200);
    });
  });

  it.each([
    ['no JSON', '{'],
    ['another schema', '{"schema":"x","writers":[]}'],
    [
      'a key that is none',
      '{"schema":"https://touchstone.dev/log-writers/v1","writers":[{"id":"a","keys":["x"]}]}',
    ],
  ])('are not read from %s', async (_name, text) => {
    const file = join(dir, 'bad-writers.json');
    await writeFile(file, text);
    await expect(withLog({ LOG_WRITERS_FILE: file }, async () => undefined)).rejects.toThrow(file);
  });
});

describe('a log without a key for v1', () => {
  it('says so, and offers version 2 alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'log-no-v1-'));
    const { LOG_V1_KEY: _, ...rest } = environment({ TILES_DIR: folder });
    const log = await startLog(rest);
    const answer = await post(ENTRIES_V1, v1('to nobody'), log.url);
    expect(await answer.json()).toMatchObject({ code: 501, reason: 'rekor-v1-off' });
    const config = await (await fetch(`${log.url}/signing_config.json`)).json();
    expect((config as { rekorTlogUrls: object[] }).rekorTlogUrls).toHaveLength(1);
    await log.close();
    await rm(folder, { recursive: true });
  });

  it('does not start with a key of another kind for it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'log-bad-v1-'));
    const LOG_V1_KEY = generateKey('ed25519').toPem();
    await expect(startLog(environment({ TILES_DIR: folder, LOG_V1_KEY }))).rejects.toThrow(
      /LOG_V1_KEY_FILE/,
    );
    await rm(folder, { recursive: true });
  });
});

const ENTRIES_V1 = '/api/v1/log/entries';
const ENTRIES_V2 = '/api/v2/log/entries';
