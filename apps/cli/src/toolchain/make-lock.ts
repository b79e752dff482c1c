import { homedir } from 'node:os';
import { basename } from 'node:path';
import {
  debianProfile,
  lockDebian,
  lockNpm,
  readPackument,
  readRegistryConfig,
  TOOLCHAIN_LOCK_SCHEMA,
  type LockDebianOptions,
  type ToolchainLock,
} from '@touchstone/rebuild';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import type { PlaceOptions, Places } from './places.js';

export interface LockOptions extends PlaceOptions {
  suite: string;
  arch: string[];
  with?: string[];
  without?: string[];
  keyring?: string;
  components?: boolean;
  allowExpiredIndex?: boolean;
  before?: Date;
  libc?: string;
  as?: string;
  command?: string[];
  out?: string;
}

const LIBC = ['libc6', 'libgcc-s1', 'libstdc++6'];

/** @param what `clang@22`, `assemblyscript@0.27.22`, `IMAGE@sha256:…`: as the lineage says it */
export async function makeLock(
  lineage: string,
  what: string,
  options: LockOptions,
  places: Places,
  context: Context,
): Promise<ToolchainLock> {
  if (lineage === 'debian') return fromDebian(what, options, places, context);
  if (lineage === 'npm') return fromNpm(what, options, places, context);
  if (lineage === 'image') return fromImage(what, options);
  throw new CliError('usage', `${lineage} is not debian, npm or image`, EXIT.usage);
}

async function fromDebian(
  what: string,
  options: LockOptions,
  places: Places,
  context: Context,
): Promise<ToolchainLock> {
  const [kind = '', major] = what.split('@');
  return lockDebian(debianProfile(kind, major), places.cache, {
    ...indexOptions(options, context),
    ...(options.as === undefined ? {} : { version: options.as }),
    components: options.components === true,
    with: options.with ?? [],
    without: options.without ?? [],
  });
}

function indexOptions(options: LockOptions, context: Context): LockDebianOptions {
  const mirror = context.environment['DEBIAN_MIRROR'];
  const architectures = options.arch.map((name) => {
    if (name !== 'x64' && name !== 'arm64')
      throw new CliError('usage', `${name} is not x64 or arm64`, EXIT.usage);
    return name;
  });
  return {
    suite: options.suite,
    architectures,
    ...(mirror === undefined ? {} : { mirror }),
    ...(options.keyring === undefined ? {} : { keyring: options.keyring }),
    allowExpired: options.allowExpiredIndex === true,
    signal: context.stop,
  };
}

async function fromNpm(
  what: string,
  options: LockOptions,
  places: Places,
  context: Context,
): Promise<ToolchainLock> {
  const at = what.lastIndexOf('@');
  if (at <= 0) throw new CliError('usage', `${what} is not PACKAGE@VERSION`, EXIT.usage);
  const registries = await readRegistryConfig({
    environment: context.environment,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const network = { allowPrivate: options.allowPrivateRegistries === true, signal: context.stop };
  const libc =
    options.libc === undefined
      ? undefined
      : await lockDebian(
          { name: 'libc', main: 'libc6', wanted: LIBC, without: [], commands: {} },
          places.cache,
          { ...indexOptions(options, context), suite: options.libc },
        );
  return lockNpm(
    { name: what.slice(0, at), version: what.slice(at + 1) },
    (name) => readPackument(registries, name, network),
    places.source,
    {
      components: options.components === true,
      ...(options.before === undefined ? {} : { before: options.before }),
      ...(libc?.debian === undefined ? {} : { libc: libc.debian }),
      signal: context.stop,
    },
  );
}

/** The operator says what the image is called, and where in it the commands lie. */
function fromImage(what: string, options: LockOptions): ToolchainLock {
  const [reference = '', digest] = what.split('@');
  if (digest === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new CliError('usage', `${what} is not IMAGE@sha256:DIGEST`, EXIT.usage);
  const commands: ToolchainLock['commands'] = {};
  for (const path of options.command ?? []) commands[basename(path)] = { argv: [path] };
  if (Object.keys(commands).length === 0 || options.as === undefined)
    throw new CliError('usage', 'an image needs --as VERSION and --command PATH', EXIT.usage);
  const [architecture, ...more] = options.arch;
  if ((architecture !== 'x64' && architecture !== 'arm64') || more.length > 0)
    throw new CliError('usage', 'a manifest is for one --arch: x64 or arm64', EXIT.usage);
  return {
    schema: TOOLCHAIN_LOCK_SCHEMA,
    name: (reference.split('/').at(-1) ?? '').replace(/:.*$/, ''),
    version: options.as,
    lineage: 'operator',
    packages: [],
    image: { reference, architectures: { [architecture]: { digest } } },
    environment: { HOME: '/tmp', XDG_CACHE_HOME: '/tmp/cache', GOCACHE: '/tmp/go-cache' },
    commands,
  };
}
