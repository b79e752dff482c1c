import type { Clues } from './clues.js';
import type { FoundModule } from './find-modules.js';

const MAX_PATHS = 4096;
const CRATE = /^(.*\/registry\/src\/[^/]+)\/[\w-]+-\d+\.\d+\.\d+[^/]*\/.+\.rs$/;

/**
 * `--remap-path-prefix` for the folders whose names a Rust module holds, in the messages of its
 * panics: where the publisher's build had the source, and where it had the crates of the registry.
 * A prefix counts when what follows it is a file of the source.
 */
export function remapFlags(clues: Clues, module: FoundModule, workspace: string): string[] {
  const found = embeddedPaths(module.bytes);
  const base = workspace === '' ? `${clues.root}/` : `${clues.root}/${workspace}/`;
  const prefixes = new Map<string, number>();
  let registry: string | undefined;
  for (const path of found) {
    registry ??= CRATE.exec(path)?.[1];
    if (!path.startsWith('/')) continue;
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
      if (!clues.files.has(base + path.slice(at + 1))) continue;
      const prefix = path.slice(0, at);
      prefixes.set(prefix, (prefixes.get(prefix) ?? 0) + 1);
    }
  }
  const [likeliest] = [...prefixes].sort(([, a], [, b]) => b - a);
  // The mapping that every build has gives this one already.
  if (likeliest?.[0] === `/build/${base.slice(0, -1)}`) return [];
  const source = `{workspace}/${base.slice(0, -1)}`;
  // Of several mappings rustc takes the last that fits.
  return [
    ...(likeliest === undefined ? [] : [`--remap-path-prefix=${source}=${likeliest[0]}`]),
    ...(registry === undefined
      ? []
      : [`--remap-path-prefix={workspace}/.dependencies/cargo=${registry}`]),
  ];
}

/** Whatever looks like the path of a Rust source file; they follow each other without a mark. */
function embeddedPaths(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const paths: string[] = [];
  for (const [run] of text.matchAll(/[\x20-\x7e]{6,4096}/g)) {
    for (const part of run.split(/(?<=\.rs)/)) {
      const [path] = /\/[\w.@+~/-]+\.rs$/.exec(part) ?? [];
      if (path !== undefined && !path.includes(' ')) paths.push(path);
      if (paths.length >= MAX_PATHS) return paths;
    }
  }
  return paths;
}
