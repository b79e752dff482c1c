import { readFileSync } from 'node:fs';
import { readBinary } from '@touchstone/wasm';

// Started in a process of its own: the first walk that it makes, before anything was compiled.
const bytes = new Uint8Array(readFileSync(process.argv[2] ?? ''));
const began = performance.now();
readBinary(bytes);
process.stdout.write(String(performance.now() - began));
