import { createHash } from 'node:crypto';
import { digestNodes, readBinary, stripBinary, walkNodes } from '@touchstone/wasm';
import { percentile, printLine, round, type Bench } from './bench.js';

const RUNS = 25;
const TARGET_SIZE = 12 * 1024 * 1024;
const IMPORTS = 24;
const FUNCTIONS_PER_IMPORT = 24;
const WALK_LIMIT_MS = 10;
const STRIP_LIMIT_MS = 100;
const HASH_SHARE = 0.8;

/** What reading a large component costs; its size and its definitions are those of a real one. */
export const wasm: Bench = {
  name: 'wasm',
  about: 'walk, strip and digest a component of 12 MB with 24 imported interfaces',
  run() {
    const bytes = makeComponent();
    const began = performance.now();
    const root = readBinary(bytes);
    const firstWalk = performance.now() - began;
    const nodes = [...walkNodes(root)];
    const hashed = nodes.reduce((total, { size }) => total + size, 0);
    const walk = measure(() => readBinary(bytes));
    const strip = measure(() => stripBinary(bytes));
    const digest = measure(() => digestNodes(bytes, readBinary(bytes), sha256));
    const raw = measure(() => sha256(bytes)) * (hashed / bytes.length);
    printLine({
      bench: 'wasm',
      bytes: bytes.length,
      nodes: nodes.length,
      // Before the engine has compiled anything, as on the command line.
      firstWalkMs: round(firstWalk),
      walkMs: round(walk),
      walkWithinLimit: walk <= WALK_LIMIT_MS,
      stripMs: round(strip),
      stripWithinLimit: strip <= STRIP_LIMIT_MS,
      digestMs: round(digest),
      rawSha256Ms: round(raw),
      digestWithinLimit: raw / digest >= HASH_SHARE,
    });
    return Promise.resolve();
  },
};

/** Median of the runs, in milliseconds. */
function measure(run: () => unknown): number {
  const samples = new Float64Array(RUNS);
  for (let i = 0; i < RUNS; i += 1) {
    const began = performance.now();
    run();
    samples[i] = performance.now() - began;
  }
  return percentile(samples, 0.5);
}

function sha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}

/** A component that imports interfaces, lowers their functions and holds one large module. */
function makeComponent(): Uint8Array {
  const name = (text: string): Buffer => Buffer.concat([leb(text.length), Buffer.from(text)]);
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
  return Buffer.concat([Buffer.from('\0asm\x0d\0\x01\0', 'latin1'), ...sections]);
}

function section(id: number, ...parts: (Uint8Array | number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([id]), leb(body.length), body]);
}

function leb(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
