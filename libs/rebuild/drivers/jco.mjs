// `component-new IN -o OUT --adapt command|reactor` over jco's wasm-tools: lifts a module of
// wasip1 into a component, with the adapter that comes with jco.
import { readFileSync, writeFileSync } from 'node:fs';
import { $init, tools } from '../node_modules/@bytecodealliance/jco/obj/wasm-tools.js';

const ADAPTERS = new URL('../node_modules/@bytecodealliance/jco/lib/', import.meta.url);
const WASI = 'wasi_snapshot_preview1';

export async function run(command, args) {
  const [input, flag, output, adapt, kind, ...rest] = args;
  const usable = flag === '-o' && adapt === '--adapt' && ['command', 'reactor'].includes(kind);
  if (command !== 'component-new' || !usable || rest.length > 0) {
    process.stderr.write('usage: component-new IN -o OUT --adapt command|reactor\n');
    return 2;
  }
  await $init;
  try {
    const adapter = readFileSync(new URL(`${WASI}.${kind}.wasm`, ADAPTERS));
    writeFileSync(output, tools.componentNew(readFileSync(input), [[WASI, adapter]]));
    return 0;
  } catch (error) {
    process.stderr.write(`${error.payload ?? error.message}\n`);
    return 1;
  }
}
