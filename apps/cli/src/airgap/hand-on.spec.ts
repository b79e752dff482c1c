import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../command.fixture.js';
import { registerAirgap } from '../commands/airgap.js';
import { splitFile } from './media.js';

let dir: string;
let parts: string[];
const at = (name: string): string => join(dir, name);
const copied = (index: number): string => join(at('stick'), basename(parts[index] as string));

async function airgap(...args: string[]): Promise<{ code: number; error: string; out: string }> {
  return runCommand([registerAirgap], ['airgap', ...args]);
}

const handOn = (numbers: string, ...more: string[]): ReturnType<typeof airgap> =>
  airgap('hand-on', at('parts'), '--parts', numbers, '--out', at('some.proof'), ...more);

const check = (...more: string[]): ReturnType<typeof airgap> =>
  airgap('check-parts', at('stick'), '--proof', at('some.proof'), ...more);

/** A file in seven parts, of which 1, 3, 4 and 5 lie on a stick. */
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hand-on-'));
  const bytes = new Uint8Array(7 * 1024 - 5).map((_, place) => (place * 7) % 251);
  await writeFile(at('hut.tar'), bytes);
  parts = await splitFile(at('hut.tar'), at('parts'), 2048);
  expect(parts).toHaveLength(7);
  await mkdir(at('stick'));
  for (const index of [0, 2, 3, 4]) await copyFile(parts[index] as string, copied(index));
});
afterEach(() => rm(dir, { recursive: true }));

describe('parts that are handed on', () => {
  it('are named by their proof, and checked without the others', async () => {
    const made = await handOn('1,3-5', '--json');
    expect([made.code, JSON.parse(made.out)]).toMatchObject([
      0,
      { count: 7, parts: [0, 2, 3, 4].map((index) => ({ index, path: parts[index] })) },
    ]);
    const first = await readFile(at('some.proof'));
    await rm(at('some.proof'));
    expect((await handOn('5,4,3,1')).out).toContain('names 4 of 7 parts');
    expect(await readFile(at('some.proof'))).toEqual(first);
    await rm(at('parts'), { recursive: true });
    const found = await check('--json');
    expect([found.code, JSON.parse(found.out)]).toEqual([
      0,
      {
        ...{ file: (JSON.parse(made.out) as { file: string }).file, count: 7 },
        whole: [0, 2, 3, 4].map((index) => ({ index, path: copied(index) })),
        ...{ missing: [], beyond: [], damaged: [] },
      },
    ]);
    expect((await check()).out).toContain(`part 5 of 7 is whole: ${copied(4)}`);
  });

  it('are missed when they are not there, damaged, or of another file', async () => {
    await handOn('1,3-5');
    const changed = await readFile(copied(0));
    await writeFile(copied(0), changed.with(changed.length - 1, 0xff));
    await rm(copied(2));
    await writeFile(at('other.tar'), (await readFile(at('hut.tar'))).subarray(1));
    const others = await splitFile(at('other.tar'), at('others'), 2048);
    await copyFile(others[3] as string, copied(3));
    await copyFile(parts[5] as string, copied(5));
    const found = await check('--json');
    expect([found.code, JSON.parse(found.out)]).toMatchObject([
      1,
      {
        whole: [{ index: 4 }],
        missing: [0, 2, 3],
        beyond: [{ index: 5 }],
        damaged: [{ path: copied(0) }, { path: copied(3), reason: 'it is a part of another file' }],
      },
    ]);
    const said = await check();
    expect(said.code).toBe(1);
    expect(said.out).toContain('part 3 of 7 is missing');
    expect(said.out).toContain('it is a part of another file');
    await rm(at('stick'), { recursive: true });
    await mkdir(at('stick'));
    expect((await check()).code).toBe(1);
  });

  it('are not held against a proof that is changed, or is none', async () => {
    await handOn('1,3-5');
    const proof = await readFile(at('some.proof'));
    await writeFile(at('some.proof'), proof.with(-1, (proof.at(-1) as number) ^ 0x80));
    expect(await check()).toMatchObject({ code: 1, error: 'part-digest' });
    await writeFile(at('some.proof'), 'a letter');
    expect(await check()).toMatchObject({ code: 1, error: 'part-malformed' });
    await rm(at('some.proof'));
    expect(await check()).toMatchObject({ code: 3, error: 'file-unreadable' });
  });

  it.each(['', '0', '3-1', '1,', 'a', '1-', '100000'])(
    'are not numbered %j: a wrong command line',
    async (numbers) => {
      expect((await handOn(numbers)).code).toBe(2);
      expect(await readdir(dir)).not.toContain('some.proof');
    },
  );

  it('are taken from a whole file only', async () => {
    expect(await handOn('8')).toMatchObject({ code: 2, error: 'part-unknown' });
    const lost = await readFile(parts[1] as string);
    await rm(parts[1] as string);
    expect(await handOn('1')).toMatchObject({ code: 1, error: 'part-missing' });
    await writeFile(parts[1] as string, lost.subarray(0, -1));
    const damaged = await handOn('1');
    expect(damaged).toMatchObject({ code: 1, error: 'part-missing' });
    await rm(at('parts'), { recursive: true });
    expect(await handOn('1')).toMatchObject({ code: 3, error: 'file-unreadable' });
    expect(await readdir(dir)).not.toContain('some.proof');
  });
});
