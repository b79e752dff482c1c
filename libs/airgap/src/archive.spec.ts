import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ARCHIVE_END, archiveHeader, archivePadding, readArchive } from './archive.js';
import { AirgapError } from './errors.js';

const files = [
  ['README.txt', new Uint8Array(Buffer.from('read me\n'))],
  ['carry.cbor', new Uint8Array(1300).fill(7)],
  ['proofs/000000000012.tlog-proof', new Uint8Array(0)],
] as const;

function archiveOf(list: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const blocks = list.flatMap(([name, bytes]) => [
    archiveHeader(name, bytes.length),
    bytes,
    archivePadding(bytes.length),
  ]);
  return new Uint8Array(Buffer.concat([...blocks, ARCHIVE_END]));
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

async function read(bytes: Uint8Array, size = 100): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  for await (const { name, content } of readArchive(inPieces(bytes, size))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    found.push([name, new Uint8Array(Buffer.concat(chunks))]);
  }
  return found;
}

const codeOf = (bytes: Uint8Array): Promise<string> =>
  read(bytes, 4096).then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof AirgapError) return error.code;
      throw error;
    },
  );

describe('the archive', () => {
  it.each([1, 511, 512, 513, 100_000])('reads back in pieces of %i', async (size) => {
    expect(await read(archiveOf(files), size)).toEqual(files.map((file) => [...file]));
  });

  it('may be skimmed', async () => {
    const names: string[] = [];
    for await (const { name } of readArchive(inPieces(archiveOf(files), 64))) names.push(name);
    expect(names).toEqual(files.map(([name]) => name));
  });

  it("is what the system's tar unpacks", () => {
    const folder = mkdtempSync(join(tmpdir(), 'archive-'));
    try {
      writeFileSync(join(folder, 'a.tar'), archiveOf(files));
      const listing = execFileSync('tar', ['-tvf', 'a.tar'], { cwd: folder, encoding: 'utf8' });
      expect(listing.match(/-rw-r--r-- 0\/0 .* 1970-01-01/g)).toHaveLength(3);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses any other byte but those of contents', async () => {
    const bytes = archiveOf(files);
    const contents = new Set<number>();
    let at = 0;
    for (const [, content] of files) {
      at += 512;
      for (let i = 0; i < content.length; i++) contents.add(at + i);
      at += content.length + archivePadding(content.length).length;
    }
    for (let place = 0; place < bytes.length; place++) {
      const damaged = new Uint8Array(bytes);
      damaged[place] = damaged[place]! ^ 1;
      const code = await codeOf(damaged);
      if (contents.has(place)) expect(code).toBe('accepted');
      else expect(code, `byte ${place}`).toMatch(/^archive-malformed|bundle-truncated$/);
    }
  });

  it('refuses to end early or late, names out of order, and names that lead away', async () => {
    const bytes = archiveOf(files);
    for (let length = 0; length < bytes.length; length += 37) {
      expect(await codeOf(bytes.subarray(0, length))).toBe('bundle-truncated');
    }
    expect(await codeOf(new Uint8Array([...bytes, 0]))).toBe('archive-malformed');
    expect(await codeOf(archiveOf([files[1], files[0]]))).toBe('archive-malformed');
    expect(await codeOf(archiveOf([files[0], files[0]]))).toBe('archive-malformed');
    expect(() => archiveHeader('a\nb', 1)).toThrow(AirgapError);
    expect(() => archiveHeader('big', 2 ** 33)).toThrow(AirgapError);
  });
});
