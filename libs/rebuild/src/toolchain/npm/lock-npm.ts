import { RebuildError } from '../../errors.js';
import type { NpmSource } from '../../source/npm-source.js';
import { readTarball } from '../../source/unpack.js';
import { readToolchainLock } from '../lock-folders.js';
import { TOOLCHAIN_LOCK_SCHEMA, ToolchainLock } from '../toolchain-lock.js';
import { componentParts } from './components.js';
import type { Packument } from './packument.js';
import { resolveTree, type PlacedPackage } from './resolve-tree.js';

export interface LockNpmOptions {
  /** Of the toolchain, when not the package's. */
  readonly name?: string;
  /** Take dependencies as they were published by then. */
  readonly before?: Date;
  /** With what makes components of modules, see componentParts; the name says so too. */
  readonly components?: boolean;
  /** Debian's C library instead of the host's, see lockDebian. */
  readonly libc?: ToolchainLock['debian'];
  readonly signal?: AbortSignal;
}

const MODULES = '/toolchain/';

/**
 * A lock of a package that brings commands, and of all it depends on. A command runs as its own
 * first line says: with the options that it gives to Node.
 *
 * @param read asks a registry, see readPackument
 * @throws RebuildError `package-unknown` and those of the fetches
 */
export async function lockNpm(
  { name, version }: { name: string; version: string },
  read: (name: string) => Promise<Packument>,
  source: NpmSource,
  options: LockNpmOptions = {},
): Promise<ToolchainLock> {
  const tree = await resolveTree(name, version, read, options.before);
  const main = tree.find((placed) => placed.path === `node_modules/${name}`);
  if (main === undefined) throw new Error(`${name} is not in its own tree`);
  const commands = await commandsOf(main, source, options.signal);
  if (Object.keys(commands).length === 0)
    throw new RebuildError('package-unknown', `${name}@${version} brings no command`);
  const { runtime } = await readToolchainLock({ name: 'wabt', version: '1.0.12' });
  const parts = options.components === true ? await componentParts() : undefined;
  const bare = name.replace('@', '').replaceAll(/[^a-z0-9]+/g, '-');
  return ToolchainLock.parse({
    schema: TOOLCHAIN_LOCK_SCHEMA,
    name: options.name ?? `${bare}${parts === undefined ? '' : '-components'}`,
    version,
    lineage: 'npm',
    runtime,
    packages: [
      ...tree.map(({ path, manifest: _, ...pin }) => ({ ...pin, path: `${MODULES}${path}` })),
      ...(parts?.packages ?? []),
    ],
    ...(options.libc === undefined ? {} : { debian: options.libc }),
    commands: { ...commands, ...parts?.commands },
  });
}

async function commandsOf(
  { name, version, integrity, path, manifest }: PlacedPackage,
  source: NpmSource,
  signal: AbortSignal | undefined,
): Promise<ToolchainLock['commands']> {
  const bare = name.split('/').at(-1) ?? name;
  const bin = typeof manifest.bin === 'string' ? { [bare]: manifest.bin } : (manifest.bin ?? {});
  const entries = await readTarball(await source.tarball({ name, version, integrity }, signal));
  const commands: ToolchainLock['commands'] = {};
  for (const [command, file] of Object.entries(bin)) {
    const inner = file.replace(/^(?:\.\/)+/, '');
    const entry = entries.find((found) => found.path.split('/').slice(1).join('/') === inner);
    if (entry === undefined) continue;
    const [first = ''] = Buffer.from(entry.data.subarray(0, 256)).toString('latin1').split('\n');
    const flags = /^#!\S*env -S node ((?:--[\w=-]+ ?)+)$/.exec(first.trim())?.[1] ?? '';
    commands[command] = {
      argv: [
        '/bin/node',
        ...flags.split(' ').filter((flag) => flag !== ''),
        `${MODULES}${path}/${inner}`,
      ],
    };
  }
  return commands;
}
