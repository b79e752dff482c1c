import type { Side } from '../../difference.js';

/**
 * Why bytes differ. Each code has one meaning and does not change; docs/differences.md tells what
 * evidence each one rests on.
 */
export const REMEDIES = {
  'embedded-timestamp':
    'Set SOURCE_DATE_EPOCH and build from it; in C leave out __DATE__ and __TIME__ (-Wdate-time finds them).',
  'embedded-path':
    'Map the folder away: -ffile-prefix-map=$PWD=. (clang), --remap-path-prefix=$PWD=. (rustc), -trimpath (go); with AssemblyScript keep the folder relative to the source and the name of the output the same.',
  'embedded-environment':
    'Do not compile host, user, locale or any other variable of the environment in; pass such a value as a flag that the recipe states.',
  'hash-map-ordering':
    'Sort before writing: have the code generator walk its maps in the order of their keys (BTreeMap, sorted lists), or give its hash a fixed seed.',
  'parallel-codegen':
    'Give the linker its inputs in one order and compile in one unit: -Ccodegen-units=1 (rustc), a sorted list of objects instead of a wildcard, no order that a parallel make decides.',
  'toolchain-version':
    'Build with the very version that the publisher used; pin it, and name it in the recipe (rust-toolchain.toml, package-lock.json, an image by digest).',
  'unlocked-dependency':
    'Build from the lockfile: --locked (cargo), npm ci, -mod=readonly (go); publish the lockfile with the source.',
  'debug-sections':
    'Choose one: strip them (--strip-all or -Wl,-s, -C strip=symbols, wasm-strip) or keep them on both sides (the same -g, --debug, --sourceMap).',
  'build-id':
    'Leave the build id out or make it fixed: --build-id=none (wasm-ld), -ldflags=-buildid= (go).',
  'coverage-or-profiling':
    'Build without instrumentation: no -fprofile-instr-generate, -fcoverage-mapping, --coverage, -C instrument-coverage, -C profile-generate.',
  'other-libc':
    'Pin the C library: the sysroot (wasi-libc, wasi-sdk, Emscripten) is part of the toolchain; use the version that the publisher linked, and the same -l options.',
  'wasm-opt':
    'Run wasm-opt on both sides, or on neither: clang and others run whatever wasm-opt is on PATH; pass --no-wasm-opt, or name version and options of Binaryen in the recipe.',
  'relocation-padding':
    'Link with the same -O level: --compress-relocations (wasm-ld -O2) writes indices in their shortest form, without it they are padded to five bytes.',
  'unexplained-code':
    'Ask the publisher for source and toolchain of exactly this build. Until the difference is accounted for, treat the published module as one that may have been altered after its build.',
} as const;

export type CauseCode = keyof typeof REMEDIES;

/** `certain`: the bytes show it. `likely`: they fit it and little else. `possible`: they fit it. */
export type Confidence = 'certain' | 'likely' | 'possible';

/** Where in a file a cause shows. */
export interface Evidence {
  side: Side;
  /** `code`, `data`, `custom:<name>`. */
  section: string;
  offset: number;
  length: number;
  /** What stands there, where it is text or has a name. */
  text?: string;
}

export interface Cause {
  code: CauseCode;
  confidence: Confidence;
  /** What was found, in a sentence. */
  summary: string;
  /** What mends it, with the flag that does. */
  remedy: string;
  evidence: Evidence[];
}

const MAX_EVIDENCE = 6;

export function cause(
  code: CauseCode,
  confidence: Confidence,
  summary: string,
  evidence: Evidence[],
): Cause {
  return {
    code,
    confidence,
    summary,
    remedy: REMEDIES[code],
    evidence: evidence.slice(0, MAX_EVIDENCE),
  };
}
