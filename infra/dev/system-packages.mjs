// Programs that do not come from npm: found in PATH, or installed from the distribution with apt.
import { ask, run, SetupError, say, which, yellow } from './terminal.mjs';

// `packages` are tried in order: Debian 13 split the docker command from docker.io.
const always = [
  {
    command: 'bwrap',
    packages: ['bubblewrap'],
    why: 'the sandbox in which rebuilders run a build without network',
    required: true,
  },
];
const forTests = [
  {
    command: 'xz',
    packages: ['xz-utils'],
    why: "unpacks Debian's packages, of which toolchains are made",
  },
  {
    command: 'redis-server',
    packages: ['redis-server'],
    why: "the queue's tests run on Redis as well as on PostgreSQL",
  },
  {
    command: 'git',
    packages: ['git'],
    why: 'the tests that fetch sources by commit',
  },
  {
    command: 'docker-registry',
    packages: ['docker-registry'],
    why: 'the tests of the OCI client against a registry',
  },
  {
    command: 'dockerd',
    packages: ['docker.io'],
    why: 'the tests of the Docker sandbox, and the one that builds and runs the image',
  },
  {
    command: 'docker',
    packages: ['docker-cli', 'docker.io'],
    why: 'the test that builds and runs the image',
  },
  {
    command: 'faketime',
    packages: ['faketime'],
    why: "the tests that vary a build's clock",
  },
  {
    command: 'mmdebstrap',
    packages: ['mmdebstrap'],
    why: "makes the image's base from Debian packages",
  },
];

/**
 * Sees to the programs that the demo needs, and with `tests` to those of the test suite too.
 * @throws {SetupError} `sandbox-missing` when bubblewrap is absent and cannot be installed
 */
export async function systemPackages({ tests }) {
  const missing = [...always, ...(tests ? forTests : [])].filter(({ command }) => !which(command));
  if (missing.length === 0) return;
  for (const { command, packages, why } of missing) {
    say(`  ${command} is missing (package ${packages.at(-1)}): ${why}`);
  }
  const failure = await installWithApt(missing);
  const still = missing.filter(({ command }) => !which(command));
  if (still.length === 0) return;
  const command = `sudo apt-get install ${[...new Set(still.map(({ packages }) => packages.at(-1)))].join(' ')}`;
  const advice = `${failure ?? 'apt-get did not bring them'}. Install by hand: ${command}`;
  if (still.some(({ required }) => required)) throw new SetupError('sandbox-missing', advice);
  say(yellow(`  going on without ${still.map((tool) => tool.command).join(', ')}: ${advice}`));
  say(yellow('  tests that need them are skipped and say so'));
}

/** Installs what `tools` need; resolves to the reason when it could not. */
async function installWithApt(tools) {
  if (!which('apt-get')) return 'There is no apt-get on this machine';
  const asRoot = process.getuid?.() === 0 ? [] : passwordlessSudo();
  if (!asRoot) return 'Installing needs root, and sudo asks for a password';
  const apt = (...args) => {
    const [command, ...rest] = [...asRoot, 'apt-get', '-qq', '-y', ...args];
    say(`  ${[command, ...rest].join(' ')}`);
    return run(command, rest, {
      env: { DEBIAN_FRONTEND: 'noninteractive', DPKG_COLORS: 'never' },
      timeout: 600,
    });
  };
  if (tools.some((tool) => !packageOf(tool))) await apt('update');
  const names = () => [...new Set(tools.map(packageOf).filter(Boolean))];
  const install = () => apt('install', '--no-install-recommends', ...names());
  if (names().length === 0) return 'apt-get knows none of these packages';
  if ((await install()) === 0) return undefined;
  // A package list that is past its date names versions which the mirror no longer has.
  await apt('update');
  return (await install()) === 0 ? undefined : 'apt-get install failed (its output is above)';
}

function passwordlessSudo() {
  return which('sudo') && ask('sudo', ['-n', 'true']).code === 0
    ? ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND']
    : undefined;
}

/** The first of a tool's packages that apt can install now. */
function packageOf({ packages }) {
  return packages.find((name) =>
    /Candidate: (?!\(none\))/.test(
      ask('apt-cache', ['policy', name], { env: { LC_ALL: 'C' } }).stdout,
    ),
  );
}
