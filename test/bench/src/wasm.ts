import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { digestNodes, readBinary, stripBinary, walkNodes, type Node } from '@touchstone/wasm';
import { measure, measureBoth, percentile, printLine, round, type Bench } from './bench.js';
import { component, leb, name, section } from './component-file.js';
import { realComponents } from './real-components.js';

const COLD_RUNS = 7;
const TARGET_SIZE = 12 * 1024 * 1024;
const IMPORTS = 24;
const FUNCTIONS_PER_IMPORT = 24;
const WALK_LIMIT_MS = 10;
const STRIP_LIMIT_MS = 100;
const HASH_SHARE = 0.8;

/** What reading a large component costs: one of componentize-js, and one with far more definitions. */
export const wasm: Bench = {
  name: 'wasm',
  about: 'walk, strip and digest a component of 12 MB, of componentize-js and with 24 interfaces',
  async run() {
    const real = (await realComponents(['shop'])).get('shop') ?? new Uint8Array();
    await benchComponent('componentize-js', real);
    await benchComponent('definitions', makeComponent());
  },
};

async function benchComponent(which: string, bytes: Uint8Array): Promise<void> {
  const cold = await coldWalks(bytes);
  const root = readBinary(bytes);
  const nodes = [...walkNodes(root)];
  const hashed = nodes.reduce((total, { size }) => total + size, 0);
  const walk = measure(() => readBinary(bytes));
  const strip = measure(() => stripBinary(bytes));
  const [digest, rawOnce] = measureBoth(
    () => digestNodes(bytes, readBinary(bytes), sha256),
    () => sha256(bytes),
  );
  const raw = rawOnce * (hashed / bytes.length);
  printLine({
    ...{ bench: 'wasm', case: which, bytes: bytes.length, nodes: nodes.length },
    definitions: nodes.reduce((sum, node) => sum + definitionsOf(node), 0),
    // In fresh processes, before the engine has compiled anything: what the command line sees.
    coldWalkBestMs: round(Math.min(...cold)),
    coldWalkMedianMs: round(percentile(Float64Array.from(cold), 0.5)),
    walkMs: round(walk),
    walkWithinLimit: walk <= WALK_LIMIT_MS,
    stripMs: round(strip),
    stripWithinLimit: strip <= STRIP_LIMIT_MS,
    digestMs: round(digest),
    rawSha256Ms: round(raw),
    digestWithinLimit: raw / digest >= HASH_SHARE,
  });
}

function definitionsOf(node: Node): number {
  return node.kind === 'component' ? node.definitions.length : 0;
}

async function coldWalks(bytes: Uint8Array): Promise<number[]> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-walk-'));
  try {
    const file = join(dir, 'component.wasm');
    await writeFile(file, bytes);
    const program = fileURLToPath(new URL('cold-walk.js', import.meta.url));
    const walks: number[] = [];
    for (let run = 0; run < COLD_RUNS; run += 1) {
      const { stdout } = await promisify(execFile)(process.execPath, [program, file]);
      walks.push(Number(stdout));
    }
    return walks;
  } finally {
    await rm(dir, { recursive: true });
  }
}

function sha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}

/** A component that imports interfaces, lowers their functions and holds one large module. */
function makeComponent(): Uint8Array {
  const sections: Uint8Array[] = [];
  for (let instance = 0; instance < IMPORTS; instance += 1) {
    const declarations = Array.from({ length: FUNCTIONS_PER_IMPORT }, (_, index) => {
      const func = [0x01, 0x40, 0x01, ...name('argument'), 0x73, 0x00, 0x77];
      return Buffer.from([...func, 0x04, 0x00, ...name(`function-${index}`), 0x01, ...leb(index)]);
    });
    const body = Buffer.concat([leb(2 * FUNCTIONS_PER_IMPORT), ...declarations]);
    sections.push(section(7, [0x01, 0x42], body));
    const imported = name(`example:package/interface-${instance}@0.1.0`);
    sections.push(section(10, [0x01, 0x00], imported, [0x05], leb(instance)));
    for (let index = 0; index < FUNCTIONS_PER_IMPORT; index += 1) {
      const func = leb(instance * FUNCTIONS_PER_IMPORT + index);
      sections.push(section(6, [0x01, 0x01, 0x00], leb(instance), name(`function-${index}`)));
      sections.push(section(8, [0x01, 0x01, 0x00], func, [0x00]));
    }
  }
  const module = [Buffer.from('\0asm\x01\0\0\0', 'latin1'), section(0, name('payload'), [0])];
  const data = Buffer.alloc(TARGET_SIZE, 0x5a);
  module.push(section(11, [0x01, 0x01], leb(data.length), data));
  sections.push(section(1, ...module), section(0, name('producers'), [0]));
  return component(...sections);
}
