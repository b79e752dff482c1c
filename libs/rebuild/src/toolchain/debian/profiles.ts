import { RebuildError } from '../../errors.js';
import type { ToolchainLock } from '../toolchain-lock.js';

/** Which packages of Debian make a toolchain, and what its commands are. */
export interface Profile {
  readonly name: string;
  /** The package whose version the toolchain has. */
  readonly main: string;
  readonly wanted: readonly string[];
  /** See resolveClosure. */
  readonly without: readonly string[];
  readonly commands: ToolchainLock['commands'];
  readonly environment?: Readonly<Record<string, string>>;
  readonly links?: ToolchainLock['links'];
}

/** Compilers for the host and what only the package manager needs; WebAssembly needs neither. */
const HOST_COMPILER = [
  'binutils',
  'gcc',
  'g++',
  'gcc-*',
  'libgcc-*-dev',
  'libstdc++-*-dev',
  'libobjc-*-dev',
  'libc6-dev',
  'libclang1-*',
  'llvm-*-linker-tools',
];
const PACKAGE_MANAGER = [
  'debconf',
  'debconf-2.0',
  'dpkg',
  'perl',
  'perl:any',
  'tar',
  'install-info',
];

/** Documentation and desktop files; a build has no use for them. */
export const LEAVE_OUT = ['bug', 'doc', 'doc-base', 'info', 'lintian', 'locale', 'man'].map(
  (name) => `usr/share/${name}`,
);

/** @throws RebuildError `toolchain-unknown` */
export function debianProfile(kind: string, major: string | undefined): Profile {
  if (kind === 'clang' && major !== undefined) return clang(major);
  if (kind === 'rust') return rust();
  if (kind === 'go' && major !== undefined) return go(major);
  if (kind === 'emscripten') return emscripten();
  throw new RebuildError(
    'toolchain-unknown',
    `${kind} is not a toolchain of Debian that is known here: clang@MAJOR, rust, go@MAJOR.MINOR, emscripten`,
  );
}

function clang(major: string): Profile {
  const bin = `/usr/lib/llvm-${major}/bin`;
  return {
    name: 'debian-clang',
    main: `clang-${major}`,
    wanted: [
      `clang-${major}`,
      `lld-${major}`,
      `libclang-rt-${major}-dev-wasm32`,
      `libc++-${major}-dev-wasm32`,
      'wasi-libc',
    ],
    without: [...HOST_COMPILER, ...PACKAGE_MANAGER],
    commands: {
      clang: { argv: [`${bin}/clang`] },
      'clang++': { argv: [`${bin}/clang++`] },
      'wasm-ld': { argv: [`${bin}/wasm-ld`] },
    },
  };
}

/** With a C compiler and the host's standard library: build scripts and macros run on the host. */
function rust(): Profile {
  return {
    name: 'debian-rust',
    main: 'rustc',
    wanted: ['rustc', 'cargo', 'libstd-rust-dev-wasm32', 'lld'],
    without: PACKAGE_MANAGER,
    commands: {
      cargo: { argv: ['/usr/bin/cargo'] },
      rustc: { argv: ['/usr/bin/rustc'] },
      'wasm-ld': { argv: ['/usr/bin/wasm-ld'] },
    },
    links: [{ path: '/usr/bin/cc', target: 'gcc' }],
    environment: {
      CARGO_HOME: '/tmp/cargo',
      CARGO_NET_OFFLINE: 'true',
      CARGO_TERM_COLOR: 'never',
      CARGO_BUILD_RUSTFLAGS: '--remap-path-prefix={workspace}=/build',
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: 'wasm-ld',
      CARGO_TARGET_WASM32_WASIP1_LINKER: 'wasm-ld',
    },
  };
}

function go(version: string): Profile {
  return {
    name: 'debian-go',
    main: `golang-${version}-go`,
    wanted: [`golang-${version}-go`, 'libc6'],
    without: PACKAGE_MANAGER,
    commands: { go: { argv: [`/usr/lib/go-${version}/bin/go`] } },
    environment: {
      CGO_ENABLED: '0',
      GOCACHE: '/tmp/go-cache',
      GOPATH: '/tmp/go',
      GOPROXY: 'off',
      GOSUMDB: 'off',
      GOTELEMETRY: 'off',
      GOTOOLCHAIN: 'local',
    },
  };
}

function emscripten(): Profile {
  return {
    name: 'debian-emscripten',
    main: 'emscripten',
    wanted: ['emscripten', 'coreutils'],
    without: [...HOST_COMPILER, ...PACKAGE_MANAGER, 'ccache', 'node-corepack', 'tzdata'],
    // What lies in /usr/bin under these names are shell scripts that call these; there is no shell.
    commands: Object.fromEntries(
      ['emcc', 'em++', 'emar', 'emranlib'].map((name) => [
        name,
        { argv: ['/usr/bin/python3', '-E', `/usr/share/emscripten/${name}.py`] },
      ]),
    ),
    environment: { EM_CACHE: '/usr/share/emscripten/cache', EM_FROZEN_CACHE: '1' },
  };
}
