// Fetches npm from the registry into a folder: `node fetch-npm.mjs /opt/npm`. Node alone is needed,
// so that a base image can go without npm and its few hundred Debian packages.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const version = '10.9.4';
const integrity =
  'sha512-OnUG836FwboQIbqtefDNlyR0gTHzIfwRfE3DuiNewBvnMnWEpB0VEXwBlFVgqpNzIgYo/MHh3d2Hel/pszapAA==';

const folder = process.argv[2];
const registry = process.env.NPM_CONFIG_REGISTRY ?? 'https://registry.npmjs.org/';
const url = new URL(`npm/-/npm-${version}.tgz`, registry.endsWith('/') ? registry : `${registry}/`);
const response = await fetch(url);
if (!response.ok) throw new Error(`${url} answered ${response.status}`);
const tarball = Buffer.from(await response.arrayBuffer());
const found = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
if (found !== integrity) throw new Error(`${url} is ${found}, expected ${integrity}`);

for (const part of ['bin', 'lib']) mkdirSync(join(folder, part), { recursive: true });
const tar = spawnSync('tar', ['-xzf', '-', '--strip-components=1', '-C', join(folder, 'lib')], {
  input: tarball,
  stdio: ['pipe', 'inherit', 'inherit'],
});
if (tar.status !== 0) throw new Error(`tar ended with code ${tar.status}`);
symlinkSync('../lib/bin/npm-cli.js', join(folder, 'bin', 'npm'));
