import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slipText } from '@touchstone/airgap';
import { readModules, readSymbolSvg, seeded } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { symbolLines, symbolModules, symbolSvg } from './qr-symbol.js';
import { readSlip, writeSlip } from './slip-file.js';

const random = seeded(40);
const bytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, () => Math.floor(random() * 256));
/** The longest text of a slip that there is room for: 11 characters of prefix, 3 for each 2 bytes. */
const MOST = 2856;

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'slip-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

describe('a QR code, read by another implementation', () => {
  it.each([1, 100, 250, 1000, 2300, MOST])('holds %d bytes', (length) => {
    const text = slipText(bytes(length));
    expect(readSymbolSvg(symbolSvg(text))).toBe(text);
  });

  it('is the same in a terminal, two modules in a character', () => {
    const text = slipText(bytes(200));
    const lines = symbolLines(text);
    const light = (character: string | undefined, lower: boolean): boolean =>
      character === '█' || character === (lower ? '▄' : '▀');
    const read = readModules(lines[0]?.length ?? 0, (x, y) => {
      const line = lines[Math.floor(y / 2)] ?? '';
      return !light(line[x], y % 2 === 1);
    });
    expect(read).toBe(text);
  });

  it('has room for one version 40 symbol and no more', () => {
    expect(symbolModules(slipText(bytes(MOST))).length).toBe(177 + 8);
    expect(() => symbolModules(slipText(bytes(MOST + 1)))).toThrow(
      expect.objectContaining({ code: 'slip-too-large' }),
    );
  });
});

describe('a slip in a file', () => {
  const title = { title: 'A <title>', fields: { log: 'a & b', size: 7 } };

  it.each(['.cbor', '.txt'])('comes back from %s', async (ending) => {
    const [file, given] = [join(home, `slip${ending}`), bytes(301)];
    await writeSlip(file, given, title);
    expect(await readSlip(file)).toEqual(given);
  });

  it.each(['.svg', '.html'])('is a symbol in %s', async (ending) => {
    const [file, given] = [join(home, `slip${ending}`), bytes(301)];
    await writeSlip(file, given, title);
    const content = await readFile(file, 'utf8');
    expect(readSymbolSvg(content)).toBe(slipText(given));
    if (ending === '.html') expect(content).toContain('A &lt;title&gt;');
  });

  it('has one of these endings', async () => {
    await expect(writeSlip(join(home, 'slip.png'), bytes(1), title)).rejects.toMatchObject({
      code: 'file-ending',
    });
  });
});
