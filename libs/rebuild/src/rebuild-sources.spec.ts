import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RebuildPredicate } from '@touchstone/attest';
import { Recipe, type Artifact, type Source } from '@touchstone/contract';
import { registryAbsent, startRegistry } from '@touchstone/kit';
import { parseReference, pushArtifact, Repository } from '@touchstone/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rebuild, type RebuildReport } from './rebuild.js';
import { BubblewrapSandbox } from './sandbox/bubblewrap.js';
import { BlobStore } from './source/blob-store.js';
import { sha256Hex } from './source/integrity.js';
import { NpmSource } from './source/npm-source.js';
import { privateRegistry } from './source/oci-source.js';
import { readRegistryConfig } from './source/registry-config.js';
import { Sources } from './source/sources.js';

const CACHE = fileURLToPath(new URL('../../../.touchstone/cache', import.meta.url));
/** `(module)`: nothing but the preamble. */
const EMPTY = Buffer.from('0061736d01000000', 'hex');

let folder = '';
let source: NpmSource;
let sources: Sources;
let sandbox: BubblewrapSandbox;
let commit: Extract<Source, { kind: 'git' }>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuild-sources-'));
  const repository = join(folder, 'repository');
  await mkdir(join(repository, 'src'), { recursive: true });
  await writeFile(join(repository, 'src/a.wat'), `(module)\n${';; text\n'.repeat(1000)}`);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: repository,
      env: {
        PATH: process.env['PATH'] ?? '',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_COMMITTER_DATE: '1700000000 +0000',
      },
    }).toString();
  git('init', '-q');
  git('add', '-A');
  git('commit', '-q', '-m', 'a');
  commit = { kind: 'git', url: `file://${repository}`, commit: git('rev-parse', 'HEAD').trim() };
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  sources = await Sources.open(source, folder, { allowPrivate: true, allowFiles: true });
  sandbox = await BubblewrapSandbox.open();
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function run(
  artifact: Artifact,
  from: Source,
  path: string,
  places = sources,
): Promise<RebuildReport> {
  const recipe = Recipe.parse({
    schema: 'https://touchstone.dev/recipe/v1',
    ...{ artifact, source: from },
    toolchain: { name: 'wabt', version: '1.0.12' },
    workdir: 'source/src',
    steps: [{ run: ['wat2wasm', 'a.wat', '-o', 'a.wasm'] }],
    modules: [{ name: 'a', output: 'a.wasm', published: { kind: 'file', path } }],
  });
  return rebuild(recipe, {
    ...{ cache: CACHE, work: join(folder, 'work'), source, sources: places, sandbox },
    readUpload: () => Promise.resolve(EMPTY),
  });
}

describe('rebuild', () => {
  it('builds from a commit, at its time, and records what was fetched', async () => {
    const upload: Artifact = { kind: 'upload', name: 'a.wasm', sha256: sha256Hex(EMPTY) };
    const { predicate, resolvedDependencies } = await run(upload, commit, 'a.wasm');
    expect(predicate.failure).toBeUndefined();
    expect(RebuildPredicate.parse(predicate).outcome).toBe('reproduced');
    expect(predicate.environment.variables['SOURCE_DATE_EPOCH']).toBe('1700000000');
    const found = resolvedDependencies.find(({ name }) => name === 'source');
    expect(found?.uri).toBe(`git+${commit.url}@${commit.commit}`);
    expect(found?.digest['gitCommit']).toBe(commit.commit);
  }, 120_000);

  it('says that a commit is not there, and may not be asked for', async () => {
    const upload: Artifact = { kind: 'upload', name: 'a.wasm', sha256: sha256Hex(EMPTY) };
    const absent = await run(upload, { ...commit, commit: 'f'.repeat(40) }, 'a.wasm');
    expect(absent.predicate.failure?.code).toBe('source-not-found');
    const strict = await Sources.open(source, join(folder, 'strict'));
    const refused = await run(upload, commit, 'a.wasm', strict);
    expect([refused.predicate.outcome, refused.predicate.failure?.code]).toEqual([
      'unavailable',
      'git-url',
    ]);
  }, 120_000);

  it.skipIf(registryAbsent !== undefined)(
    `rebuilds a module of an OCI artifact from the commit that it names ${registryAbsent ?? ''}`,
    async () => {
      const registry = await startRegistry();
      try {
        const repository = `${registry.host}/org/a`;
        const store = new Repository(parseReference(repository), privateRegistry(registry.host));
        const { descriptor } = await pushArtifact(store, {
          artifactType: 'application/vnd.wasm.config.v0+json',
          layers: [{ mediaType: 'application/wasm', bytes: EMPTY }],
          annotations: {
            'org.opencontainers.image.source': commit.url,
            'org.opencontainers.image.revision': commit.commit,
          },
        });
        const artifact = { kind: 'oci', repository, sha256: descriptor.digest.slice(7) } as const;
        const layer = `blobs/sha256/${sha256Hex(EMPTY)}`;
        const { predicate, resolvedDependencies } = await run(artifact, artifact, layer);
        expect(predicate.outcome).toBe('reproduced');
        expect(predicate.artifact.uri).toMatch(/^pkg:oci\/a@sha256%3A/);
        const names = resolvedDependencies.map(({ name, uri }) => name ?? uri);
        expect(names).toEqual(
          expect.arrayContaining([
            'artifact',
            'source',
            'commit',
            `oci://${repository}@sha256:${sha256Hex(EMPTY)}`,
          ]),
        );
      } finally {
        await registry.close();
      }
    },
    120_000,
  );
});
