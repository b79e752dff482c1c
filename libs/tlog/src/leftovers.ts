import { entriesPath, parseTilePath, tilePath, tileWidth } from '@touchstone/merkle';
import type { TileRef } from '@touchstone/merkle';
import type { TileStorage } from './storage.js';

/** A tree of safe size has hash tiles at levels 0 to 6. */
const TILE_LEVELS = 7;
const GROUP = 1000;

/**
 * Tiles and bundles beyond a tree of `size` leaves: what a batch wrote that was never committed.
 * They must go before the log continues: another batch may grow the tree past their widths, and
 * then their stale bytes would lie at paths that the published size covers.
 *
 * A batch writes to the right of the edge only, so only folders from the edge on are listed.
 */
export async function findLeftovers(
  storage: Pick<TileStorage, 'list'>,
  size: number,
): Promise<string[]> {
  const found = [await rowLeftovers(storage, (index) => entriesPath(index, 256), 0, size)];
  for (let level = 0; level < TILE_LEVELS; level++) {
    found.push(await rowLeftovers(storage, (index) => tilePath(level, index, 256), level, size));
  }
  return found.flat();
}

async function rowLeftovers(
  storage: Pick<TileStorage, 'list'>,
  pathOf: (index: number) => string,
  level: number,
  size: number,
): Promise<string[]> {
  const edge = Math.floor(size / 256 ** (level + 1));
  const firstGroup = Math.floor(edge / GROUP);
  const found: string[] = [];
  for (let group = firstGroup; ; group++) {
    const folder = folderOf(pathOf(group * GROUP));
    const names = await storage.list(folder);
    if (names.length === 0 && group > firstGroup) return found;
    for (const name of names) {
      const path = `${folder}/${name}`;
      if (!name.endsWith('.p')) {
        if (isBeyond(path, level, size)) found.push(path);
      } else if (indexOf(path.slice(0, -2)) >= edge) {
        const widths = await storage.list(path);
        const partials = widths.map((width) => `${path}/${width}`);
        found.push(...partials.filter((partial) => isBeyond(partial, level, size)));
      }
    }
  }
}

function isBeyond(path: string, level: number, size: number): boolean {
  const tile = parse(path);
  return tile !== undefined && tile.width > tileWidth(level, tile.index, size);
}

function indexOf(path: string): number {
  return parse(path)?.index ?? -1;
}

/** Names that are no tile of the log are none of its business. */
function parse(path: string): TileRef | undefined {
  try {
    return parseTilePath(path);
  } catch {
    return undefined;
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
