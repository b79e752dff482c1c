import { mkdtemp, readdir } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, PrivateDocker } from '@touchstone/kit';
import {
  openSandbox,
  rebuild,
  removeTree,
  type Executor,
  type NpmSource,
} from '@touchstone/rebuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from './child-process.js';
import { EngineGate } from './engine-gate.js';
import { byAnotherCompiler, outcomesOf, readRecipe } from './real-artifacts.js';
import { CACHE, npmSource, SANDBOXES, sandboxOf, withEngine } from './sandbox-stand.js';

const docker = SANDBOXES.find(({ kind }) => kind === 'docker');
const reason = docker?.reason;

// In bubblewrap the same recipes are rebuilt by the tests of libs/rebuild.
describe.skipIf(reason)(`recipes in Docker${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let engine: PrivateDocker;
  let sandbox: Executor;
  let source: NpmSource;
  let work = '';
  beforeAll(async () => {
    engine = await PrivateDocker.start();
    [sandbox, source] = await Promise.all([sandboxOf(engine), npmSource()]);
    work = await mkdtemp(join(tmpdir(), 'recipes-'));
  }, 300_000);
  afterAll(async () => {
    await removeTree(work);
    await engine.stop();
  });

  it.each([
    ['siphash24-1.3.1', 1],
    ['blake2b-wasm-2.4.0', 1],
    ['xsalsa20-1.2.0', 1],
    ['keyframe-resample-0.1.0', 1],
    ['hash-wasm-4.13.0', 22],
  ])(
    '%s is reproduced',
    async (name, modules) => {
      const recipe = await readRecipe(name);
      const { predicate, resolvedDependencies } = await rebuild(recipe, {
        ...{ cache: CACHE, work, source, sandbox },
      });
      expect([predicate.outcome, predicate.failure]).toEqual(['reproduced', undefined]);
      const outcomes = predicate.modules.map(({ outcome }) => outcome);
      expect(outcomes).toEqual(Array<string>(modules).fill('reproduced'));
      expect(predicate.environment.sandbox).toMatch(/^docker \d/);
      const image = resolvedDependencies.find((dependency) => dependency.name === 'image');
      const id = `sha256:${image?.digest['sha256'] ?? ''}`;
      expect(await engine.ok('image', 'inspect', '--format', '{{.Id}}', id)).toBe(id);
      expect(await readdir(work)).toEqual([]);
    },
    600_000,
  );

  it('what does not reproduce differs in the same bytes, for the same causes, in both sandboxes', async () => {
    const recipe = await byAnotherCompiler();
    const once = async (executor: Executor) =>
      (await rebuild(recipe, { cache: CACHE, work, source, sandbox: executor })).predicate.modules;
    const inDocker = await once(sandbox);
    expect(outcomesOf(inDocker)).toEqual(Array<string>(2).fill('different'));
    expect(await once(await sandboxOf(undefined))).toEqual(inDocker);
  }, 300_000);

  it('keeps one image for each toolchain, named by what it was made of', async () => {
    const format = '{{.Repository}} {{.Tag}}';
    const images = (await engine.ok('image', 'ls', '--format', format)).split('\n');
    expect(images).toHaveLength(3);
    for (const image of images) expect(image).toMatch(/^touchstone-root [0-9a-f]{64}$/);
  });

  const remains = async (): Promise<string> =>
    `${await engine.ok('ps', '--all', '--quiet')}${await engine.ok('volume', 'ls', '--quiet')}`;

  // Where the command is killed is decided by the request to the engine that it does not get through.
  it.each([
    ['created', /^POST \S*\/containers\/[0-9a-f]+\/start/],
    ['running', /^POST \S*\/containers\/[0-9a-f]+\/exec/],
    ['paused', /^GET \S*\/containers\/[0-9a-f]+\/archive/],
  ])(
    'leaves no container for long when it is killed with one that is %s',
    async (state, request) => {
      await compile('apps/cli');
      const gate = await EngineGate.open(engine.env['DOCKER_HOST'] ?? '');
      const reached = gate.hold(request);
      const recipe = 'apps/cli/recipes/siphash24-1.3.1.json';
      const program = Program.spawn(
        ['apps/cli/bin/touchstone.js', 'rebuild', recipe, '--sandbox', 'docker', '--cache', CACHE],
        { DOCKER_HOST: gate.url, HOME: homedir() },
      );
      await Promise.race([reached, program.ended]);
      expect(await engine.ok('ps', '--all', '--format', '{{.State}}'), program.said).toBe(state);
      // Another program of this machine begins meanwhile: it leaves alone what has an owner.
      await sandboxOf(engine);
      expect(await engine.ok('ps', '--all', '--format', '{{.State}}')).toBe(state);
      await program.end('SIGKILL');
      await gate.close();
      if (state !== 'running') {
        // Two at once, as the workers of one machine may begin.
        expect(await remains()).not.toBe('');
        const open = () => openSandbox('docker');
        await withEngine(engine, () => Promise.all([open(), open()]));
      }
      await expect.poll(remains, { timeout: 20_000 }).toBe('');
    },
    100_000,
  );

  it('asks again when the kernel does not freeze a container at once, and not for ever', async () => {
    const gate = await EngineGate.open(engine.env['DOCKER_HOST'] ?? '');
    const refuse = (times: number): void => {
      const message = 'Cannot pause container: unable to freeze';
      gate.refuse(/^POST \S*\/containers\/[0-9a-f]+\/pause/, message, times);
    };
    const recipe = await readRecipe('siphash24-1.3.1');
    const gated = await sandboxOf({ env: { DOCKER_HOST: gate.url } });
    const again = () => rebuild(recipe, { cache: CACHE, work, source, sandbox: gated });
    refuse(3);
    expect((await again()).predicate.outcome).toBe('reproduced');
    expect(gate.refusalsLeft).toBe(0);
    refuse(100);
    await expect(again()).rejects.toMatchObject({ code: 'sandbox-unavailable' });
    expect(gate.refusalsLeft).toBeGreaterThan(80);
    await gate.close();
    expect(await remains()).toBe('');
  }, 100_000);

  it('finds what a killed worker left, on its own folder only', async () => {
    const image = (await engine.ok('image', 'ls', '--quiet')).split('\n')[0] ?? '';
    const abandon = (folder: string): Promise<string> =>
      engine.ok(
        ...['run', '--detach', '--interactive', '--network', 'none'],
        ...['--label', `dev.touchstone.host=${hostname()}`],
        ...['--label', `dev.touchstone.workspace=${join(folder, 'build-a', 'work')}`],
        ...['--entrypoint', '/.touchstone/init', image],
      );
    const [own, other] = [await abandon(work), await abandon('/elsewhere')];
    expect(await sandbox.removeOrphans(work)).toBe(1);
    const left = await engine.ok('ps', '--all', '--quiet', '--no-trunc');
    expect(left).toBe(other);
    expect(own).not.toBe(other);
    await engine.ok('rm', '--force', other);
  });
});
