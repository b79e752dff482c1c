import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { RebuildError } from '../errors.js';
import type { HostFile } from './host-libraries.js';
import type { ToolchainLock } from './toolchain-lock.js';

/**
 * Code of this installation that stands in a toolchain's root. The compiled files are taken as they
 * are, those that are reached by imports from the room's index; packages of others are those that
 * the lock pins.
 */

const OWN = '@touchstone/';
const MODULES = '/toolchain/node_modules/';
const MAX_FILES = 2_000;
/** What tsc writes for `import … from`, `export … from` and `import …`, at the start of a line. */
const IMPORT = /^(?:import|export)\b(?:[^'"\n;]*\bfrom)?\s*'([^'\n]+)'/gmu;
const FROM = /^\}? ?.*\bfrom '([^'\n]+)';$/gmu;

/**
 * @throws RebuildError `toolchain-runtime` when the installation has another version, is not
 *   compiled, or imports a package that the lock does not pin
 */
export async function readOwnCode(lock: ToolchainLock, room: string): Promise<HostFile[]> {
  const code = new OwnCode(new Set(lock.packages.map(({ name }) => name)));
  const version = await code.addRoom(`${OWN}${room}`);
  if (version !== lock.version) {
    const message = `the lock wants ${OWN}${room} ${lock.version}, this installation has ${version}`;
    throw new RebuildError('toolchain-runtime', message);
  }
  return code.files();
}

class OwnCode {
  readonly #require = createRequire(import.meta.url);
  readonly #files = new Map<string, Uint8Array>();
  /** Folder of each room. */
  readonly #rooms = new Map<string, string>();

  constructor(private readonly pinned: ReadonlySet<string>) {}

  files(): HostFile[] {
    return [...this.#files]
      .map(([path, bytes]) => ({ path, bytes }))
      .sort((one, other) => (one.path < other.path ? -1 : 1));
  }

  /** @returns the room's version */
  async addRoom(name: string): Promise<string> {
    const manifest = this.#require.resolve(`${name}/package.json`);
    const bytes = await readFile(manifest);
    const { version } = JSON.parse(bytes.toString('utf8')) as { version: string };
    if (this.#rooms.has(name)) return version;
    this.#rooms.set(name, dirname(manifest));
    this.#files.set(`${MODULES}${name}/package.json`, bytes);
    await this.#addFile(name, 'dist/index.js');
    return version;
  }

  async #addFile(room: string, path: string): Promise<void> {
    const folder = this.#rooms.get(room) ?? '';
    const place = `${MODULES}${room}/${path}`;
    if (this.#files.has(place)) return;
    if (this.#files.size >= MAX_FILES)
      throw refused(`${room} imports more than ${MAX_FILES} files`);
    const bytes = await readFile(join(folder, path)).catch((cause: unknown) => {
      throw new RebuildError('toolchain-runtime', `${room}/${path} is not compiled`, { cause });
    });
    this.#files.set(place, bytes);
    for (const wanted of importsOf(bytes.toString('utf8'))) {
      if (wanted.startsWith('.')) {
        const target = relative(folder, resolve(folder, dirname(path), wanted));
        await this.#addFile(room, target.split(sep).join('/'));
      } else if (wanted.startsWith(OWN)) await this.addRoom(wanted);
      else this.#checkPinned(wanted, place);
    }
  }

  #checkPinned(wanted: string, place: string): void {
    const parts = wanted.split('/');
    const name = parts.slice(0, wanted.startsWith('@') ? 2 : 1).join('/');
    if (this.pinned.has(name)) return;
    throw refused(`${place} imports ${name}, which the lock does not pin`);
  }
}

function importsOf(code: string): Set<string> {
  const found = [...code.matchAll(IMPORT), ...code.matchAll(FROM)];
  return new Set(found.map(([, name = '']) => name));
}

function refused(message: string): RebuildError {
  return new RebuildError('toolchain-runtime', message);
}
