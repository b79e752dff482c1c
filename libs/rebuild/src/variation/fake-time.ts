import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dimension } from './circumstances.js';

export interface TimeInputs {
  /** Of the toolchain. */
  readonly root: string;
  /** First words of the commands that the steps run, absolute within the root. */
  readonly programs: readonly string[];
  /** `libfaketime.so.1` of this machine; looked for where Debian puts it unless told. */
  readonly library?: string;
}

/** Some four hundred days on: another day, month and year. */
const OFFSET = '+35000000s';
const TARGET = '/tmp/libfaketime.so.1';
const NAME = 'time';

/**
 * The clock, moved by libfaketime, which is preloaded: so it works for programs that are linked
 * dynamically, and only with a library that this machine has.
 */
export async function fakeTime({ root, programs, library }: TimeInputs): Promise<Dimension> {
  const file = library ?? (await findLibrary());
  if (file === undefined)
    return {
      name: NAME,
      detail: 'not applied: libfaketime is not installed here (apt install libfaketime)',
    };
  for (const program of new Set(programs))
    if (!(await isDynamic(join(root, program))))
      return { name: NAME, detail: `not applied: ${program} is not dynamically linked` };
  return {
    name: NAME,
    detail: `the clock at ${OFFSET}, by libfaketime`,
    circumstances: {
      mounts: [{ source: file, target: TARGET }],
      variables: {
        LD_PRELOAD: TARGET,
        FAKETIME: OFFSET,
        // Timers go on as they are: only what a build could write down is moved.
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DONT_FAKE_MONOTONIC: '1',
      },
    },
  };
}

async function findLibrary(): Promise<string | undefined> {
  const folders = await readdir('/usr/lib').catch(() => []);
  for (const folder of folders.filter((name) => name.endsWith('-linux-gnu'))) {
    const file = join('/usr/lib', folder, 'faketime/libfaketime.so.1');
    if (
      await stat(file).then(
        (found) => found.isFile(),
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

const ELF = 0x7f454c46;
const PROGRAM_INTERPRETER = 3;

/** Whether an ELF program names an interpreter, the loader that obeys LD_PRELOAD. */
async function isDynamic(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const head = Buffer.alloc(4096);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (bytesRead < 64 || head.readUInt32BE(0) !== ELF || head[4] !== 2) return false;
    const start = Number(head.readBigUInt64LE(32));
    const [size, count] = [head.readUInt16LE(54), head.readUInt16LE(56)];
    for (let index = 0; index < count; index += 1) {
      const at = start + index * size;
      if (at + 4 > bytesRead) return false;
      if (head.readUInt32LE(at) === PROGRAM_INTERPRETER) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}
