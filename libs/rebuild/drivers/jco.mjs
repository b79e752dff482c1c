// What makes components of core modules, over jco's wasm-tools:
//   component-embed IN --wit FILE --world NAME -o OUT
//     writes the world's types into the module, where component-new finds them
//   component-new IN -o OUT [--adapt command|reactor]
//     lifts a module into a component; one of wasip1 with the adapter that comes with jco
import { readFileSync, writeFileSync } from 'node:fs';
import { $init, tools } from '../node_modules/@bytecodealliance/jco/obj/wasm-tools.js';

const ADAPTERS = new URL('../node_modules/@bytecodealliance/jco/lib/', import.meta.url);
const WASI = 'wasi_snapshot_preview1';

const COMMANDS = {
  'component-embed': {
    usage: 'IN --wit FILE --world NAME -o OUT',
    options: ['--wit', '--world', '-o'],
    required: ['--wit', '--world', '-o'],
    make: (binary, { '--wit': wit, '--world': world }) =>
      tools.componentEmbed({ binary, witSource: readFileSync(wit, 'utf8'), world }),
  },
  'component-new': {
    usage: 'IN -o OUT [--adapt command|reactor]',
    options: ['-o', '--adapt'],
    required: ['-o'],
    make: (binary, { '--adapt': kind }) => tools.componentNew(binary, adapters(kind)),
  },
};

export async function run(name, args) {
  const command = COMMANDS[name];
  const { input, given } = parse(args, command?.options ?? []) ?? {};
  const adapt = given?.['--adapt'] ?? 'command';
  const complete = command?.required.every((option) => given?.[option] !== undefined);
  if (complete !== true || !['command', 'reactor'].includes(adapt)) {
    process.stderr.write(`usage: ${name} ${command?.usage ?? ''}\n`);
    return 2;
  }
  await $init;
  try {
    writeFileSync(given['-o'], command.make(readFileSync(input), given));
    return 0;
  } catch (error) {
    process.stderr.write(`${error.payload ?? error.message}\n`);
    return 1;
  }
}

/** One file, and then options that each have a value. */
function parse([input, ...rest], options) {
  const given = {};
  for (let at = 0; at < rest.length; at += 2) {
    const [option, value] = [rest[at], rest[at + 1]];
    if (!options.includes(option) || value === undefined || option in given) return undefined;
    given[option] = value;
  }
  return input === undefined ? undefined : { input, given };
}

function adapters(kind) {
  if (kind === undefined) return [];
  return [[WASI, readFileSync(new URL(`${WASI}.${kind}.wasm`, ADAPTERS))]];
}
