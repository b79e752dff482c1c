import { execFile } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, ROOT } from '@touchstone/kit';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { startNetwork, type RunningNetwork } from '@touchstone/kit';
import { bundleFromJSON } from 'sigstore-bundle-5';
import { toSignedEntity, toTrustMaterial, Verifier } from 'sigstore-verify-4';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClient, titled } from './client.js';
import { runClient } from './stand.js';
import type { Ended } from './stand.js';

const CLI = join(ROOT, 'apps/cli/bin/touchstone.js');
const REBUILD = 'https://touchstone.dev/rebuild/v1';
/** What is said to have been built: an empty module, so that the rebuild differs, and says so. */
const PUBLISHED = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

const cosign = await findClient('cosign');

let dir: string;
let network: RunningNetwork;
let logUrl: string;
let trustRoot: string;
let bundles: string;
let publicKey: string;

/** What the command printed. Exit code 1 is an answer too: not every verdict is good. */
function touchstone(...args: string[]): Promise<string> {
  const options = { cwd: dir, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((done, fail) => {
    execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
      if (error === null || error.code === 1) done(stdout);
      else fail(new Error(`${args.join(' ')}: ${stdout}${stderr}`));
    });
  });
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

async function fetched(name: string): Promise<string> {
  return file(name, await (await fetch(`${logUrl}/${name}`)).text());
}

/** The whole network as `touchstone up` runs it, with one rebuilder. */
async function up(): Promise<string> {
  network = await startNetwork(dir, { rebuilders: 1, quorum: 1 });
  logUrl = network.logUrl;
  trustRoot = network.trustRootFile;
  return network.coordinatorUrl;
}

async function publish(coordinator: string): Promise<void> {
  const recipe = JSON.parse(
    await readFile(join(ROOT, 'apps/cli/recipes/siphash24-1.3.1.json'), 'utf8'),
  ) as { modules: object[] };
  const sha256 = createHash('sha256').update(PUBLISHED).digest('hex');
  const path = 'release.wasm';
  const changed = {
    ...recipe,
    artifact: { kind: 'upload', name: path, sha256 },
    modules: [{ ...recipe.modules[0], published: { kind: 'file', path } }],
  };
  const args = ['--artifact', await file(path, PUBLISHED), '--coordinator', coordinator];
  const submitted = await touchstone(
    ...['submit', await file('recipe.json', JSON.stringify(changed)), ...args],
    ...['--wait', '--json'],
  );
  const { id, verdict } = JSON.parse(submitted) as { id: string; verdict: string };
  expect(verdict).toBe('different');
  bundles = join(dir, 'bundles');
  // All of a report is logged within moments of its first statement.
  for (let kinds = 0; kinds < 2;) {
    const where = ['--coordinator', coordinator, '--out', join(dir, 'evidence.json')];
    await touchstone('evidence', id, ...where, '--trust-root', trustRoot, '--bundles', bundles);
    kinds = new Set((await readdir(bundles)).map((name) => name.split('-').at(-1))).size;
  }
}

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'touchstone-statements-'));
  await mkdir(join(ROOT, '.touchstone/cache'), { recursive: true });
  await symlink(join(ROOT, '.touchstone/cache'), join(dir, 'cache'));
  await publish(await up());
  const pem = await readFile(join(dir, 'keys/local-1.pem'), 'utf8');
  const spki = createPublicKey(pem).export({ format: 'pem', type: 'spki' });
  publicKey = await file('rebuilder.pub', spki);
  for (const name of ['trusted_root.json', 'signing_config.json']) await fetched(name);
});

afterAll(async () => {
  await network.stop();
  await rm(dir, { recursive: true, force: true });
});

async function bundleOf(what: string): Promise<string> {
  const name = (await readdir(bundles)).find((one) => one.endsWith(`-${what}.sigstore.json`));
  return join(bundles, name ?? what);
}

/** The same statement as the log itself hands it out. */
async function exported(bundle: string): Promise<string> {
  const index = /(\d+)-[^/]*$/.exec(bundle)?.[1] ?? '';
  const out = join(dir, `exported-${index}.json`);
  await touchstone(
    'log',
    'export',
    index,
    '--log',
    logUrl,
    '--trust-root',
    trustRoot,
    '--out',
    out,
  );
  return out;
}

describe.skipIf('absent' in cosign)(titled('cosign, beside `touchstone up`', cosign), () => {
  const run = (...args: string[]): Promise<Ended> =>
    runClient(
      cosign,
      [...args.slice(0, 1), '--trusted-root', 'trusted_root.json', ...args.slice(1)],
      dir,
    );

  it('verifies what a rebuilder said of a published module, and of no other', async () => {
    const bundle = await bundleOf('rebuild');
    const other = await file('other.wasm', Buffer.concat([PUBLISHED, PUBLISHED]));
    for (const path of [bundle, await exported(bundle)]) {
      const args = ['--key', publicKey, '--type', REBUILD, '--bundle', path];
      const verified = await run('verify-blob-attestation', ...args, join(dir, 'release.wasm'));
      expect(verified).toMatchObject({ code: 0 });
      expect((await run('verify-blob-attestation', ...args, other)).code).not.toBe(0);
    }
  });

  it('verifies how it was built', async () => {
    const bundle = await bundleOf('provenance');
    for (const path of [bundle, await exported(bundle)]) {
      const args = ['--key', publicKey, '--type', 'slsaprovenance1', '--bundle', path];
      // What was built is not at hand here: this is of the statement alone.
      const verified = await run('verify-blob-attestation', ...args, '--check-claims=false');
      expect(verified).toMatchObject({ code: 0 });
    }
  });

  it('refuses the statement under another key', async () => {
    expect(await runClient(cosign, ['generate-key-pair'], dir)).toMatchObject({ code: 0 });
    const args = ['--key', 'cosign.pub', '--type', REBUILD, '--bundle', await bundleOf('rebuild')];
    const refused = await run('verify-blob-attestation', ...args, join(dir, 'release.wasm'));
    expect(refused.code).not.toBe(0);
  });

  it('signs and attests into the log with the signing config that it serves', async () => {
    const blob = await file('blob', 'somebody’s own');
    const predicate = await file('predicate.json', '{"reviewed":true}');
    const signing = ['--key', 'cosign.key', '--signing-config', 'signing_config.json', '-y'];
    const signed = await run('sign-blob', ...signing, '--bundle', 'signed.json', blob);
    expect(signed).toMatchObject({ code: 0 });
    const what = ['--predicate', predicate, '--type', 'https://example.org/review'];
    const attested = await run('attest-blob', ...signing, ...what, '--bundle', 'att.json', blob);
    expect(attested).toMatchObject({ code: 0 });
    const by = ['--key', 'cosign.pub'];
    const blobVerified = await run('verify-blob', ...by, '--bundle', 'signed.json', blob);
    expect(blobVerified).toMatchObject({ code: 0 });
    const type = ['--type', 'https://example.org/review'];
    const verified = await run(
      'verify-blob-attestation',
      ...by,
      ...type,
      '--bundle',
      'att.json',
      blob,
    );
    expect(verified).toMatchObject({ code: 0 });
  });
});

describe('@sigstore/verify 4', () => {
  it('verifies the statements, and none of them changed', async () => {
    const root = JSON.parse(await readFile(join(dir, 'trusted_root.json'), 'utf8')) as unknown;
    const key = createPublicKey(await readFile(publicKey, 'utf8'));
    const trust = toTrustMaterial(TrustedRoot.fromJSON(root), () => ({
      publicKey: key,
      validFor: () => true,
    }));
    const verifier = new Verifier(trust, {
      tlogThreshold: 1,
      timestampThreshold: 0,
      ctlogThreshold: 0,
    });
    const verify = (bundle: unknown): void => {
      verifier.verify(toSignedEntity(bundleFromJSON(bundle)));
    };
    for (const name of await readdir(bundles)) {
      const text = await readFile(join(bundles, name), 'utf8');
      verify(JSON.parse(text));
      const changed = JSON.parse(text) as { dsseEnvelope: { payloadType: string } };
      changed.dsseEnvelope.payloadType = 'application/json';
      expect(() => verify(changed)).toThrow();
    }
  });
});
