import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { planExport, writeExport, type ExportRequest } from './export-bundle.js';
import { acknowledged, ONCE, SiteStand } from './site-stand.fixture.js';

let stand: SiteStand;
let whole: string;

beforeAll(async () => {
  stand = await SiteStand.start();
  whole = await stand.exportTo('whole.tar');
}, 60_000);
afterAll(() => stand.close());
beforeEach(async () => {
  await stand.newSite();
  expect(await stand.importing(whole)).toBe('done');
});

/** Other contents under the same tree. */
async function bring(
  name: string,
  selection: ExportRequest['selection'],
  artifacts: readonly string[] = [],
): Promise<string> {
  const file = join(stand.home, name);
  const { log, trustRoot } = stand;
  const planned = await planExport({
    ...{ logUrl: log.url, trustRoot, site: stand.record(), proof: 'prefix' },
    ...{ selection, artifacts },
  });
  await writeExport(planned, file, { exporter: stand.exporter });
  return file;
}

describe('a bundle that brings nothing new', () => {
  it('is said to be imported already, and the device does not count', async () => {
    const before = await stand.withSite(acknowledged);
    const without = await bring('without.tar', { ranges: [] });
    for (const file of [whole, without]) expect(await stand.importing(file)).toBe('nothing-new');
    expect(await stand.standing()).toEqual(ONCE);
    expect(await stand.withSite(acknowledged)).toEqual(before);
  });

  it('may be any of those before', async () => {
    const first = await bring('first.tar', { ranges: [{ begin: 0, end: 1 }] });
    expect(await stand.importing(first)).toBe('done');
    for (const file of [first, whole]) expect(await stand.importing(file)).toBe('nothing-new');
    expect(await stand.standing()).toMatchObject({ counter: 2, spent: 2 });
  });
});

describe('a bundle of the same tree is an import', () => {
  it('when an artifact travels along', async () => {
    const artifact = join(stand.home, 'along.wasm');
    await writeFile(artifact, 'travels along');
    const along = await bring('along.tar', { ranges: [] }, [artifact]);
    expect(await stand.importing(along)).toBe('done');
    expect(await stand.importing(along)).toBe('nothing-new');
    expect(await stand.standing()).toMatchObject({ counter: 2, spent: 2 });
  });

  it('when it comes to another verdict, by what the site decided since', async () => {
    const { settings } = stand;
    const witnessPolicy = 'quorum none\n';
    const decided = { ...settings, accept: ['NO-TIME' as const], witnessPolicy };
    await stand.withSite((site) => site.decide(decided));
    expect(await stand.importing(whole)).toBe('done');
    expect(await stand.withSite(acknowledged)).toMatchObject({ counter: 2, verdict: 'NO-TIME' });
    expect(await stand.importing(whole)).toBe('nothing-new');
  });
});
