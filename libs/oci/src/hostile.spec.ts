import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { readChallenges } from './auth.js';
import { OciError, parseReference, pushArtifact, readReferrers, Repository } from './index.js';
import { digestOf, encodeManifest, INDEX_TYPE, MANIFEST_TYPE, readManifest } from './manifest.js';

type Listener = (request: IncomingMessage, response: ServerResponse, host: string) => void;

let servers: Server[] = [];
afterEach(async () => {
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  servers = [];
});

/** Everything that was asked, as `METHOD path authorization`. */
let asked: string[] = [];

async function serve(listener: Listener): Promise<string> {
  const server = createServer((request, response) => {
    asked.push(
      `${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''}`.trim(),
    );
    listener(request, response, host);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return host;
}

async function repository(listener: Listener, more: readonly string[] = []): Promise<Repository> {
  asked = [];
  const host = await serve(listener);
  return new Repository(parseReference(`${host}/a/b`), {
    privateHosts: new Set([host, ...more]),
    plainHosts: new Set([host, ...more]),
    credentials: { username: 'user', password: 'secret' },
    ...{ attempts: 2, backoff: 1, idleTimeout: 300 },
  });
}

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof OciError) return error.code;
    throw error;
  }
  return 'accepted';
}

const empty = { digest: `sha256:${'0'.repeat(64)}`, size: 0, mediaType: 'application/json' };
const IMAGE = encodeManifest({
  schemaVersion: 2,
  mediaType: MANIFEST_TYPE,
  config: empty,
  layers: [],
});

describe('a registry that asks for a token', () => {
  const guarded =
    (challenge: (host: string) => string, token: unknown): Listener =>
    (request, response, host) => {
      if (request.url?.startsWith('/token') === true) {
        response.end(typeof token === 'string' ? token : JSON.stringify(token));
        return;
      }
      if (request.headers.authorization === 'Bearer good') {
        response.setHeader('content-type', MANIFEST_TYPE);
        response.end(IMAGE);
        return;
      }
      response.writeHead(401, { 'www-authenticate': challenge(host) }).end();
    };
  const own = (host: string): string => `Bearer realm="http://${host}/token",service="a, \\"b\\""`;

  it('gets the token that its realm gives, for our scope and no wider', async () => {
    const store = await repository(
      guarded((host) => `${own(host)},scope="repository:other:*"`, { token: 'good' }),
    );
    expect((await store.manifest('v1')).content.kind).toBe('image');
    await store.manifest('v1');
    const basic = `Basic ${Buffer.from('user:secret').toString('base64')}`;
    expect(asked).toEqual([
      'GET /v2/a/b/manifests/v1',
      `GET /token?service=a%2C+%22b%22&scope=repository%3Aa%2Fb%3Apull ${basic}`,
      'GET /v2/a/b/manifests/v1 Bearer good',
      'GET /v2/a/b/manifests/v1 Bearer good',
    ]);
  });

  it.each<[string, (host: string) => string, unknown, string]>([
    [
      'a realm on a private address',
      () => 'Bearer realm="https://10.0.0.1/token"',
      {},
      'challenge-refused',
    ],
    [
      'a realm on this machine',
      () => 'Bearer realm="https://localhost/token"',
      {},
      'challenge-refused',
    ],
    [
      'the address of a cloud',
      () => 'Bearer realm="https://169.254.169.254/"',
      {},
      'challenge-refused',
    ],
    [
      'a realm without TLS elsewhere',
      () => 'Bearer realm="http://other.test/"',
      {},
      'challenge-refused',
    ],
    ['a file as realm', () => 'Bearer realm="file:///etc/passwd"', {}, 'challenge-refused'],
    ['no realm', () => 'Bearer', {}, 'challenge-refused'],
    ['another scheme', () => 'Digest realm="x"', {}, 'denied'],
    ['a token with a line break', own, { token: 'good\r\nx-evil: 1' }, 'challenge-refused'],
    ['a token that is no text', own, { token: 1 }, 'challenge-refused'],
    ['a token that is no JSON', own, 'good', 'challenge-refused'],
    ['a token without end', own, { token: 'a'.repeat(300_000) }, 'too-large'],
    ['a token that does not help', own, { access_token: 'bad' }, 'denied'],
  ])('is refused with %s', async (_, challenge, token, code) => {
    expect(await codeOf((await repository(guarded(challenge, token))).manifest('v1'))).toBe(code);
  });
});

describe('a registry that answers what it should not', () => {
  const index = (manifests: unknown[]): string => JSON.stringify({ schemaVersion: 2, manifests });
  const typed =
    (type: string, body: string | Uint8Array, headers: Record<string, string> = {}): Listener =>
    (_, response) => {
      response.writeHead(200, { 'content-type': type, ...headers }).end(body);
    };

  it.each<[string, Listener, string]>([
    ['another manifest', typed(MANIFEST_TYPE, IMAGE), 'digest-mismatch'],
    ['no JSON', typed(MANIFEST_TYPE, 'hello'), 'digest-mismatch'],
    ['errors', (_, response) => response.writeHead(500).end(), 'unreachable'],
    ['no byte', () => undefined, 'unreachable'],
    ['a teapot', (_, response) => response.writeHead(418).end(), 'answer-unexpected'],
    ['a manifest without end', typed(MANIFEST_TYPE, Buffer.alloc(5_000_000)), 'too-large'],
    [
      'a redirect to this machine',
      (_, response) => response.writeHead(302, { location: 'https://127.0.0.1:1/x' }).end(),
      'address-not-allowed',
    ],
    [
      'a redirect without TLS',
      (_, response) => response.writeHead(307, { location: 'http://other.test/' }).end(),
      'redirect-refused',
    ],
    [
      'a redirect with a password',
      (_, response) => response.writeHead(307, { location: 'https://u:p@other.test/' }).end(),
      'address-not-allowed',
    ],
    [
      'redirects without end',
      (_, response) => response.writeHead(307, { location: '/v2/a/b/again' }).end(),
      'redirect-refused',
    ],
  ])('by digest, %s', async (_, listener, code) => {
    expect(await codeOf((await repository(listener)).manifest(`sha256:${'a'.repeat(64)}`))).toBe(
      code,
    );
  });

  it.each<[string, Listener, string]>([
    [
      'a digest that it does not have',
      typed(MANIFEST_TYPE, IMAGE, { 'docker-content-digest': `sha256:${'a'.repeat(64)}` }),
      'digest-mismatch',
    ],
    ['an index as a manifest', typed(MANIFEST_TYPE, index([])), 'manifest-malformed'],
    ['a manifest as an index', typed(INDEX_TYPE, IMAGE), 'manifest-malformed'],
    [
      'both at once',
      typed(
        INDEX_TYPE,
        JSON.stringify({ schemaVersion: 2, manifests: [], layers: [], config: empty }),
      ),
      'manifest-malformed',
    ],
    [
      'an index about nothing that can be named',
      typed(INDEX_TYPE, JSON.stringify({ schemaVersion: 2, manifests: [], subject: {} })),
      'manifest-malformed',
    ],
    ['an old schema', typed(MANIFEST_TYPE, '{"schemaVersion":1}'), 'manifest-malformed'],
    [
      'a size below nothing',
      typed(INDEX_TYPE, index([{ ...empty, size: -1 }])),
      'manifest-malformed',
    ],
    [
      'a weak digest',
      typed(INDEX_TYPE, index([{ ...empty, digest: 'md5:00' }])),
      'manifest-malformed',
    ],
    [
      'a media type with a line break',
      typed(INDEX_TYPE, index([{ ...empty, mediaType: 'a/b\r\nc' }])),
      'manifest-malformed',
    ],
  ])('by tag, %s', async (_, listener, code) => {
    expect(await codeOf((await repository(listener)).manifest('v1'))).toBe(code);
  });

  it('keeps our credentials when it redirects', async () => {
    let target = '';
    const other = await serve((_, response) => response.writeHead(200).end('x'));
    target = `http://${other}/blob`;
    const store = await repository(
      (request, response) => {
        if (request.headers.authorization === undefined)
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        else response.writeHead(307, { location: target }).end();
      },
      [other],
    );
    const descriptor = { digest: digestOf(Buffer.from('x')), size: 1 };
    // Without TLS nothing is followed to another host, whatever is allowed.
    expect(await codeOf(store.blob(descriptor, { maxBytes: 9 }))).toBe('redirect-refused');
    expect(asked.some((line) => line.includes('/blob '))).toBe(false);
  });

  it('lists pages, but not those of others', async () => {
    const page =
      (next?: string): Listener =>
      (request, response) => {
        const first = !request.url?.includes('page2');
        response.writeHead(200, {
          'content-type': INDEX_TYPE,
          ...(first && next !== undefined ? { link: `<${next}>; rel="next"` } : {}),
        });
        response.end(index([{ ...empty, digest: `sha256:${(first ? 'a' : 'b').repeat(64)}` }]));
      };
    const subject = `sha256:${'c'.repeat(64)}`;
    expect(
      await (await repository(page('/v2/a/b/referrers/x?page2'))).referrers(subject),
    ).toHaveLength(2);
    const away = await repository(page('https://other.test/page2'));
    expect(await codeOf(away.referrers(subject))).toBe('redirect-refused');
  });

  it('is not believed about whose referrer a manifest is', async () => {
    const store = await repository((request, response) => {
      const listed = request.url?.includes('/referrers/') === true;
      response.setHeader('content-type', listed ? INDEX_TYPE : MANIFEST_TYPE);
      response.end(
        listed ? index([{ ...empty, digest: digestOf(IMAGE), size: IMAGE.length }]) : IMAGE,
      );
    });
    expect(await codeOf(readReferrers(store, `sha256:${'c'.repeat(64)}`))).toBe(
      'manifest-malformed',
    );
  });

  it.each<[string, Record<string, string>, string]>([
    ['elsewhere', { location: 'https://other.test/upload' }, 'redirect-refused'],
    ['nowhere', {}, 'answer-unexpected'],
  ])('sends an upload %s', async (_, headers, code) => {
    const store = await repository((request, response) => {
      response.writeHead(request.method === 'HEAD' ? 404 : 202, headers).end();
    });
    expect(await codeOf(pushArtifact(store, { artifactType: 'a/b', layers: [] }))).toBe(code);
  });

  it('goes on where the registry lost the thread, and not for ever', async () => {
    const bytes = Buffer.from('0123456789');
    let held = '';
    let lost = false;
    const store = await repository((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const location = { location: '/v2/a/b/blobs/uploads/1', range: `0-${held.length - 1}` };
        if (request.method === 'HEAD') response.writeHead(404).end();
        else if (request.method === 'POST') response.writeHead(202, location).end();
        else if (request.method === 'GET') response.writeHead(204, location).end();
        else if (request.method === 'PUT') response.writeHead(201).end();
        else if (!lost && held.length === 4) {
          lost = true;
          held = '01';
          response.writeHead(416).end();
        } else {
          held += Buffer.concat(chunks).toString();
          response.writeHead(202, { ...location, range: `0-${held.length - 1}` }).end();
        }
      });
    });
    const inChunks = new Repository(parseReference(store.name), {
      privateHosts: new Set([store.name.split('/')[0]!]),
      plainHosts: new Set([store.name.split('/')[0]!]),
      push: { chunkBytes: 4 },
    });
    await inChunks.pushBlob(bytes);
    expect(held).toBe('0123456789');
  });
});

describe('what strangers write', () => {
  it.each([
    'name',
    'host/name',
    'ghcr.io',
    'ghcr.io/',
    'ghcr.io/A',
    'ghcr.io/a//b',
    'ghcr.io/a/../b',
    'ghcr.io/a:',
    'ghcr.io/a:b:c',
    'ghcr.io/a@sha256:00',
    'ghcr.io/a@b@c',
    'https://ghcr.io/a',
    'user@ghcr.io/a',
    'ghcr.io/a\r\nhost: x',
    'ghcr.io/a?b',
    'ghcr.io:0/a',
  ])('%j is no reference', (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: 'reference-malformed' }),
    );
  });

  it('challenges are read, whatever stands in them', () => {
    expect(readChallenges('Basic realm="a", Bearer realm="b",service=c')).toEqual([
      { scheme: 'basic', parameters: { realm: 'a' } },
      { scheme: 'bearer', parameters: { realm: 'b', service: 'c' } },
    ]);
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        readChallenges(text);
      }),
      { seed: 5, numRuns: 300 },
    );
    const started = performance.now();
    readChallenges(`Bearer ${'a="\\'.repeat(3000)}`);
    readChallenges(`${'a '.repeat(4000)}=`);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('manifests are read or refused with a code', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(IMAGE.length - 1), fc.nat(255)), { maxLength: 4 }),
        (edits) => {
          const bytes = Uint8Array.from(IMAGE);
          for (const [at, value] of edits) bytes[at] = value;
          try {
            readManifest(bytes, MANIFEST_TYPE);
          } catch (error) {
            expect(error).toBeInstanceOf(OciError);
          }
        },
      ),
      { seed: 6, numRuns: 300 },
    );
  });
});
