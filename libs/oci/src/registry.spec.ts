import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Layout,
  OciError,
  parseReference,
  pushArtifact,
  readReferrers,
  Repository,
  type ArtifactStore,
  type RepositoryOptions,
} from './index.js';
import { digestOf } from './manifest.js';
import { registryAbsent, startRegistry, type RunningRegistry } from '@touchstone/kit';

const WASM = Uint8Array.from(Buffer.from('0061736d01000000', 'hex'));
// `user` and `secret`, hashed by htpasswd -B with few rounds.
const HTPASSWD = 'user:$2y$05$RAuFj4QRDV1w7rdg9pzUG.0LGAuSKKVdRoAjhV.i/0bcrkeDFHD4a\n';

let folder = '';
let open: RunningRegistry;
let guarded: RunningRegistry;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oci-'));
  if (registryAbsent !== undefined) return;
  [open, guarded] = await Promise.all([startRegistry(), startRegistry(HTPASSWD)]);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  if (registryAbsent === undefined) await Promise.all([open.close(), guarded.close()]);
});

function repository(name: string, options: RepositoryOptions = {}, at = open): Repository {
  const hosts = new Set([at.host]);
  return new Repository(parseReference(`${at.host}/${name}`), {
    ...{ privateHosts: hosts, plainHosts: hosts, backoff: 1 },
    ...options,
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

async function wholeStory(store: ArtifactStore): Promise<void> {
  const module = await pushArtifact(
    store,
    {
      artifactType: 'application/vnd.wasm.config.v0+json',
      layers: [{ mediaType: 'application/wasm', bytes: WASM }],
      annotations: { 'org.opencontainers.image.revision': 'r' },
    },
    'v1',
  );
  const { digest } = module.descriptor;
  expect((await store.manifest('v1')).descriptor).toEqual(
    (await store.manifest(digest)).descriptor,
  );
  const { content } = await store.manifest('v1');
  if (content.kind !== 'image') throw new Error('no image');
  expect(await store.blob(content.image.layers[0]!, { maxBytes: 100 })).toEqual(Buffer.from(WASM));
  expect(await store.referrers(digest)).toEqual([]);
  const attach = (text: string, type: string): ReturnType<typeof pushArtifact> =>
    pushArtifact(store, {
      artifactType: type,
      layers: [{ mediaType: 'application/json', bytes: Buffer.from(text) }],
      annotations: { 'dev.touchstone.kind': text },
      subject: module,
    });
  const [first] = [
    await attach('"a"', 'application/vnd.a'),
    await attach('"b"', 'application/vnd.b'),
  ];
  await attach('"a"', 'application/vnd.a');
  const all = await store.referrers(digest);
  expect(all.map(({ artifactType }) => artifactType).sort()).toEqual([
    'application/vnd.a',
    'application/vnd.b',
  ]);
  expect(all.find((one) => one.digest === first.descriptor.digest)?.annotations).toEqual({
    'dev.touchstone.kind': '"a"',
  });
  const [only, ...more] = await readReferrers(store, digest, 'application/vnd.b');
  expect([only?.content.kind, more]).toEqual(['image', []]);
  expect(await codeOf(store.manifest('v2'))).toBe('not-found');
  expect(await codeOf(store.manifest(`sha256:${'0'.repeat(64)}`))).toBe('not-found');
  expect(
    await codeOf(store.blob({ digest: `sha256:${'0'.repeat(64)}`, size: 1 }, { maxBytes: 9 })),
  ).toBe('not-found');
}

describe('an image layout', () => {
  it('keeps artifacts and their referrers', async () => {
    const path = join(folder, 'layout');
    await wholeStory(await Layout.create(path));
    const again = await Layout.open(path);
    expect((await again.manifest('v1')).content.kind).toBe('image');
  });

  it('is told from a folder that is none', async () => {
    expect(await codeOf(Layout.open(folder))).toBe('not-found');
  });
});

describe.skipIf(registryAbsent !== undefined)(`docker-registry ${registryAbsent ?? ''}`, () => {
  it('keeps artifacts, and their referrers under the fallback tag', () =>
    wholeStory(repository('org/module')));

  it('takes chunks, and mounts from another repository', async () => {
    const bytes = randomBytes(300_000);
    const chunked = repository('chunks', { push: { chunkBytes: 70_000 } });
    await chunked.pushBlob(bytes);
    const descriptor = { digest: digestOf(bytes), size: bytes.length };
    expect(Buffer.from(await chunked.blob(descriptor, { maxBytes: 1e6 })).equals(bytes)).toBe(true);
    const mounted = repository('mounted', { push: { mountFrom: 'chunks' } });
    expect(await mounted.hasBlob(descriptor.digest)).toBe(false);
    await mounted.pushBlob(bytes);
    expect(await mounted.hasBlob(descriptor.digest)).toBe(true);
    expect(await codeOf(mounted.blob(descriptor, { maxBytes: 1000 }))).toBe('too-large');
    expect(await codeOf(mounted.blob({ ...descriptor, size: 5 }, { maxBytes: 1e6 }))).toBe(
      'too-large',
    );
    expect(await codeOf(mounted.blob({ ...descriptor, size: 300_001 }, { maxBytes: 1e6 }))).toBe(
      'digest-mismatch',
    );
  });

  it('lists what several clients attach at once', async () => {
    const store = repository('races');
    const subject = await pushArtifact(
      store,
      { artifactType: 'application/vnd.x', layers: [] },
      'v1',
    );
    for (const text of ['1', '2', '3', '4'])
      await pushArtifact(store, {
        artifactType: 'application/vnd.y',
        layers: [{ mediaType: 'application/json', bytes: Buffer.from(text) }],
        subject,
      });
    expect(await store.referrers(subject.descriptor.digest)).toHaveLength(4);
  });

  it('lets in who has the password', async () => {
    const credentials = { username: 'user', password: 'secret' };
    const artifact = { artifactType: 'application/vnd.x', layers: [] };
    await pushArtifact(repository('a', { credentials }, guarded), artifact, 'v1');
    expect((await repository('a', { credentials }, guarded).manifest('v1')).content.kind).toBe(
      'image',
    );
    expect(await codeOf(repository('a', {}, guarded).manifest('v1'))).toBe('denied');
    const wrong = { credentials: { username: 'user', password: 'x' } };
    expect(await codeOf(repository('a', wrong, guarded).manifest('v1'))).toBe('denied');
  });

  it('is not asked when nobody named it', async () => {
    const plain = { plainHosts: new Set([open.host]), privateHosts: new Set<string>() };
    expect(await codeOf(repository('a', plain).manifest('v1'))).toBe('address-not-allowed');
    expect(await codeOf(repository('a', { plainHosts: new Set() }).manifest('v1'))).toBe(
      'unreachable',
    );
  });
});
