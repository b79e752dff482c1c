// The rooms of the house: every workspace package with its folder and the tags that its package.json carries.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @returns {{ name: string, folder: string, tags: string[] }[]} folders are relative to the root */
export function rooms() {
  return ['libs', 'apps', 'test']
    .flatMap((storey) => readdirSync(join(root, storey)).map((room) => `${storey}/${room}`))
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .sort()
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      return { name: manifest.name, folder, tags: manifest.nx?.tags ?? [] };
    });
}

/** Folders of the rooms that carry (or, with `not`, lack) a tag. */
export function foldersTagged(tag, { not = false } = {}) {
  return rooms()
    .filter((room) => room.tags.includes(tag) !== not)
    .map((room) => room.folder);
}
