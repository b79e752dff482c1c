import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { encodeResponse, OPCODE } from '@touchstone/atecc608';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ChipLine, SILENCE, type Between } from './chip-line.fixture.js';
import { importBundle } from './import-bundle.js';
import { acknowledged, codeOf, NOTHING, ONCE, SiteStand } from './site-stand.fixture.js';
import { makeSite } from './site.js';

/*
 * What a chip, or somebody on the line to it, may do during an import, and how each ends: refused with a
 * code, nothing installed, no step of the counter spent; or done, with one step.
 */

let stand: SiteStand;
let whole: string;

beforeAll(async () => {
  stand = await SiteStand.start();
  whole = await stand.exportTo('whole.tar');
}, 60_000);
afterAll(() => stand.close());
beforeEach(() => stand.newSite());

describe('a chip that does not behave', () => {
  const status = (code: number): Buffer => Buffer.from(encodeResponse(Uint8Array.of(code)));
  const BUSY = status(0xee);
  let line: ChipLine | undefined;
  afterEach(async () => {
    await line?.close();
    line = undefined;
  });

  /** An import with somebody between host and chip, from the moment that it begins. */
  async function importOver(between: Between): Promise<string> {
    await line?.close();
    const opened = await ChipLine.open(join(stand.home, 'line.sock'), stand.chipAddress);
    line = opened;
    const device = { ...stand.settings.device, address: opened.address };
    await writeFile(join(stand.folder, 'site.json'), JSON.stringify({ ...stand.settings, device }));
    const code = await codeOf(
      stand.withSite((site) => {
        opened.between = between;
        return importBundle(site, whole);
      }),
    );
    await writeFile(join(stand.folder, 'site.json'), JSON.stringify(stand.settings));
    return code;
  }

  it.each<[string, string, Between]>([
    ['is gone', 'device', { answer: () => undefined }],
    ['is mute', 'device', { answer: () => SILENCE }],
    ['is busy for good', 'device', { instead: () => BUSY }],
    [
      'answers with a bad CRC',
      'device',
      { answer: (answer) => Buffer.from(answer.with(answer.length - 1, 0)) },
    ],
    ['answers with a length of its own', 'device', { answer: () => Buffer.of(0xff, 0, 0, 0) }],
    ['answers something shorter', 'device', { answer: () => Buffer.of(4, 0, 3, 0x40) }],
    ['refuses everything', 'device', { answer: () => status(0x0f) }],
    ['says that it is not well', 'device', { answer: () => status(0x07) }],
  ])('%s: %s', async (_, code, between) => {
    expect(await importOver(between)).toBe(code);
    expect(await stand.standing()).toEqual(NOTHING);
    expect(await codeOf(stand.withSite((site) => importBundle(site, whole)))).toBe('done');
  });

  it('is busy at first, with whatever it is asked: it is asked again, and counts once', async () => {
    const asked = new Set<string>();
    const instead = (frame: Uint8Array): Buffer | undefined => {
      const command = Buffer.from(frame).toString('hex');
      if (asked.has(command)) return undefined;
      asked.add(command);
      return BUSY;
    };
    expect(await importOver({ instead })).toBe('done');
    expect(asked.size).toBeGreaterThan(5);
    expect(await stand.standing()).toEqual(ONCE);
  });

  it('answers late: it is waited for', async () => {
    let late = 0;
    const answer = async (given: Buffer): Promise<Buffer> => {
      await setTimeout(++late === 1 ? 1000 : 20);
      return given;
    };
    expect(await importOver({ answer })).toBe('done');
    expect(await stand.standing()).toEqual(ONCE);
  });

  // By then the state is written: what the chip answers decides nothing any more.
  it.each<[string, (counting: () => boolean) => Between]>([
    [
      'counts and says nothing',
      (counting) => ({ answer: (answer) => (counting() ? SILENCE : answer) }),
    ],
    [
      'is mute when it should count',
      (counting) => ({ instead: () => (counting() ? SILENCE : undefined) }),
    ],
  ])('%s: the next start finishes the import, with one step', async (_, between) => {
    let counting = false;
    const { answer, instead } = between(() => counting);
    const code = await importOver({
      instead: (frame) => {
        counting = frame[1] === OPCODE.counter && frame[2] === 1;
        return instead?.(frame);
      },
      ...(answer && { answer }),
    });
    expect(code).toBe('device');
    expect(await stand.standing()).toEqual(ONCE);
    expect(await stand.withSite(acknowledged)).toMatchObject({ counter: 1 });
  });

  it('is one that calls every signature bad: the bundle is refused', async () => {
    const [ok, miscompare] = [status(0), status(1)];
    let answers = 0;
    // The second answer after the digest was loaded is the one to Verify.
    const code = await importOver({
      answer: (answer) => (answer.equals(ok) && ++answers === 2 ? miscompare : answer),
    });
    expect(code).toBe('exporter-signature');
    expect(await stand.standing()).toEqual(NOTHING);
  });

  it('has a slot that may not sign', async () => {
    const { trustRoot, settings } = stand;
    const device = { kind: 'chip', address: stand.chipAddress, slot: 5 } as const;
    const made = makeSite({
      ...{ folder: join(stand.home, 'closed'), site: 'hut', trustRoot },
      settings: { ...settings, device },
    });
    expect(await codeOf(made)).toBe('device');
  });
});
