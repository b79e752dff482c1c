import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { BlobStore, NpmSource, readRegistryConfig } from '@touchstone/rebuild';
import { gunzipSync } from 'node:zlib';
import type { Bench } from './bench.js';

const MB = 1024 * 1024;
const CACHE = fileURLToPath(new URL('../../../.touchstone/cache', import.meta.url));

/** Two releases of a real program of 12 MB, compiled by Go: functions were changed and added. */
const RELEASES = [
  {
    ...{ name: 'esbuild-wasm', version: '0.25.11' },
    integrity:
      'sha512-60gllbYFIRGzB6KALBB5Va9Wy3VeCi2U0NgmM7r+TFnRgzeEyoCn2D7fhacW2zWbd7MUeTKLDE7RlfYGBQ00bw==',
  },
  {
    ...{ name: 'esbuild-wasm', version: '0.25.12' },
    integrity:
      'sha512-rZqkjL3Y6FwLpSHzLnaEy8Ps6veCNo1kZa9EOfJvmWtBq5dJH4iVjfmOO6Mlkv9B0tt9WFPFmb/VxlgJOnueNg==',
  },
];

/** What it costs to explain why two large modules differ. */
export const diff: Bench = {
  name: 'diff',
  about: 'explain the difference of two real modules of 12 MB',
  async run() {
    const [claimed, observed] = await Promise.all(RELEASES.map(moduleOf));
    if (claimed === undefined || observed === undefined) throw new Error('a release is lost');
    const folder = await mkdtemp(join(tmpdir(), 'bench-diff-'));
    try {
      const file = (name: string): string => join(folder, `${name}.wasm`);
      await writeFile(file('claimed'), claimed);
      for (const [name, other] of [
        ['one instruction changed', altered(claimed)],
        ['the next release', observed],
      ] as const) {
        await writeFile(file('observed'), other);
        const script = fileURLToPath(new URL('./diff-case.js', import.meta.url));
        const child = spawn(process.execPath, [script, name, file('claimed'), file('observed')], {
          stdio: 'inherit',
        });
        const [code] = (await once(child, 'exit')) as [number | null];
        if (code !== 0) throw new Error(`the case ended with ${String(code)}`);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function moduleOf(release: (typeof RELEASES)[number]): Promise<Uint8Array> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  const tar = gunzipSync(await source.tarball(release));
  // The one file of several megabytes in it.
  const at = tar.indexOf(Buffer.from('\0asm\x01\0\0\0', 'latin1'));
  const size = parseInt(tar.toString('latin1', at - 512 + 124, at - 512 + 135), 8);
  if (at === -1 || !(size > 10 * MB)) throw new Error(`no large module in ${release.name}`);
  return new Uint8Array(tar.subarray(at, at + size));
}

/** An `i64.add` (0x7c) behind the middle of the file becomes an `i64.sub`. */
function altered(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  // i64.const 16, i64.add, i32.wrap_i64: Go's way to reach a field.
  const at = Buffer.from(copy.buffer).indexOf(
    Buffer.from([0x42, 0x10, 0x7c, 0xa7]),
    bytes.length >> 1,
  );
  copy[at + 2] = 0x7d;
  return copy;
}
