// `componentize SOURCE --wit FILE --world NAME -o OUT [--with FEATURE...]` over componentize-js: a
// component of one JavaScript module, with the engine that the package brings. A feature is stdio,
// random, clocks, http or fetch-event; without one a component imports nothing of WASI for it.
//
// componentize-js names its folder by chance, writes the time into what stands for a clock, and
// starts Wizer, a program for one kind of machine, which lets the engine draw from the machine's
// randomness while it starts: no two builds are alike. Here chance always falls the same way, the
// time is SOURCE_DATE_EPOCH, and pre-initialise.mjs stands in Wizer's place.
import child from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { register, syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $init, tools } from '../node_modules/@bytecodealliance/jco/obj/wasm-tools.js';
import { init, parse } from '../node_modules/es-module-lexer/dist/lexer.js';
import { preInitialise } from './pre-initialise.mjs';

const MODULES = new URL('../node_modules/@bytecodealliance/', import.meta.url);
const FEATURES = ['stdio', 'random', 'clocks', 'http', 'fetch-event'];
const EPOCH = Number(process.env.SOURCE_DATE_EPOCH ?? 0);
/** What componentize-js imports of these packages is exported below; it needs nothing else of them. */
const STOOD_IN = ['jco', 'weval', 'wizer'].map((name) => `@bytecodealliance/${name}`);
const HOOKS = `export const resolve = (name, context, next) =>
  ${JSON.stringify([...STOOD_IN, 'oxc-parser'])}.includes(name)
    ? { url: ${JSON.stringify(import.meta.url)}, shortCircuit: true }
    : next(name, context);`;

export const componentNew = (binary, adapters) => tools.componentNew(binary, adapters);
export const metadataAdd = (binary, metadata) => tools.metadataAdd(binary, metadata);
export const preview1AdapterReactorPath = () =>
  new URL('jco/lib/wasi_snapshot_preview1.reactor.wasm', MODULES);

/** Of oxc-parser: which names a module exports. */
export default {
  async parseAsync(_name, source) {
    await init;
    const entries = parse(source)[1].map(({ n }) => ({ exportName: { name: n } }));
    return { errors: [], module: { staticExports: [{ entries }] } };
  },
};

export async function run(_command, args) {
  const options = read(args);
  if (options === undefined) {
    const usage = 'componentize SOURCE --wit FILE --world NAME -o OUT [--with FEATURE...]';
    process.stderr.write(`usage: ${usage}\nfeatures: ${FEATURES.join(', ')}\n`);
    return 2;
  }
  await $init;
  prepare();
  try {
    const { componentize } = await import(new URL('componentize-js/src/componentize.js', MODULES));
    const { component } = await componentize(readFileSync(options.source, 'utf8'), {
      witPath: options.wit,
      worldName: options.world,
      wizerBin: 'pre-initialise',
      disableFeatures: FEATURES.filter((feature) => !options.features.includes(feature)),
    });
    writeFileSync(options.out, component);
    return 0;
  } catch (error) {
    process.stderr.write(`${error.payload ?? error.message}\n`);
    return 1;
  }
}

function read([source, ...rest]) {
  const given = {};
  for (let at = 0; at < rest.length; at += 2) {
    const [option, value] = [rest[at], rest[at + 1]];
    if (option === '--with') return complete(source, given, rest.slice(at + 1));
    if (!['--wit', '--world', '-o'].includes(option) || option in given) return undefined;
    given[option] = value;
  }
  return complete(source, given, []);
}

function complete(source, { '--wit': wit, '--world': world, '-o': out }, features) {
  const known = features.every((feature) => FEATURES.includes(feature));
  if ([source, wit, world, out].includes(undefined) || !known) return undefined;
  return { source, wit, world, out, features };
}

/** What componentize-js gets of its surroundings; the same in every process. */
function prepare() {
  register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
  Math.random = () => 0.5;
  Date.now = () => EPOCH * 1000;
  child.spawnSync = initialised;
  syncBuiltinESMExports();
}

/** In place of Wizer, called as it is: options, and the module last. */
function initialised(_program, args, { env, input }) {
  const valuesOf = (option) =>
    args.filter((arg) => arg.startsWith(option)).map((arg) => arg.slice(option.length));
  const mapped = valuesOf('--mapdir=').map((pair) => pair.split('::'));
  const preopens = Object.fromEntries([...valuesOf('--dir=').map((dir) => [dir, dir]), ...mapped]);
  const stdin = join(mkdtempSync(join(tmpdir(), 'stdin-')), 'stdin');
  writeFileSync(stdin, input);
  const [out] = valuesOf('-o=');
  try {
    const initialise = args[args.indexOf('--init-func') + 1];
    const bytes = readFileSync(args.at(-1));
    writeFileSync(out, preInitialise(bytes, { initialise, env, preopens, stdin, epoch: EPOCH }));
    return { status: 0, signal: null, stderr: '' };
  } catch (error) {
    // What ends the engine itself has no message: it has printed its own.
    const reason = error.message ?? 'the engine did not start';
    return { status: 1, signal: null, stderr: `${reason}\n` };
  }
}
