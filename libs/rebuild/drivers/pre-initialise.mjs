// Runs the initialiser of a core module and writes the module as it stands then: its memory and its
// globals become what they start with. After what Wizer does, but that nothing of the machine gets
// in: randomness, clocks and the times of files are the same each time.
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { WASI } from 'node:wasi';
import {
  afterConstant,
  assemble,
  constant,
  leb,
  readSections,
  SECTION,
  signed,
  text,
  unsigned,
} from './module-file.mjs';

const PREVIEW1 = 'wasi_snapshot_preview1';
const PAGE = 65_536;
/** What engines take at most is 100,000. */
const MAX_SEGMENTS = 10_000;
const EXPORT_GLOBAL = 3;
const OBSERVED = 'observed global ';

/**
 * @param {Uint8Array} bytes without a start function, passive data or imported memory; a table that
 *   the initialiser changed would be lost
 * @param options.initialise name of the exported initialiser; `_initialize` runs before it
 * @param options.stdin file that standard input is read from
 * @param options.epoch seconds since 1970 that every clock shows
 */
export function preInitialise(bytes, { initialise, env, preopens, stdin, epoch = 0 }) {
  const sections = readSections(bytes);
  if (sections.some(({ id, content }) => id === SECTION.start || hasPassiveData(id, content))) {
    throw new Error('a module with a start function or passive data cannot be pre-initialised');
  }
  const globals = readGlobals(sections);
  const module = new WebAssembly.Module(assemble(sections, { export: exporting(globals) }));
  const input = openSync(stdin);
  let exports;
  try {
    exports = run(module, { initialise, env, preopens, input, epoch });
  } finally {
    closeSync(input);
  }
  const memory = new Uint8Array(exports.memory.buffer);
  const segments = segmentsOf(memory);
  return assemble(sections, {
    memory: (content) => memorySection(content, memory.length / PAGE),
    global: () => globalSection(globals, exports),
    export: (content) => withoutExports(content, ['_initialize', initialise]),
    dataCount: () => leb(segments.length),
    data: () => Buffer.concat([leb(segments.length), ...segments]),
  });
}

function run(module, { initialise, env, preopens, input, epoch }) {
  const wasi = new WASI({ version: 'preview1', env, preopens, stdin: input, stdout: 2 });
  const running = { memory: undefined };
  const given = { [PREVIEW1]: { ...wasi.wasiImport, ...pinned(wasi, running, epoch) } };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    given[from] ??= {};
    given[from][name] ??= () => {
      throw new Error(`${from} ${name} is called before there is one`);
    };
  }
  const { exports } = new WebAssembly.Instance(module, given);
  running.memory = exports.memory;
  wasi.initialize({ exports });
  exports[initialise]();
  return exports;
}

/** The calls of wasip1 by which a machine could be told from another. */
function pinned(wasi, running, epoch) {
  let drawn = 0;
  const view = () => new DataView(running.memory.buffer);
  return {
    random_get(at, length) {
      const target = new Uint8Array(running.memory.buffer, at, length);
      for (let done = 0; done < length; done += 32) {
        const drawing = createHash('sha256').update(`pre-initialise ${drawn++}`).digest();
        target.set(drawing.subarray(0, length - done), done);
      }
      return 0;
    },
    clock_time_get(_clock, _precision, at) {
      view().setBigUint64(at, BigInt(epoch) * 1_000_000_000n, true);
      return 0;
    },
    path_filestat_get(fd, flags, path, length, at) {
      const errno = wasi.wasiImport.path_filestat_get(fd, flags, path, length, at);
      if (errno === 0) anonymous(view(), at);
      return errno;
    },
    fd_filestat_get(fd, at) {
      const errno = wasi.wasiImport.fd_filestat_get(fd, at);
      if (errno === 0) anonymous(view(), at);
      return errno;
    },
  };
}

/** Device, inode and the three times of a `filestat` (preview1, witx `filestat`). */
function anonymous(view, at) {
  for (const field of [0, 8, 40, 48, 56]) view.setBigUint64(at + field, 0n, true);
}

/** Each global with its type, and how it starts. */
function readGlobals(sections) {
  const content = sections.find(({ id }) => id === SECTION.global)?.content ?? Buffer.from([0]);
  const [count, first] = unsigned(content, 0);
  let at = first;
  return Array.from({ length: count }, () => {
    const [type, mutable] = [content[at], content[at + 1] === 1];
    const start = at;
    at = afterConstant(content, at + 2);
    return { type, mutable, bytes: content.subarray(start, at) };
  });
}

function exporting(globals) {
  return (content) => {
    const [count, at] = unsigned(content, 0);
    const added = globals.flatMap(({ mutable }, index) =>
      mutable ? [text(OBSERVED + index), Buffer.from([EXPORT_GLOBAL]), leb(index)] : [],
    );
    return Buffer.concat([leb(count + added.length / 3), content.subarray(at), ...added]);
  };
}

function withoutExports(content, names) {
  let [count, at] = unsigned(content, 0);
  const kept = [];
  for (; count > 0; count -= 1) {
    const start = at;
    const [length, from] = unsigned(content, at);
    const name = Buffer.from(content.subarray(from, from + length)).toString('utf8');
    [, at] = unsigned(content, from + length + 1);
    if (!names.includes(name)) kept.push(content.subarray(start, at));
  }
  return Buffer.concat([leb(kept.length), ...kept]);
}

function memorySection(content, pages) {
  const [count, at] = unsigned(content, 0);
  const [, rest] = unsigned(content, at + 1);
  if (count !== 1) throw new Error('a module of one memory is what can be pre-initialised');
  return Buffer.concat([Buffer.from([1, content[at]]), leb(pages), content.subarray(rest)]);
}

function globalSection(globals, exports) {
  const written = globals.map(({ type, mutable, bytes }, index) =>
    mutable
      ? Buffer.concat([Buffer.from([type, 1]), constant(type, exports[OBSERVED + index].value)])
      : bytes,
  );
  return Buffer.concat([leb(globals.length), ...written]);
}

/** What of the memory is not zero; short gaps are written along, longer ones when there are many. */
function segmentsOf(memory) {
  let runs = nonZeroRuns(memory, 16);
  for (let gap = 32; runs.length > MAX_SEGMENTS; gap *= 2) runs = nonZeroRuns(memory, gap);
  return runs.map(([start, end]) =>
    Buffer.concat([
      Buffer.from([0, 0x41, ...signed(BigInt(start | 0)), 0x0b]),
      leb(end - start),
      memory.subarray(start, end),
    ]),
  );
}

/** Passive segments are copied by instructions, later; those that lie in memory are in its picture. */
function hasPassiveData(id, content) {
  if (id !== SECTION.data) return false;
  let [count, at] = unsigned(content, 0);
  for (; count > 0; count -= 1) {
    if (content[at] !== 0) return true;
    const [size, start] = unsigned(content, afterConstant(content, at + 1));
    at = start + size;
  }
  return false;
}

function nonZeroRuns(memory, gap) {
  const runs = [];
  for (let at = 0; at < memory.length; at += 1) {
    if (memory[at] === 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && at - last[1] <= gap) last[1] = at + 1;
    else runs.push([at, at + 1]);
  }
  return runs;
}
