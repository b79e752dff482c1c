import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { registryAbsent, startRegistry, type RunningRegistry } from '@touchstone/kit';
import { Layout, parseReference, pushArtifact, readReferrers, Repository } from '@touchstone/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClient, titled } from './client.js';

const run = promisify(execFile);
const client = await findClient('oras');
const WASM = Buffer.from('0061736d01000000', 'hex');
const MODULE_TYPE = 'application/wasm';
const EVIDENCE_TYPE = 'application/vnd.touchstone.evidence.v1+json';

describe.skipIf(!('path' in client) || registryAbsent !== undefined)(titled('oras', client), () => {
  let registry: RunningRegistry;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oras-'));
    await writeFile(join(folder, 'a.wasm'), WASM);
    await writeFile(join(folder, 'evidence.json'), '{}');
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  });

  const oras = async (...args: string[]): Promise<string> => {
    if (!('path' in client)) throw new Error(client.absent);
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder };
    return (await run(client.path, args, { cwd: folder, env, timeout: 60_000 })).stdout;
  };
  const repository = (name: string): Repository => {
    const hosts = new Set([registry.host]);
    const reference = parseReference(`${registry.host}/${name}`);
    return new Repository(reference, { privateHosts: hosts, plainHosts: hosts });
  };

  it('lists what we attach, and we list what it attaches', async () => {
    const name = `${registry.host}/org/module`;
    await oras('push', '--plain-http', `${name}:v1`, `a.wasm:${MODULE_TYPE}`);
    const store = repository('org/module');
    const subject = await store.manifest('v1');
    const layers = [{ mediaType: EVIDENCE_TYPE, bytes: Buffer.from('{"by":"us"}') }];
    await pushArtifact(store, { artifactType: EVIDENCE_TYPE, layers, subject });
    await oras(
      'attach',
      '--plain-http',
      '--artifact-type',
      'application/vnd.them',
      `${name}:v1`,
      'evidence.json:application/json',
    );
    const listed = await oras('discover', '--plain-http', '--format', 'json', `${name}:v1`);
    for (const type of [EVIDENCE_TYPE, 'application/vnd.them']) expect(listed).toContain(type);
    const ours = await readReferrers(store, subject.descriptor.digest);
    expect(ours).toHaveLength(2);
  });

  it('pulls what we push, and reads our layouts as we read its', async () => {
    const store = repository('ours');
    const layers = [
      {
        ...{ mediaType: MODULE_TYPE, bytes: WASM },
        annotations: { 'org.opencontainers.image.title': 'pulled.wasm' },
      },
    ];
    await pushArtifact(store, { artifactType: 'application/vnd.wasm', layers }, 'v1');
    await oras('pull', '--plain-http', `${registry.host}/ours:v1`);
    expect(await readFile(join(folder, 'pulled.wasm'))).toEqual(WASM);
    await oras(
      'copy',
      '--from-plain-http',
      '--to-oci-layout',
      `${registry.host}/ours:v1`,
      'theirs:v1',
    );
    const theirs = await Layout.open(join(folder, 'theirs'));
    expect((await theirs.manifest('v1')).descriptor).toEqual(
      (await store.manifest('v1')).descriptor,
    );
    const own = await Layout.create(join(folder, 'own'));
    await pushArtifact(own, { artifactType: 'application/vnd.wasm', layers }, 'v2');
    expect(await oras('manifest', 'fetch', '--oci-layout', 'own:v2')).toContain(MODULE_TYPE);
  });
});
