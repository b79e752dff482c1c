import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEADER_SIZE } from './attestation-pack.js';
import { AttestationStore, sha256Hex } from './attestation-store.js';

let dir: string;
let store: AttestationStore;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-attestations-'));
  store = await AttestationStore.open(dir);
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

const packs = (): string => join(dir, 'attestations/packs');
const pack = (number: number): string => join(packs(), `0000000${number}.pack`);
const bytesOf = (name: string): Uint8Array => new Uint8Array(Buffer.from(`attestation ${name}`));
const digestOf = (name: string): string => sha256Hex(bytesOf(name));

async function put(...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => store.put(bytesOf(name))));
}

/** As after a crash: nothing of the process is left but its files. */
async function reopen(meanwhile: () => Promise<unknown>): Promise<void> {
  await store.close();
  await meanwhile();
  store = await AttestationStore.open(dir);
}

describe('attestations', () => {
  it('are kept under their digest, each once, all that come together in one write', async () => {
    const names = Array.from({ length: 300 }, (_, i) => String(i % 200));
    await put(...names);
    for (const name of names) {
      expect(await store.check(digestOf(name))).toBe('intact');
      expect(Buffer.from((await store.get(digestOf(name)))!)).toEqual(Buffer.from(bytesOf(name)));
      expect(store.has(digestOf(name))).toBe(true);
    }
    const one = (await readFile(pack(1))).length;
    await put(...names);
    expect((await readFile(pack(1))).length).toBe(one);
    const each = names.slice(0, 200).reduce((sum, n) => sum + HEADER_SIZE + bytesOf(n).length, 0);
    expect(one).toBe(each);
  });

  it('are none for other digests, nor for what is no digest', async () => {
    expect(await store.check(digestOf('other'))).toBe('missing');
    expect(store.has(digestOf('other'))).toBe(false);
    expect(await store.get('../../state')).toBeUndefined();
  });

  it('may be empty', async () => {
    await store.put(new Uint8Array());
    await reopen(() => rm(join(dir, 'attestations/index'), { recursive: true }));
    expect(await store.check(sha256Hex(new Uint8Array()))).toBe('intact');
  });
});

const header = Buffer.alloc(HEADER_SIZE);
const whole = Buffer.concat([header, Buffer.from('what nobody was told of')]);
header.writeUInt32BE(whole.length - HEADER_SIZE);

/** What a crash can leave behind the last attestation that somebody was told of. */
const TAILS: readonly [string, Buffer][] = [
  ['part of a header', header.subarray(0, 7)],
  ['a header alone', whole.subarray(0, HEADER_SIZE)],
  ['part of an attestation', whole.subarray(0, HEADER_SIZE + 5)],
  ['an attestation whose bytes did not come', whole],
  ['zeros', Buffer.alloc(5000)],
  ['a length beyond all bounds', Buffer.alloc(50, 0xff)],
];

describe('a crash during a write', () => {
  it.each(TAILS)('%s: not persisted, and nothing else is lost', async (_name, tail) => {
    await put('a', 'b');
    await reopen(() => appendFile(pack(1), tail));
    await put('c');
    await reopen(() => Promise.resolve());
    for (const name of ['a', 'b', 'c']) expect(await store.check(digestOf(name))).toBe('intact');
    // Whatever it was, it is still there to be looked at.
    expect((await readFile(pack(1))).subarray(-tail.length)).toEqual(tail);
    expect(await readdir(packs())).toHaveLength(2);
  });

  it('after the pack and before the index: persisted anyway', async () => {
    await put('a');
    const index = join(dir, 'attestations/index');
    const before = await mkdtemp(join(tmpdir(), 'touchstone-attestations-'));
    const copied = await AttestationStore.open(before);
    await copied.put(bytesOf('a'));
    await copied.close();
    await put('b', 'c');
    // The index that knows of the first alone, beside a pack that has all three.
    await reopen(async () => {
      await rm(index, { recursive: true });
      for (const name of await readdir(join(before, 'attestations/index'))) {
        await mkdir(index, { recursive: true });
        await writeFile(
          join(index, name),
          await readFile(join(before, 'attestations/index', name)),
        );
      }
    });
    for (const name of ['a', 'b', 'c']) expect(await store.check(digestOf(name))).toBe('intact');
    await rm(before, { recursive: true });
  });
});

describe('damage', () => {
  it('of the index is mended from the packs', async () => {
    await put('a', 'b');
    await reopen(() => rm(join(dir, 'attestations/index'), { recursive: true }));
    expect(await store.check(digestOf('b'))).toBe('intact');
    await reopen(() => writeFile(join(dir, 'attestations/index/CURRENT'), 'nonsense\n'));
    expect(await store.check(digestOf('a'))).toBe('intact');
  });

  it('of a pack is told, and mended by the attestation in a file or once more', async () => {
    await put('a', 'b');
    const bytes = await readFile(pack(1));
    bytes[HEADER_SIZE] = (bytes[HEADER_SIZE] as number) ^ 1;
    await writeFile(pack(1), bytes);
    expect(await store.check(digestOf('a'))).toBe('damaged');
    await reopen(() => rm(join(dir, 'attestations/index'), { recursive: true }));
    expect(await store.check(digestOf('a'))).toBe('damaged');
    expect(await store.check(digestOf('b'))).toBe('intact');
    const file = join(dir, 'attestations/sha256', digestOf('a').slice(0, 2), digestOf('a'));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytesOf('a'));
    expect(await store.check(digestOf('a'))).toBe('intact');
    await rm(file);
    await put('a');
    expect(await store.check(digestOf('a'))).toBe('intact');
    await truncate(pack(2), 0);
    expect(await store.check(digestOf('a'))).toBe('missing');
  });

  it('of the folder refuses what cannot be kept, and takes it afterwards', async () => {
    await put('a');
    await reopen(() => Promise.resolve());
    // The next pack cannot be made: its name is taken.
    await mkdir(pack(2));
    await expect(store.put(bytesOf('b'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await store.check(digestOf('b'))).toBe('missing');
    await store.put(bytesOf('b'));
    expect(await store.check(digestOf('b'))).toBe('intact');
    await rm(pack(2), { recursive: true });
  });
});
