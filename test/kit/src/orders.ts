import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './compile.js';
import { startPackageRegistry, type PackageRegistry } from './package-registry.js';

/**
 * Three components in three languages that need each other (test/kit/orders): `store` in Rust has a
 * resource, records and lists; `prices` in WebAssembly text; `shop` in JavaScript takes what the two
 * others give, and of WASI what componentize-js takes when nothing is said. Each has its recipe, which ends in the component itself.
 */
export const ORDERS = ['store', 'prices', 'shop'] as const;
export type OrdersPart = (typeof ORDERS)[number];

const CLI = join(ROOT, 'apps/cli/bin/touchstone.js');
const SOURCES = join(ROOT, 'test/kit/orders');
/** Roots and packages are kept between runs, for all tests. */
export const ORDERS_CACHE = join(ROOT, '.touchstone/cache');
const FILES = [
  'orders.wit',
  'prices/prices.wat',
  'shop/shop.js',
  'store/Cargo.lock',
  'store/Cargo.toml',
  'store/src/abi.rs',
  'store/src/lib.rs',
];
const PACKAGE = '@loopback/orders';
const VERSION = '1.0.0';
/** Nothing is linked for the host: there is no build script and no macro. */
const NO_HOST = ['gcc', 'gcc-*', 'binutils', 'libc6-dev', 'libgcc-*-dev'];
const LOCKS: Readonly<Partial<Record<OrdersPart, readonly string[]>>> = {
  store: ['debian', 'rust', '--components', '--without', ...NO_HOST],
  prices: ['npm', 'wabt@1.0.39', '--components'],
};
const RUST = 'store/target/wasm32-unknown-unknown/release/store.wasm';

/** From the module that `from` is to a component of the world. */
const lifted = (from: string, world: string): { run: string[] }[] => [
  { run: ['component-embed', from, '--wit', 'orders.wit', '--world', world, '-o', 'core.wasm'] },
  { run: ['component-new', 'core.wasm', '-o', 'component.wasm'] },
];

const STEPS: Readonly<Record<OrdersPart, readonly { run: string[] }[]>> = {
  store: [
    {
      run: [
        ...['cargo', 'build', '--locked', '--offline', '--release'],
        ...['--manifest-path', 'store/Cargo.toml', '--target', 'wasm32-unknown-unknown'],
      ],
    },
    ...lifted(RUST, 'store'),
  ],
  prices: [
    { run: ['wat2wasm', 'prices/prices.wat', '-o', 'prices.wasm'] },
    ...lifted('prices.wasm', 'pricing'),
  ],
  shop: [
    {
      run: [
        ...['componentize', 'shop/shop.js', '--wit', 'orders.wit', '--world', 'shop'],
        ...['-o', 'component.wasm', '--with', 'stdio', 'random', 'clocks', 'http', 'fetch-event'],
      ],
    },
  ],
};

export interface BuiltPart {
  readonly bytes: Uint8Array;
  /** Whether no circumstance changed the bytes; only of a build that was varied. */
  readonly deterministic?: boolean;
}

export interface Orders {
  /** Where the sources are published, and whose scope: for who rebuilds. */
  readonly registry: PackageRegistry;
  readonly registries: Readonly<Record<string, string>>;
  /** Folder of the locks that these recipes name. */
  readonly toolchains: string;
  /** The recipe of a component with these bytes. */
  recipe(part: OrdersPart, bytes: Uint8Array): object;
  /** What a build gives; `vary` builds again with circumstances varied that must not matter. */
  build(part: OrdersPart, vary?: 'vary'): Promise<BuiltPart>;
}

/** Publishes the sources on loopback and locks the toolchains of `parts`; `dir` is the caller's. */
export async function publishOrders(
  dir: string,
  parts: readonly OrdersPart[] = ORDERS,
): Promise<Orders> {
  const registry = await startPackageRegistry();
  const registries = { '@loopback': registry.url };
  const texts = await Promise.all(FILES.map((file) => readFile(join(SOURCES, file))));
  const files = new Map(FILES.map((file, index) => [file, texts[index] ?? Buffer.alloc(0)]));
  const integrity = await registry.publish(PACKAGE, VERSION, files);
  const toolchains = join(dir, 'orders-toolchains');
  const environment = {
    ...{ TOOLCHAINS_DIR: toolchains },
    'npm_config_@loopback:registry': registry.url,
  };
  const touchstone: Touchstone = (...args) => run(args, dir, environment);
  const locks = await lockToolchains(parts, touchstone);
  const recipe = (part: OrdersPart, bytes: Uint8Array): object => {
    const file = `${part}.wasm`;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return {
      schema: 'https://touchstone.dev/recipe/v1',
      artifact: { kind: 'upload', name: file, sha256 },
      source: { kind: 'npm', name: PACKAGE, version: VERSION, integrity },
      toolchain: locks.get(part),
      steps: STEPS[part],
      modules: [{ name: part, output: 'component.wasm', published: { kind: 'file', path: file } }],
    };
  };
  return {
    ...{ registry, registries, toolchains, recipe },
    build: (part, vary) => build(part, vary, { dir, touchstone, recipe }),
  };
}

type Touchstone = (...args: string[]) => Promise<string>;
interface NamedLock {
  readonly name: string;
  readonly version: string;
}

/** Which toolchain each part is built with; those that are not shipped are locked now. */
async function lockToolchains(
  parts: readonly OrdersPart[],
  touchstone: Touchstone,
): Promise<Map<OrdersPart, NamedLock>> {
  const locks = new Map<OrdersPart, NamedLock>([
    ['shop', { name: 'componentize-js', version: '0.23.0' }],
  ]);
  for (const part of parts) {
    const what = LOCKS[part];
    if (what === undefined) continue;
    const args = ['toolchain', 'lock', ...what, '--cache', ORDERS_CACHE, '--json'];
    const { lock } = JSON.parse(await touchstone(...args)) as { lock: NamedLock };
    locks.set(part, { name: lock.name, version: lock.version });
  }
  return locks;
}

async function build(
  part: OrdersPart,
  vary: 'vary' | undefined,
  { dir, touchstone, recipe }: { dir: string; touchstone: Touchstone; recipe: Orders['recipe'] },
): Promise<BuiltPart> {
  const [file, claimed] = [join(dir, `${part}.recipe.json`), join(dir, `${part}.claimed`)];
  const out = join(dir, `built-${part}`);
  // Any module will do for a build whose result is wanted and not yet known.
  const module = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  await writeFile(claimed, module);
  await writeFile(file, JSON.stringify(recipe(part, module)));
  const places = ['--artifact', claimed, '--out', out, '--cache', ORDERS_CACHE];
  const predicate = await touchstone(
    ...['rebuild', file, ...places, '--allow-private-registries', '--json'],
    ...(vary === undefined ? [] : ['--vary', 'always']),
  );
  const { variation } = JSON.parse(predicate) as { variation?: { deterministic: boolean } };
  const built = join(out, 'rebuilt', `${part}.wasm`);
  const bytes = await readFile(built).catch((cause: unknown) => {
    throw new Error(`${part} was not built: ${predicate}`, { cause });
  });
  return variation === undefined ? { bytes } : { bytes, deterministic: variation.deterministic };
}

/** What the command prints; a rebuild that differs is no error here. */
function run(args: string[], cwd: string, environment: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...environment };
    execFile(process.execPath, [CLI, ...args], { cwd, env }, (error, out, err) => {
      if (error && error.code !== 1) reject(new Error(err, { cause: error }));
      else resolve(out);
    });
  });
}
