import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { RebuildError } from '../../errors.js';
import { readTree, treeDigest, type TreeEntry } from '../../toolchain/tree.js';
import type { ReadOnlyMount } from '../executor.js';
import { ENGINE_ARCHITECTURE, engineArchitecture } from './engine.js';
import { asReadable, isStatus, unavailable } from './engine-error.js';
import { INIT_PATH, initProgram } from './init-program.js';
import { tarSize, tarStream, type TarItem } from './tar-stream.js';

/** On the images of roots: the digest of what the image was made of. */
const ROOT_LABEL = 'dev.touchstone.root';
/** Tags are keys: see {@link keyOf}. */
const REPOSITORY = 'touchstone-root';
const CREATED = '1980-01-01T00:00:00Z';
const CREATED_SECONDS = 315_532_800;

/**
 * Toolchain roots as images of an engine. An image is made of nothing but its root's bytes: names,
 * executable bits and contents, and one layer. So the same root gives the same image id everywhere.
 */
export class RootImages {
  readonly #docker: Docker;
  readonly #known = new Map<string, Promise<string>>();

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /**
   * The id (`sha256:…`) of the image of a root with what is mounted into it; loaded into the engine
   * when it is not there.
   * @throws RebuildError `sandbox-unavailable`, `toolchain-mismatch`
   */
  async imageOf(
    root: string,
    rootDigest: string | undefined,
    mounts: readonly ReadOnlyMount[],
  ): Promise<string> {
    const digest = rootDigest ?? treeDigest(await readTree(root));
    const added = await Promise.all(mounts.map(readMount));
    const key = keyOf(digest, added);
    const known = this.#known.get(key);
    if (known !== undefined && (await this.#find(key)) === (await known)) return known;
    const loading = this.#findOrLoad(root, digest, added, key);
    this.#known.set(key, loading);
    loading.catch(() => this.#known.delete(key));
    return loading;
  }

  async #findOrLoad(
    root: string,
    digest: string,
    added: readonly Added[],
    key: string,
  ): Promise<string> {
    return (await this.#find(key)) ?? (await this.#load(root, digest, added, key));
  }

  async #find(key: string): Promise<string | undefined> {
    try {
      const image = await this.#docker.getImage(tagOf(key)).inspect();
      const { Labels } = image.Config as { Labels?: Record<string, string> | null };
      return Labels?.[ROOT_LABEL] === key ? image.Id : undefined;
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw unavailable(error);
    }
  }

  async #load(root: string, digest: string, added: readonly Added[], key: string): Promise<string> {
    const entries = await readTree(root);
    if (treeDigest(entries) !== digest)
      throw new RebuildError(
        'toolchain-mismatch',
        `${root} is not the tree ${digest}: remove it, it is made again when needed`,
      );
    const items = layerItems(root, entries, added);
    let id = '';
    const archive = imageArchive(items, key, (found) => (id = found));
    try {
      const answer = await this.#docker.loadImage(Readable.from(archive), { quiet: true });
      const said = await text(asReadable(answer));
      const found = await this.#find(key);
      if (found !== `sha256:${id}`)
        throw new Error(`the engine has ${found ?? 'no image'} instead of sha256:${id}: ${said}`);
      return found;
    } catch (error) {
      throw unavailable(error);
    }
  }
}

interface Added {
  readonly target: string;
  readonly source: string;
  /** Entries of a folder; for a file one entry with an empty path. */
  readonly entries: readonly TreeEntry[];
}

async function readMount({ source, target }: ReadOnlyMount): Promise<Added> {
  const found = await stat(source);
  if (found.isDirectory()) return { source, target, entries: await readTree(source) };
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(source)) hash.update(chunk as Uint8Array);
  const executable = (found.mode & 0o100) !== 0;
  return { source, target, entries: [['', 'file', executable, found.size, hash.digest('hex')]] };
}

function keyOf(digest: string, added: readonly Added[]): string {
  const architecture = engineArchitecture();
  const init = createHash('sha256').update(initProgram(architecture)).digest('hex');
  const parts = added.map(({ target, entries }) => [target, treeDigest(entries)]);
  return createHash('sha256')
    .update(JSON.stringify(['touchstone-image-v2', digest, init, parts]))
    .digest('hex');
}

function layerItems(
  root: string,
  entries: readonly TreeEntry[],
  added: readonly Added[],
): TarItem[] {
  const items = new Map<string, TarItem>();
  const add = (item: TarItem): void => {
    items.set(item.path, item);
  };
  const parents = (path: string): void => {
    const segments = path.split('/');
    for (let depth = 1; depth < segments.length; depth += 1) {
      const parent = segments.slice(0, depth).join('/');
      if (!items.has(parent)) add({ ...common(parent, true), type: 'directory' });
    }
  };
  for (const entry of entries) add(itemOf(entry, root, entry[0]));
  for (const { source, target, entries: inner } of added) {
    const base = target.replace(/^\/+/, '');
    parents(`${base}/x`);
    for (const entry of inner) {
      const path = entry[0] === '' ? base : `${base}/${entry[0]}`;
      items.delete(path);
      add(itemOf(entry, source, path));
    }
  }
  // What is mounted there gets the mode of what it covers.
  add({ ...common('tmp', true), type: 'directory', mode: 0o1777 });
  const content = initProgram(engineArchitecture());
  parents(INIT_PATH);
  add({ ...common(INIT_PATH, true), type: 'file', size: content.length, content });
  return [...items.values()];
}

function itemOf(entry: TreeEntry, root: string, path: string): TarItem {
  switch (entry[1]) {
    case 'directory':
      return { ...common(path, true), type: 'directory' };
    case 'symlink':
      return { ...common(path, true), type: 'symlink', target: entry[2] };
    case 'file':
      return {
        ...common(path, entry[2]),
        ...{ type: 'file', size: entry[3], content: join(root, entry[0]) },
      };
    case 'other':
      throw new RebuildError('toolchain-mismatch', `${path} is no file, folder or link`);
  }
}

function common(path: string, executable: boolean): Omit<TarItem, 'type' | 'size' | 'content'> {
  return { path, mode: executable ? 0o555 : 0o444, owner: 0, mtime: CREATED_SECONDS };
}

/** What `docker load` reads. The configuration follows the layer, whose digest it names. */
function imageArchive(
  items: readonly TarItem[],
  key: string,
  onId: (id: string) => void,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  async function* layer(): AsyncGenerator<Uint8Array> {
    for await (const chunk of tarStream(items)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const file = (path: string, content: Uint8Array): TarItem => ({
    ...common(path, false),
    ...{ type: 'file', size: content.length, content },
  });
  function* archive(): Generator<TarItem> {
    const size = tarSize(items);
    yield { ...common('layer.tar', false), type: 'file', size, content: layer() };
    const config = Buffer.from(JSON.stringify(imageConfig(key, hash.digest('hex'))));
    const id = createHash('sha256').update(config).digest('hex');
    onId(id);
    yield file(`${id}.json`, config);
    const image = { Config: `${id}.json`, Layers: ['layer.tar'], RepoTags: [tagOf(key)] };
    yield file('manifest.json', Buffer.from(JSON.stringify([image])));
  }
  return tarStream(archive());
}

function imageConfig(key: string, layer: string): object {
  return {
    architecture: ENGINE_ARCHITECTURE[engineArchitecture()],
    config: { Labels: { [ROOT_LABEL]: key } },
    created: CREATED,
    history: [{ created: CREATED, created_by: 'touchstone' }],
    os: 'linux',
    rootfs: { diff_ids: [`sha256:${layer}`], type: 'layers' },
  };
}

function tagOf(key: string): string {
  return `${REPOSITORY}:${key}`;
}
