import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  compile,
  componentOf,
  registryAbsent,
  ROOT,
  startNetwork,
  startPackageRegistry,
  startRegistry,
  type PackageRegistry,
  type RunningNetwork,
  type RunningRegistry,
} from '@touchstone/kit';
import { parseReference, pushArtifact, Repository } from '@touchstone/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine, type Run } from './command-line.js';

/** Published modules, and of each a function that takes nothing but numbers. */
const PARTS = [
  { name: 'siphash24', recipe: 'siphash24-1.3.1', func: 'siphash', parameters: 2 },
  { name: 'blake2b', recipe: 'blake2b-wasm-2.4.0', func: 'blake2b_final', parameters: 1 },
  { name: 'xsalsa20', recipe: 'xsalsa20-1.2.0', func: 'core_salsa20', parameters: 3 },
] as const;

let dir: string;
let touchstone: CommandLine;
let where: RunningNetwork;
let packages: PackageRegistry;
let images: RunningRegistry | undefined;

const at = (name: string): string => join(dir, name);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The published module, as a rebuild of one's own left it. */
async function publishedModule(recipe: string): Promise<Uint8Array> {
  const out = at(`kept-${recipe}`);
  await touchstone.answer('rebuild', recipe, '--out', out, '--cache', at('cache'));
  const [name = ''] = await readdir(join(out, 'published'));
  return readFile(join(out, 'published', name));
}

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'composition-'));
  touchstone = new CommandLine(dir);
  packages = await startPackageRegistry();
  if (registryAbsent === undefined) images = await startRegistry();
  const registries = { '@loopback': packages.url };
  where = await startNetwork(dir, { rebuilders: 2, quorum: 2, registries });
});

afterAll(async () => {
  await where.stop();
  await packages.close();
  await images?.close();
  await rm(dir, { recursive: true, force: true });
});

describe('a composition', () => {
  const evidence = PARTS.map(({ name }) => `${name}.evidence.json`);
  let components: { name: string; bytes: Uint8Array; func: string }[];
  /** A publication of one of them. */
  let published: string;

  it('is made of modules that two organisations rebuilt', async () => {
    components = [];
    for (const [index, { name, recipe, func, parameters }] of PARTS.entries()) {
      const file = join(ROOT, 'apps/cli/recipes', `${recipe}.json`);
      const to = ['--coordinator', where.coordinatorUrl];
      const { id } = await touchstone.answer<{ id: string }>('submit', file, '--wait', ...to);
      const out = ['--out', at(evidence[index] ?? '')];
      published = id;
      expect((await touchstone.run('evidence', id, ...out, ...to)).code).toBe(0);
      const bytes = componentOf(await publishedModule(file), func, parameters);
      await writeFile(at(`${name}.wasm`), bytes);
      components.push({ name, bytes, func: func.replaceAll('_', '-') });
    }
  });

  it('is composed, described, attested, logged, and carried as one file', async () => {
    const plan = {
      schema: 'https://touchstone.dev/composition-plan/v1',
      components: Object.fromEntries(
        components.map(({ name, bytes }) => [name, { sha256: sha256(bytes) }]),
      ),
      instances: components.map(({ name }) => ({ name })),
      exports: components.map(({ name, func }) => ({ instance: name, export: func })),
    };
    await writeFile(at('plan.json'), JSON.stringify(plan));
    await touchstone.answer(
      'compose',
      'build',
      'plan.json',
      '--folder',
      dir,
      '-o',
      'composed.wasm',
    );
    await touchstone.answer('compose', 'embed', 'composed.wasm', '-o', 'app.wasm');
    const key = await touchstone.run(
      ...['keygen', '--out', 'integrator.key', '--algorithm', 'ecdsa-p256-sha256', '--json'],
    );
    const { spki } = JSON.parse(key.out) as { spki: string };
    const pem = `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`;
    await writeFile(at('integrator.pem'), pem);
    await touchstone.answer(
      'compose',
      'attest',
      'app.wasm',
      '--key',
      'integrator.key',
      '-o',
      'app.dsse.json',
    );
    const logged = await touchstone.answer<{ logIndex: string }>(
      ...['log', 'add', '--envelope', 'app.dsse.json', '--public-key', 'integrator.pem'],
      ...['--log', where.logUrl],
    );
    const about = ['--trust-root', where.trustRootFile, '--evidence', ...evidence];
    const attested = ['--attestation', 'app.dsse.json', '--public-key', 'integrator.pem'];
    const packed = await touchstone.answer<{ attestation: string }>(
      ...['compose', 'capsule', 'pack', 'app.wasm', '-o', 'app.capsule', ...about, ...attested],
      ...['--log', where.logUrl, '--attestation-index', logged.logIndex],
    );
    expect(packed.attestation).toBe('logged');
    const cose = ['--key', 'integrator.key', '--format', 'cose', '-o', 'app.cose'];
    await touchstone.answer('compose', 'attest', 'app.wasm', ...cose);
    const entries = await touchstone.answer<{ logIndex: string }[]>(
      ...['log', 'add', '--cose', 'app.cose', '--public-key', 'integrator.pem'],
      ...['--log', where.logUrl],
    );
    const inCose = await touchstone.answer<{ attestation: string }>(
      ...['compose', 'capsule', 'pack', 'app.wasm', '-o', 'cose.capsule', ...about],
      ...['--attestation', 'app.cose', '--public-key', 'integrator.pem', '--log', where.logUrl],
      ...['--attestation-index', ...entries.map(({ logIndex }) => logIndex)],
    );
    expect([entries.length, inCose.attestation]).toEqual([1, 'logged']);
    // Without the log the evidence leads to as many checkpoints as there are files.
    const apart = ['compose', 'capsule', 'pack', 'app.wasm', '-o', 'no.capsule', ...about];
    expect((await touchstone.run(...apart)).out).toContain('capsule-checkpoints-differ');
  });

  it('is verified without a network, node by node', async () => {
    const { attestation, nodes } = await touchstone.offlineAnswer<{
      attestation: string;
      nodes: { path: string; verdict?: string; votes?: { outcome: string }[] }[];
    }>(
      ...['compose', 'capsule', 'verify', 'app.capsule', '--trust-root', where.trustRootFile],
      ...['--public-key', 'integrator.pem'],
    );
    expect(attestation).toBe('logged');
    const inCose = await touchstone.offline(
      ...['compose', 'capsule', 'verify', 'cose.capsule', '--trust-root', where.trustRootFile],
      ...['--public-key', 'integrator.pem'],
    );
    expect(inCose.out).toContain('attested by the integrator, and logged');
    const modules = nodes.filter(({ path }) => path.includes('module'));
    expect(modules.map(({ verdict, votes }) => [verdict, votes?.length])).toEqual(
      PARTS.map(() => ['reproduced', 2]),
    );
    const tree = await touchstone.offline(
      ...['compose', 'capsule', 'verify', 'app.capsule', '--trust-root', where.trustRootFile],
    );
    expect(tree.out).toContain('└─ module');
    expect(tree.out).toContain('every core module was reproduced');
  });

  const title =
    'is rebuilt from its plan by both, with components from npm and OCI, attested and logged';
  it.skipIf(registryAbsent !== undefined)(title, async () => {
    const [first, ...others] = components;
    if (!first || !images) throw new Error('there are components, and a registry for them');
    const name = `@loopback/${first.name}`;
    const files = new Map([['lib/part.wasm', first.bytes]]);
    const integrity = await packages.publish(name, '1.0.0', files);
    const hosts = new Set([images.host]);
    const store = new Repository(parseReference(`${images.host}/org/parts`), {
      ...{ privateHosts: hosts, plainHosts: hosts },
    });
    const layers = others.map(({ bytes }) => ({ mediaType: 'application/wasm', bytes }));
    const pushed = await pushArtifact(
      store,
      { artifactType: 'application/vnd.wasm', layers },
      'v1',
    );
    const parts = {
      ...{ kind: 'oci', repository: `${images.host}/org/parts` },
      sha256: pushed.descriptor.digest.replace('sha256:', ''),
    };
    const composed = await readFile(at('composed.wasm'));
    const recipe = {
      schema: 'https://touchstone.dev/recipe/v1',
      artifact: { kind: 'upload', name: 'composed.wasm', sha256: sha256(composed) },
      source: {
        kind: 'composition',
        plan: JSON.parse(await readFile(at('plan.json'), 'utf8')) as unknown,
        components: [
          {
            sha256: sha256(first.bytes),
            from: { kind: 'npm', name, version: '1.0.0', integrity, path: 'package/lib/part.wasm' },
          },
          ...others.map(({ bytes }) => ({ sha256: sha256(bytes), from: parts })),
        ],
      },
      toolchain: { name: 'touchstone-compose', version: '0.1.0' },
      workdir: 'source',
      steps: [{ run: ['compose', 'plan.json', '-o', 'composed.wasm'] }],
      modules: [
        {
          ...{ name: 'composed', output: 'composed.wasm' },
          published: { kind: 'file', path: 'composed.wasm' },
        },
      ],
    };
    await writeFile(at('composed.recipe.json'), JSON.stringify(recipe));
    const to = ['--coordinator', where.coordinatorUrl];
    const { id, verdict } = await touchstone.answer<{ id: string; verdict: string }>(
      ...['submit', 'composed.recipe.json', '--artifact', 'composed.wasm', '--wait', ...to],
    );
    expect(verdict).toBe('reproduced');
    const wrote = await touchstone.run('evidence', id, '--out', 'composed.evidence.json', ...to);
    expect(wrote.code).toBe(0);
    // What was reproduced as a whole vouches for each node in it.
    const told = await touchstone.offline(
      ...['compose', 'verify', 'composed.wasm', '--trust-root', where.trustRootFile],
      ...['--evidence', 'composed.evidence.json', '--json'],
    );
    expect([told.code, told.code === 0 ? '' : told.out]).toEqual([0, '']);
    const { proofs } = JSON.parse(told.out) as { proofs: { by: string; votes: unknown[] }[] };
    expect(proofs.map(({ by, votes }) => [by, votes.length])).toEqual(PARTS.map(() => ['/', 2]));
  });

  it('with a node taken back is refused, though it was reproduced', async () => {
    const [, second] = components;
    if (!second) throw new Error('there are three components');
    const revoked = [
      'compose',
      'revoke',
      `sha256:${sha256(second.bytes)}`,
      '--reason',
      'withdrawn',
    ];
    await touchstone.answer(...revoked, '--key', 'integrator.key', '-o', 'revoked.dsse.json');
    const { code, out } = await touchstone.offline(
      ...['compose', 'capsule', 'verify', 'app.capsule', '--trust-root', where.trustRootFile],
      ...['--revoker-key', 'integrator.pem', '--revocation', 'revoked.dsse.json', '--json'],
    );
    const { findings } = JSON.parse(out) as { findings: { code: string; node: string }[] };
    expect(code).toBe(1);
    expect(findings.map((each) => [each.code, each.node])).toEqual([
      ['node-revoked', '/component[1]'],
    ]);
  });

  it('is held against all revocations in the log, and against its answer later', async () => {
    const logged = async (file: string): Promise<number> => {
      const by = ['--envelope', file, '--public-key', 'integrator.pem', '--log', where.logUrl];
      return Number((await touchstone.answer<{ logIndex: string }>('log', 'add', ...by)).logIndex);
    };
    const key = ['--key', 'integrator.key'];
    await touchstone.answer('compose', 'revoke', ...key, '-o', 'none-revoked.dsse.json');
    const index = await logged('none-revoked.dsse.json');
    const pack = (out: string): Promise<Run> =>
      touchstone.run(
        ...['compose', 'capsule', 'pack', 'app.wasm', '-o', out, '--log', where.logUrl],
        ...['--trust-root', where.trustRootFile, '--evidence', ...evidence],
        ...['--revoker-key', 'integrator.pem', '--complete', '--json'],
      );
    // The log commits to its first map some seconds after its first entry.
    let packed = await pack('asked.capsule');
    while (packed.out.includes('map-not-ready')) packed = await pack('asked.capsule');
    expect([packed.code, packed.code === 0 ? '' : packed.out]).toEqual([0, '']);
    const verify = [
      ...['compose', 'capsule', 'verify', 'asked.capsule', '--trust-root', where.trustRootFile],
      ...['--revoker-key', 'integrator.pem', '--revocations-searched', '--complete'],
    ];
    const told = await touchstone.offline(...verify, '--json');
    expect([told.code, told.code === 0 ? '' : told.out]).toEqual([0, '']);
    const { complete, revoked, revokers, checkpoint } = JSON.parse(told.out) as {
      complete: { size: number };
      revoked: string;
      revokers: { newest: { index: number }; log: { size: number } }[];
      checkpoint: { size: number };
    };
    expect([revoked, complete.size]).toEqual(['searched', checkpoint.size]);
    expect(revokers).toMatchObject([{ newest: { index }, log: { size: checkpoint.size } }]);
    const text = `none newer is in touchstone.localhost up to tree size ${checkpoint.size}`;
    expect((await touchstone.offline(...verify)).out).toContain(text);

    // The same of a publication alone: the log's answer is kept beside its evidence.
    const kept = ['--log', where.logUrl, '--search-out', 'one.search.json', '--out', 'one.json'];
    const trust = ['--trust-root', where.trustRootFile];
    const to = ['--coordinator', where.coordinatorUrl];
    expect((await touchstone.run('evidence', published, ...kept, ...trust, ...to)).code).toBe(0);
    const one = await touchstone.offline(
      'verify',
      'one.json',
      ...trust,
      '--search',
      'one.search.json',
    );
    expect(one.out).toContain('complete: touchstone.localhost has no other rebuild of it');

    // From here on the log has a list that takes a node back, whatever is handed over.
    const taken = await logged('revoked.dsse.json');
    const { code, out } = await touchstone.run(
      ...['compose', 'verify', 'app.wasm', '--trust-root', where.trustRootFile, '--json'],
      ...['--revoker-key', 'integrator.pem', '--log', where.logUrl],
    );
    expect(code).toBe(1);
    const { findings } = JSON.parse(out) as {
      findings: { code: string; node: string; message: string }[];
    };
    expect(findings.map((each) => [each.code, each.node])).toEqual([
      ['node-revoked', '/component[1]'],
    ]);
    expect(findings[0]?.message).toContain(`in entry ${taken} of the log: withdrawn`);
    expect((await pack('refused.capsule')).out).toContain('node-revoked');
  });

  it('has a bill of materials that is valid', async () => {
    const sbom = [
      'compose',
      'sbom',
      'app.wasm',
      '--trust-root',
      where.trustRootFile,
      '-o',
      'bom.json',
    ];
    expect((await touchstone.run(...sbom, '--evidence', ...evidence)).code).toBe(0);
    expect((await touchstone.run('sbom', 'validate', 'bom.json')).code).toBe(0);
  });

  it('with one node substituted is found out, and the node is named', async () => {
    const [first, second, third] = components;
    if (!first || !second || !third) throw new Error('there are three components');
    // A module of the same size under the same name, one bit of its code another.
    const altered = Uint8Array.from(second.bytes);
    const middle = altered.length >> 1;
    altered[middle] = (altered[middle] ?? 0) ^ 1;
    const app = Buffer.from(await readFile(at('app.wasm')));
    const place = app.indexOf(second.bytes);
    expect(place).toBeGreaterThan(0);
    app.set(altered, place);
    await writeFile(at('substituted.wasm'), app);
    const { code, out } = await touchstone.offline(
      ...['compose', 'verify', 'substituted.wasm', '--trust-root', where.trustRootFile],
      ...['--evidence', ...evidence, '--json'],
    );
    expect(code).toBe(1);
    const { findings } = JSON.parse(out) as { findings: { code: string; node: string }[] };
    expect(findings).toContainEqual(
      expect.objectContaining({ code: 'node-substituted', node: '/component[1]' }),
    );
  });
});
