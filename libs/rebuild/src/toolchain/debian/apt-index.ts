import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RebuildError, systemCode } from '../../errors.js';
import { DEBIAN_MIRROR } from './debian-source.js';
import { PackagesIndex } from './packages-index.js';

export interface IndexOptions {
  readonly suite: string;
  /** Debian's name: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly mirror?: string;
  /** OpenPGP keys that may sign the index. */
  readonly keyring?: string;
  /** Take an index past its date too: the operator's word, for mirrors that stand still. */
  readonly allowExpired?: boolean;
  readonly signal?: AbortSignal;
}

export interface SuiteIndex {
  readonly packages: PackagesIndex;
  /** Of the signed index, RFC 3339. */
  readonly date: string | undefined;
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const HELPER = '/usr/lib/apt/apt-helper';
const MAX_OUTPUT = 512 * 1024 * 1024;
const run = promisify(execFile);

/**
 * The packages of a suite, by this machine's apt: with a configuration, lists and a cache of its
 * own, so that nothing of the machine's is read or changed. apt checks the index's signature.
 *
 * @param cache folder, made when needed
 * @throws RebuildError `index-unavailable`, `index-expired`, `toolchain-tools`
 */
export async function readSuiteIndex(cache: string, options: IndexOptions): Promise<SuiteIndex> {
  const line = sourceLine(options);
  const folder = join(cache, 'apt', createHash('sha256').update(line).digest('hex').slice(0, 16));
  const environment = await isolatedApt(folder, line, options);
  const invoke = async (command: string, args: readonly string[]): Promise<string> => {
    const { stdout } = await run(command, args, {
      env: { ...process.env, ...environment },
      maxBuffer: MAX_OUTPUT,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return stdout;
  };
  try {
    await invoke('apt-get', ['--quiet', '--error-on=any', 'update']);
    const [list] = (
      await invoke('apt-get', ['indextargets', '--format', '$(FILENAME)', 'Created-By: Packages'])
    ).split('\n');
    const text = await invoke(HELPER, ['cat-file', list ?? '']);
    return { packages: new PackagesIndex(text), date: await releaseDate(join(folder, 'lists')) };
  } catch (error) {
    throw refusal(error, options);
  }
}

function sourceLine({ suite, architecture, mirror, keyring }: IndexOptions): string {
  const base = (mirror ?? DEBIAN_MIRROR).replace(/\/+$/, '');
  if (!/^https?:\/\/[^\s[\]]+$/.test(base) || !/^[a-z][a-z0-9/-]*$/.test(suite))
    throw new RebuildError('index-unavailable', `${base} ${suite} names no suite of a mirror`);
  return `deb [arch=${architecture} signed-by=${keyring ?? KEYRING}] ${base} ${suite} main`;
}

async function isolatedApt(
  folder: string,
  line: string,
  { architecture, allowExpired }: IndexOptions,
): Promise<{ APT_CONFIG: string; LC_ALL: string }> {
  for (const name of ['lists/partial', 'cache/archives/partial', 'state', 'etc'])
    await mkdir(join(folder, name), { recursive: true });
  const settings = {
    'Dir::Etc': join(folder, 'etc'),
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State': join(folder, 'state'),
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(folder, 'cache'),
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Check-Valid-Until': String(allowExpired !== true),
    'Acquire::Retries': '3',
  };
  await writeFile(join(folder, 'sources.list'), `${line}\n`);
  const config = join(folder, 'apt.conf');
  await writeFile(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(''),
  );
  return { APT_CONFIG: config, LC_ALL: 'C.UTF-8' };
}

async function releaseDate(lists: string): Promise<string | undefined> {
  const name = (await readdir(lists)).find((file) => file.endsWith('_InRelease'));
  if (name === undefined) return undefined;
  const found = /^Date: (.+)$/m.exec(await readFile(join(lists, name), 'utf8'))?.[1];
  const date = new Date(found ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace('.000Z', 'Z');
}

function refusal(error: unknown, { suite }: IndexOptions): RebuildError {
  if (error instanceof RebuildError) return error;
  if (systemCode(error) === 'ENOENT')
    return new RebuildError(
      'toolchain-tools',
      'apt-get is needed to make a lock of Debian packages; on another system, make it elsewhere and add it',
      { cause: error },
    );
  if (error instanceof Error && error.name === 'AbortError')
    return new RebuildError('aborted', 'reading the index was aborted', { cause: error });
  const said = (error instanceof Error ? error.message : String(error)).trim().slice(-1000);
  if (/is (?:not valid anymore|expired)|Valid-Until/i.test(said))
    return new RebuildError(
      'index-expired',
      `the index of ${suite} is past its date; allow it when the mirror is known to stand still: ${said}`,
      { cause: error },
    );
  return new RebuildError('index-unavailable', `the index of ${suite}: ${said}`, { cause: error });
}
