import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const CACHE = fileURLToPath(new URL('../../.touchstone/cache/interop', import.meta.url));
const MIRROR = process.env['DEBIAN_MIRROR'] ?? 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const FETCH_MS = 180_000;

/** Programs by the Debian package that carries them; sid's run on older Debians as they are. */
const PACKAGES = {
  cosign: 'cosign',
  'rekor-cli': 'rekor',
  oras: 'oras',
  litewitness: 'torchwood',
  witnessctl: 'torchwood',
  'sigsum-key': 'sigsum-go',
  'sigsum-submit': 'sigsum-go',
  'sigsum-verify': 'sigsum-go',
  'sigsum-log-primary': 'sigsum-log-go',
  'ssh-agent': 'openssh-client',
} as const;
export type ClientName = keyof typeof PACKAGES;

/** A program of somebody else's, or why there is none here. */
export type Client = { readonly path: string } | { readonly absent: string };

/**
 * Looks for a client on the PATH, then in the cache, then in Debian sid, from where it is
 * unpacked into the cache without being installed. Set INTEROP_OFFLINE to leave the mirror alone.
 */
export async function findClient(name: ClientName): Promise<Client> {
  const cached = join(CACHE, 'root/usr/bin', name);
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const path of [...folders.map((folder) => join(folder, name)), cached]) {
    if (await isProgram(path)) return { path };
  }
  if (process.env['INTEROP_OFFLINE'] !== undefined) {
    return {
      absent: `${name} is not on the PATH, and INTEROP_OFFLINE keeps it from being fetched`,
    };
  }
  try {
    await fetchPackage(PACKAGES[name]);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n').at(-1) ?? '') : '';
    return { absent: `${name} is not on the PATH and Debian sid could not be asked: ${reason}` };
  }
  return (await isProgram(cached))
    ? { path: cached }
    : { absent: `Debian's package ${PACKAGES[name]} does not carry ${name}` };
}

/** The title of tests that need a client: says so when they are left out. */
export function titled(title: string, client: Client | Command): string {
  return !('absent' in client) ? title : `${title} (left out: ${client.absent})`;
}

/** How to start a program: by itself, or through the loader of the C library that it needs. */
export type Command =
  { readonly command: readonly [string, ...string[]] } | { readonly absent: string };

/**
 * wasm-tools from the PATH, or Debian sid's with sid's C library beside it, which it is started
 * through: it needs a newer one than Debian 12 has.
 */
export async function findWasmTools(): Promise<Command> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of folders) {
    const path = join(folder, 'wasm-tools');
    if (await isProgram(path)) return { command: [path] };
  }
  const root = join(CACHE, 'wasm-tools');
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  const program = join(root, 'usr/bin/wasm-tools');
  const loader = join(libraries, 'ld-linux-x86-64.so.2');
  if (!(await isProgram(program))) {
    if (process.env['INTEROP_OFFLINE'] !== undefined || process.arch !== 'x64') {
      return { absent: 'wasm-tools is not on the PATH and is not to be fetched here' };
    }
    try {
      for (const name of ['libc6', 'libgcc-s1', 'wasm-tools']) await fetchPackage(name, root);
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split('\n').at(-1) ?? '') : '';
      return {
        absent: `wasm-tools is not on the PATH and Debian sid could not be asked: ${reason}`,
      };
    }
  }
  return (await isProgram(loader))
    ? { command: [loader, '--library-path', libraries, program] }
    : { absent: "Debian's C library has no loader where it is looked for" };
}

/** A file or folder of a package of Debian sid, unpacked into the cache; or why there is none here. */
export async function findFile(packageName: string, path: string): Promise<Client> {
  const root = join(CACHE, packageName);
  const found = { path: join(root, path) };
  if (await isThere(found.path)) return found;
  if (process.env['INTEROP_OFFLINE'] !== undefined) {
    return { absent: `INTEROP_OFFLINE keeps ${packageName} from being fetched` };
  }
  try {
    await fetchPackage(packageName, root);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n').at(-1) ?? '') : '';
    return { absent: `Debian sid could not be asked for ${packageName}: ${reason}` };
  }
  return (await isThere(found.path)) ? found : { absent: `${packageName} does not carry ${path}` };
}

/**
 * Downloads and unpacks a package with a private apt configuration; nothing is installed. One at a
 * time, as two files of tests may run at once.
 */
async function fetchPackage(name: string, root = join(CACHE, 'root')): Promise<void> {
  const apt = join(CACHE, 'apt');
  await mkdir(join(apt, 'state/lists/partial'), { recursive: true });
  await mkdir(join(apt, 'archives/partial'), { recursive: true });
  const sources = join(apt, 'sources.list');
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${MIRROR} sid main\n`);
  const settings = [
    `Dir::Etc::SourceList=${sources}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State=${join(apt, 'state')}`,
    `Dir::Cache=${apt}`,
    // A mirror's index of sid may be past its date; its signature is checked all the same.
    'Acquire::Check-Valid-Until=false',
    'Acquire::Languages=none',
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const options = { cwd: apt, timeout: FETCH_MS };
  const lock = join(apt, 'lock');
  await run('flock', [lock, 'apt-get', ...settings, 'update'], options);
  await run('flock', [lock, 'apt-get', ...settings, 'download', name], options);
  const { stdout } = await run('sh', ['-c', `ls -t ${name}_*.deb`], options);
  const [newest = ''] = stdout.split('\n');
  await run('dpkg', ['-x', join(apt, newest), root], options);
}

async function isProgram(path: string): Promise<boolean> {
  return isThere(path, constants.X_OK);
}

async function isThere(path: string, mode = constants.R_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
