import { RebuildError } from '../errors.js';
import type { NpmSource, PinnedPackage } from '../source/npm-source.js';
import type { TarEntry, TarLink } from '../source/tar.js';
import { readTarball } from '../source/unpack.js';
import { readDeb } from './debian/deb.js';
import { DebianSource, fileLabel } from './debian/debian-source.js';
import { imageLayers } from './image/image-layers.js';
import type { AssembleOptions, RootInputs } from './root-inputs.js';
import { RootWriter } from './root-writer.js';
import type { DebianPackage } from './toolchain-lock.js';

/** Where a sandbox mounts its own; they must exist, for the root is read-only by then. */
const MOUNT_POINTS = ['dev', 'proc', 'tmp', 'work'];
/** Debian has merged these into /usr since 2023; packages of before still name the old places. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];
const DOWNLOADS = 4;

/** Writes everything that `inputs` name into the empty folder `root`. */
export async function fillRoot(
  root: string,
  inputs: RootInputs,
  source: NpmSource,
  cache: string,
  options: AssembleOptions,
): Promise<void> {
  const { lock, runtime, drivers, own, libraries } = inputs;
  const writer = new RootWriter(root);
  if (inputs.image !== undefined) await addImage(writer, inputs.image, options);
  if (inputs.debian.length > 0) await addDebian(writer, inputs, cache, options);
  for (const folder of MOUNT_POINTS) await writer.folder(folder);
  const place = (path: string, data: Uint8Array, executable: boolean): Promise<void> =>
    writer.add([{ path: path.slice(1), type: 'file', executable, data }], { from: path });
  if (runtime !== undefined) {
    const files = await packageFiles(runtime.package, source, options.signal);
    const node = files.find(({ path }) => path === runtime.file);
    if (node === undefined)
      throw new RebuildError(
        'toolchain-runtime',
        `${runtime.package.name} holds no ${runtime.file}`,
      );
    await place('/bin/node', node.data, true);
    for (const [index, { path, bytes }] of libraries.entries())
      await place(path, bytes, index === 0);
    if (!writer.has(runtime.interpreter))
      throw new RebuildError(
        'toolchain-runtime',
        `toolchain ${lock.name} ${lock.version} pins Debian packages, but none brings ${runtime.interpreter}: add libc6`,
      );
  }
  for (const { path, bytes } of [...drivers, ...own]) await place(path, bytes, false);
  for (const pin of lock.packages) {
    const files = await packageFiles(pin, source, options.signal);
    const below = files.map((entry) => ({ ...entry, path: `${pin.path.slice(1)}/${entry.path}` }));
    await writer.folder(pin.path.slice(1));
    await writer.add(below, { from: `${pin.name}@${pin.version}` });
  }
  for (const { path, target } of lock.links ?? [])
    await writer.link(path.slice(1), target, `the link ${path}`);
}

/** A package's files without the one folder that npm packs them in. */
async function packageFiles(
  pin: PinnedPackage,
  source: NpmSource,
  signal: AbortSignal | undefined,
): Promise<TarEntry[]> {
  const entries = await readTarball(await source.tarball(pin, signal));
  return entries
    .map((entry) => ({ ...entry, path: entry.path.split('/').slice(1).join('/') }))
    .filter(({ path }) => path !== '');
}

async function addDebian(
  writer: RootWriter,
  { lock, debian }: RootInputs,
  cache: string,
  options: AssembleOptions,
): Promise<void> {
  const source = options.debian ?? new DebianSource(cache);
  const { signal } = options;
  const fetchOne = (pin: DebianPackage): Promise<Uint8Array> =>
    source.package(pin, lock.debian?.date, signal);
  await inParallel(debian, DOWNLOADS, async (pin) => {
    await fetchOne(pin);
  });
  await writer.folder('usr');
  for (const name of MERGED) {
    await writer.folder(`usr/${name}`);
    await writer.link(name, `usr/${name}`, 'the merged /usr');
  }
  const unpack = async (pin: DebianPackage): Promise<(TarEntry | TarLink)[]> =>
    readDeb(await fetchOne(pin), undefined, signal);
  // While one package is written the next is decompressed, by another process.
  let next = unpackFrom(debian, 0, unpack);
  for (const [index, pin] of debian.entries()) {
    const entries = await next;
    next = unpackFrom(debian, index + 1, unpack);
    try {
      await writer.add(entries, {
        from: fileLabel(pin),
        leaveOut: lock.debian?.leaveOut ?? [],
      });
    } catch (error) {
      await next.catch(() => undefined);
      throw error;
    }
  }
}

function unpackFrom(
  pins: readonly DebianPackage[],
  index: number,
  unpack: (pin: DebianPackage) => Promise<(TarEntry | TarLink)[]>,
): Promise<(TarEntry | TarLink)[]> {
  const pin = pins[index];
  const unpacking = pin === undefined ? Promise.resolve([]) : unpack(pin);
  // Awaited by the next turn of the loop; until then a failure must not count as unhandled.
  unpacking.catch(() => undefined);
  return unpacking;
}

async function inParallel<T>(
  items: readonly T[],
  width: number,
  visit: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await visit(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

async function addImage(
  writer: RootWriter,
  digest: string,
  { images, signal }: AssembleOptions,
): Promise<void> {
  for await (const { entries, label } of imageLayers(digest, images, signal))
    await writer.add(entries, { from: label, replace: true });
}
