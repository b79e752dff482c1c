import { moduleClues, type Clues } from './clues.js';
import type { Proposed } from './proposal.js';

/**
 * What can be said of modules that other compilers made. Their command lines stand in build scripts
 * that no package is obliged to carry, so this names what was seen and what is missing.
 */
export function seeOtherCompilers(clues: Clues): Proposed {
  const paths = [...clues.files.keys()];
  const obstacles: string[] = [];
  for (const module of clues.modules) {
    const { producers } = moduleClues(module.bytes);
    if (producers.length > 0)
      obstacles.push(`${module.name} says of itself that it was made by ${producers.join(', ')}`);
  }
  const has = (pattern: RegExp): string[] =>
    paths.filter((path) => pattern.test(path)).map((path) => path.slice(clues.root.length + 1));
  const seen: [RegExp, string][] = [
    [
      /\/Cargo\.toml$/,
      'is a Rust crate: a recipe runs cargo build --locked --offline with a rust toolchain',
    ],
    [/\/go\.mod$/, 'is a Go module: a recipe runs go build with GOOS=wasip1 and a go toolchain'],
    [/\/(?:GNU)?[Mm]akefile$/, 'holds the command lines, which a recipe has to repeat'],
    [/\/CMakeLists\.txt$/, 'holds what CMake is told; a recipe has to repeat the compiler calls'],
    [/\/Dockerfile[\w.-]*$/, 'names the compiler that was used'],
  ];
  for (const [pattern, meaning] of seen)
    for (const path of has(pattern).slice(0, 4)) obstacles.push(`${path} ${meaning}`);
  const sources = has(/\.(?:c|cc|cpp|cxx|zig|rs|go)$/);
  if (sources.length > 0 && obstacles.length === 0)
    obstacles.push(
      `${sources.length} files such as ${sources[0] ?? ''} may be the source; no file says how they are compiled`,
    );
  return { proposals: [], obstacles };
}
