// `wat2wasm IN -o OUT` over wabt's parse and write, with the library's own defaults.
// Its module object has a `then` that yields itself, so it must never be awaited.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const wabt = createRequire(import.meta.url)('../node_modules/wabt/index.js')();

export async function run(command, args) {
  const [input, flag, output, ...rest] = args;
  if (command !== 'wat2wasm' || flag !== '-o' || output === undefined || rest.length > 0) {
    process.stderr.write('usage: wat2wasm IN -o OUT\n');
    return 2;
  }
  let module;
  try {
    // A small file comes in a buffer that shares its memory with others, all of which wabt would read.
    module = wabt.parseWat(input, new Uint8Array(readFileSync(input)));
    module.resolveNames();
    module.validate();
    writeFileSync(output, module.toBinary({}).buffer);
    return 0;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return 1;
  } finally {
    module?.destroy();
  }
}
