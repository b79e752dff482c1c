import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finish, PrivateDocker, whyNoDocker } from '@touchstone/kit';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reason = whyNoDocker('mmdebstrap');
const image = 'touchstone:test';
const unprivileged = ['--network', 'none', '--cap-drop', 'ALL'];
const isolated = [...unprivileged, '--read-only', '--tmpfs', '/tmp'];

describe.skipIf(reason)(`the services' image${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let docker: PrivateDocker;

  beforeAll(async () => {
    docker = await PrivateDocker.start();
    await makeBase(docker);
    await buildImage(docker);
  }, 900_000);

  afterAll(async () => {
    await docker.stop();
  });

  it('runs as a user without rights and carries nothing of the build', async () => {
    const facts = await docker.ok('run', '--rm', ...unprivileged, image, 'node', '-p', printFacts);
    expect(JSON.parse(facts)).toEqual({ user: [10001, 10001], remains: [], writable: [] });
  });

  it('starts the command-line program', async () => {
    const help = await docker.ok('run', '--rm', ...isolated, image);
    expect(help).toContain('keygen');
  });

  it.each(['log', 'coordinator', 'worker'])('%s names what it must be told', async (service) => {
    const { code, stderr, stdout } = await docker.run('run', '--rm', ...isolated, image, service);
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).toMatch(/TILES_DIR|LOG_ORIGIN|DATABASE_URL|COORDINATOR_URL/);
  });

  it('runs the log without network, stops when told and goes on from its volume', async () => {
    const state = ['--volume', 'state:/var/lib/touchstone'];
    const key = '/var/lib/touchstone/log.pem';
    await docker.ok(
      'run',
      '--rm',
      ...isolated,
      ...state,
      image,
      'touchstone',
      'keygen',
      '--out',
      key,
    );
    const settings = ['--env', 'LOG_ORIGIN=example.org/log', '--env', `LOG_KEY_FILE=${key}`];
    const checkpoints: string[] = [];
    for (const name of ['first', 'second']) {
      await docker.ok(
        'run',
        '-d',
        '--name',
        name,
        ...isolated,
        ...state,
        ...settings,
        image,
        'log',
      );
      await healthy(docker, name);
      checkpoints.push(await docker.ok('exec', name, 'node', '-e', printCheckpoint));
      expect(await docker.ok('exec', name, 'id', '-u')).toBe('10001');
      await docker.ok('stop', '--time', '20', name);
      expect(await docker.ok('inspect', '--format', '{{.State.ExitCode}}', name)).toBe('0');
    }
    expect(checkpoints[0]).toMatch(/^example\.org\/log\n0\n/);
    expect(checkpoints[1]).toBe(checkpoints[0]);
  });

  it("lets a worker's sandbox work under the rights that compose.yaml gives it", async () => {
    const rights = ['no-new-privileges', 'seccomp=unconfined', 'systempaths=unconfined'];
    const options = rights.flatMap((right) => ['--security-opt', right]);
    const sandbox = ['--unshare-all', '--die-with-parent', '--proc', '/proc', '--dev', '/dev'];
    const system = ['usr', 'lib', 'lib64'].flatMap((name) => ['--ro-bind', `/${name}`, `/${name}`]);
    const command = ['bwrap', ...sandbox, ...system, '/usr/bin/node', '-e', 'console.log("built")'];
    expect(await docker.ok('run', '--rm', ...isolated, ...options, image, ...command)).toBe(
      'built',
    );
  });
});

// Paths that only the build has, and paths that the service's user must not be able to change.
const printFacts = `
  const { accessSync, constants, existsSync } = require('node:fs');
  const remains = ['/opt/npm', '/opt/extra-ca.crt', '/root/.npm', '/usr/bin/npm', '/app/libs/merkle/src',
    '/app/node_modules/typescript', '/app/node_modules/vitest', '/app/node_modules/.bin/tsc'];
  const guarded = ['/app', '/app/apps/log/dist/main.js', '/app/docker/entrypoint.sh', '/etc/passwd'];
  const canWrite = (path) => { try { accessSync(path, constants.W_OK); return true; } catch { return false; } };
  JSON.stringify({ user: [process.getuid(), process.getgid()],
    remains: remains.filter((path) => existsSync(path)), writable: guarded.filter(canWrite) });
`;
const printCheckpoint = `fetch('http://127.0.0.1:7401/checkpoint').then((r) => r.text()).then(console.log)`;

/** Waits until the image's own health check says that the service is well. */
async function healthy(docker: PrivateDocker, container: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await docker.run('exec', container, 'node', 'docker/health.mjs')).code !== 0) {
    const running = await docker.ok('inspect', '--format', '{{.State.Running}}', container);
    if (running !== 'true' || Date.now() > deadline) {
      const { stdout, stderr } = await docker.run('logs', container);
      throw new Error(`${container} did not become healthy: ${stdout}${stderr}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The base of Debian packages; its file system is kept for the next run. */
async function makeBase(docker: PrivateDocker): Promise<void> {
  const script = join(root, 'docker/base.sh');
  const digest = createHash('sha256')
    .update(await readFile(script))
    .digest('hex')
    .slice(0, 16);
  const folder = join(root, '.touchstone/cache');
  await mkdir(folder, { recursive: true });
  const tarball = join(folder, `base-${process.arch}-${digest}.tar`);
  const { code, stdout, stderr } = await finish(script, ['touchstone-base', tarball], docker.env);
  if (code !== 0) throw new Error(`docker/base.sh ended with code ${code}: ${stdout}${stderr}`);
}

/** Builds from a copy of the sources, into which the certificates of this machine can be put. */
async function buildImage(docker: PrivateDocker): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'touchstone-context-'));
  try {
    const skipped = new Set(['node_modules', 'dist', '.git', '.nx', '.touchstone', 'generated']);
    await cp(root, context, {
      recursive: true,
      filter: (source) => relative(root, source) === '' || !skipped.has(basename(source)),
    });
    const certificates = process.env['NODE_EXTRA_CA_CERTS'];
    if (certificates !== undefined && existsSync(certificates)) {
      await copyFile(certificates, join(context, 'docker/extra-ca.crt'));
    }
    const registry = (await finish('npm', ['config', 'get', 'registry'])).stdout.trim();
    const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy'];
    const values = ['BASE_IMAGE=touchstone-base', `NPM_CONFIG_REGISTRY=${registry}`];
    const given = proxies.filter((name) => process.env[name] !== undefined);
    const args = [...values, ...given].flatMap((value) => ['--build-arg', value]);
    const file = join(context, 'docker/Dockerfile');
    await docker.ok('build', '--network', 'host', ...args, '--file', file, '--tag', image, context);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
