import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { artifactUri } from '@touchstone/attest';
import { RebuildError } from '../errors.js';
import { integrityHex, sha256Hex } from '../source/integrity.js';
import type { DebianSource } from './debian/debian-source.js';
import { readHostLibraries, type HostFile } from './host-libraries.js';
import { readOwnCode } from './own-code.js';
import type { DebianPackage, ToolchainLock, ToolchainRuntime } from './toolchain-lock.js';

export interface ResolvedDependency {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
  readonly name?: string;
}

export interface AssembleOptions {
  /** Where .deb files come from; Debian's own mirror unless told. */
  readonly debian?: DebianSource;
  /** Folder of OCI image archives that the operator imported. */
  readonly images?: string;
  readonly signal?: AbortSignal;
}

/** Everything that decides a root's bytes. */
export interface RootInputs {
  readonly lock: ToolchainLock;
  readonly runtime: ToolchainRuntime | undefined;
  readonly debian: readonly DebianPackage[];
  /** Digest of the image's manifest. */
  readonly image: string | undefined;
  readonly drivers: readonly HostFile[];
  /** Compiled code of this installation, for a lock that wants it. */
  readonly own: readonly HostFile[];
  /** Of this machine; none when the lock pins Debian's. */
  readonly libraries: readonly HostFile[];
}

const DRIVERS = fileURLToPath(new URL('../../drivers/', import.meta.url));
/** What a driver imports of our own beside itself. */
const PARTS_OF_DRIVERS: Readonly<Record<string, readonly string[]>> = {
  componentize: ['pre-initialise', 'module-file'],
};

/** @throws RebuildError `toolchain-runtime` when the lock has nothing for this machine */
export async function readInputs(lock: ToolchainLock): Promise<RootInputs> {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
  const runtime = lock.runtime?.architectures[process.arch];
  const debian = lock.debian?.architectures[architecture];
  const image = lock.image?.architectures[architecture]?.digest;
  const lacking =
    (lock.runtime !== undefined && runtime === undefined) ||
    (lock.debian !== undefined && debian === undefined) ||
    (lock.image !== undefined && image === undefined);
  if (lacking || process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch))
    throw new RebuildError(
      'toolchain-runtime',
      `toolchain ${lock.name} ${lock.version} has nothing for ${process.platform} ${process.arch}`,
    );
  const libraries =
    runtime === undefined || debian !== undefined
      ? []
      : await readHostLibraries(runtime, process.arch);
  return {
    lock,
    runtime,
    debian: debian ?? [],
    image,
    drivers: await readDrivers(lock),
    own: lock.own === undefined ? [] : await readOwnCode(lock, lock.own),
    libraries,
  };
}

async function readDrivers(lock: ToolchainLock): Promise<HostFile[]> {
  const names = new Set(
    Object.values(lock.commands).flatMap((command) =>
      'driver' in command ? [command.driver] : [],
    ),
  );
  const modules = [...names].sort().flatMap((name) => [name, ...(PARTS_OF_DRIVERS[name] ?? [])]);
  const files = names.size === 0 ? [] : ['run', ...modules];
  return Promise.all(
    files.map(async (file) => ({
      path: `/toolchain/drivers/${file}.mjs`,
      bytes: await readFile(join(DRIVERS, `${file}.mjs`)),
    })),
  );
}

export function inputsKey({ lock, drivers, own, libraries }: RootInputs): string {
  const files = [...drivers, ...own, ...libraries].map(({ path, bytes }) => [
    path,
    sha256Hex(bytes),
  ]);
  return sha256Hex(JSON.stringify(['touchstone-root-v1', process.arch, lock, files]));
}

/** Everything that the root was made of, the root itself first. */
export function rootDependencies(inputs: RootInputs, digest: string): ResolvedDependency[] {
  const { lock, runtime, debian, image, own, libraries } = inputs;
  const root = {
    uri: `https://touchstone.dev/toolchain/${lock.name}/${encodeURIComponent(lock.version)}`,
    digest: { sha256: digest },
    name: 'toolchain',
  };
  const pins = runtime === undefined ? lock.packages : [runtime.package, ...lock.packages];
  const packages = pins.map((pin) => ({
    uri: artifactUri({ kind: 'npm', ...pin }),
    digest: { sha512: integrityHex(pin.integrity) },
  }));
  const debs = debian.map(({ name, version, architecture, sha256 }) => ({
    uri: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`,
    digest: { sha256 },
  }));
  const images =
    image === undefined
      ? []
      : [{ uri: `oci:${lock.image?.reference ?? ''}`, digest: { sha256: image.slice(7) } }];
  const host = libraries.map(({ path, bytes }) => ({
    uri: `file://${path}`,
    digest: { sha256: sha256Hex(bytes) },
    name: basename(path),
  }));
  return [root, ...ownCode(lock, own), ...packages, ...debs, ...images, ...host];
}

/** This project's own code in the root, by version and by one digest over its files. */
function ownCode(lock: ToolchainLock, files: readonly HostFile[]): ResolvedDependency[] {
  if (lock.own === undefined) return [];
  const digests = files.map(({ path, bytes }) => [path, sha256Hex(bytes)]);
  return [
    {
      uri: `https://touchstone.dev/code/${lock.own}/${encodeURIComponent(lock.version)}`,
      digest: { sha256: sha256Hex(JSON.stringify(digests)) },
      name: 'composer',
    },
  ];
}
