import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpileBytes, writeFiles } from '@bytecodealliance/jco-transpile';

/** What of the engine's API is used here; Node's types leave it out. */
declare const WebAssembly: { compile(bytes: Uint8Array): Promise<object> };

interface Transpiled<T> {
  readonly instantiate: (load: (path: string) => Promise<object>, imports: object) => Promise<T>;
}

/** Runs a component as jco has it run: as JavaScript, in `out`, around its core modules. */
export async function instantiated<T>(
  out: string,
  name: string,
  bytes: Uint8Array,
  imports: object,
): Promise<T> {
  const { files } = await transpileBytes(bytes, { name, outDir: out, instantiation: 'async' });
  await writeFiles(files);
  const main = Object.keys(files).find((path) => path.endsWith(`${name}.js`)) ?? '';
  await writeFile(join(dirname(main), 'package.json'), '{"type":"module"}');
  const { instantiate } = (await import(pathToFileURL(main).href)) as Transpiled<T>;
  const load = (path: string): Promise<object> => {
    const found = Object.entries(files).find(([file]) => file.endsWith(path));
    if (found === undefined) throw new Error(`there is no ${path}`);
    return WebAssembly.compile(new Uint8Array(found[1]));
  };
  return instantiate(load, imports);
}
