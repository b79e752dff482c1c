import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RebuildError } from '../errors.js';
import { itemOfPurl, type InventoryItem } from '../sbom/inventory.js';
import { affects, type Affected, type Affects } from './advisory.js';
import { matchVulnerabilities, type VulnerabilityReport } from './match.js';
import { zipOf } from './testdata/zip.js';
import { compareVersions, parseVersion } from './version-order.js';

describe('the order of versions', () => {
  // Each comes before the next: the list of SemVer's section 11, and what Go makes of commits.
  const ordered = [
    '0.0.0-0',
    'v0.0.0-20190101000000-abcdefabcdef',
    'v0.0.0-20210630005230-0f9fa26af87c',
    '0.0.0',
    '0.9.9',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    'v1.0.0',
    'v1.2.3-0.20210101000000-abcdefabcdef',
    '1.2.3+build.7',
    'v2.0.0+incompatible',
    '2.0.10',
    '10.0.0',
    '99999999999999999999.0.0',
    '100000000000000000000.0.0',
  ];
  it('is that of SemVer and of Go', () => {
    const versions = ordered.map((text) => parseVersion(text)!);
    for (const [i, a] of versions.entries())
      for (const [j, b] of versions.entries())
        expect([ordered[i], ordered[j], Math.sign(compareVersions(a, b))]).toEqual([
          ordered[i],
          ordered[j],
          Math.sign(i - j),
        ]);
  });

  it.each(['', 'latest', '1.2.3.4', '1.0.0-', '1.0.0-a..b', '-1', `1.${'0'.repeat(600)}`])(
    'does not know %j',
    (text) => {
      expect(parseVersion(text)).toBeUndefined();
    },
  );

  it('is an order, and reads any text in time', () => {
    const version = fc.stringMatching(
      /^\d{1,3}\.\d{1,3}\.\d{1,3}(-[0-9a-z]{1,3}(\.[0-9a-z]{1,3})?)?$/,
    );
    const property = fc.property(version, version, version, (...texts) => {
      const [a, b, c] = texts.map((text) => parseVersion(text)!) as [never, never, never];
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
    });
    fc.assert(property, { seed: 5, numRuns: 300 });
    fc.assert(
      fc.property(fc.string({ maxLength: 600 }), (text) => void parseVersion(text)),
      { seed: 5 },
    );
  });
});

describe('a range', () => {
  const range = (...events: Record<string, string>[]): Affected => ({
    ranges: [{ type: 'SEMVER', events }],
  });
  const cases: [string, Affected, string, Affects][] = [
    ['from the beginning', range({ introduced: '0' }), '0.0.0-0', 'yes'],
    ['before it is introduced', range({ introduced: '1.0.0' }), '0.9.0', 'no'],
    ['a pre-release before it is introduced', range({ introduced: '1.0.0' }), '1.0.0-rc.1', 'no'],
    ['at the version that mends it', range({ introduced: '0' }, { fixed: '1.2.0' }), '1.2.0', 'no'],
    [
      'before the version that mends it',
      range({ introduced: '0' }, { fixed: '1.2.0' }),
      '1.2.0-rc.1',
      'yes',
    ],
    [
      'at the last affected',
      range({ introduced: '0' }, { last_affected: '1.2.0' }),
      '1.2.0',
      'yes',
    ],
    [
      'after the last affected',
      range({ introduced: '0' }, { last_affected: '1.2.0' }),
      '1.2.1',
      'no',
    ],
    [
      'in the second stretch',
      range(
        { fixed: '3.1.0' },
        { introduced: '3.0.0' },
        { fixed: '1.5.0' },
        { introduced: '1.0.0' },
      ),
      '3.0.5',
      'yes',
    ],
    [
      'between two stretches',
      range(
        { introduced: '1.0.0' },
        { fixed: '1.5.0' },
        { introduced: '3.0.0' },
        { fixed: '3.1.0' },
      ),
      '2.0.0',
      'no',
    ],
    ['past a limit', range({ introduced: '0' }, { limit: '2.0.0' }), '2.0.0', 'no'],
    ['before a limit', range({ introduced: '0' }, { limit: '2.0.0' }), '1.9.9', 'yes'],
    ['without a limit', range({ introduced: '0' }, { limit: '*' }), '9.0.0', 'yes'],
    ['by a list alone', { versions: ['1.0.0'] }, '1.0.0', 'yes'],
    ['by a list, with the v of Go', { versions: ['1.0.0'] }, 'v1.0.0', 'yes'],
    ['by a list that has not got it', { versions: ['1.0.0'] }, '1.0.1', 'no'],
    [
      'of commits alone',
      { ranges: [{ type: 'GIT', events: [{ introduced: '0' }] }] },
      '1.0.0',
      'no',
    ],
    [
      'with a Go commit before the mending',
      range({ introduced: '0' }, { fixed: '0.0.0-20220412211240-33da011f77ad' }),
      'v0.0.0-20210630005230-0f9fa26af87c',
      'yes',
    ],
    [
      'with a Go commit after the mending',
      range({ introduced: '0' }, { fixed: '0.0.0-20220412211240-33da011f77ad' }),
      'v0.0.0-20230101000000-0f9fa26af87c',
      'no',
    ],
    [
      'whose end cannot be read',
      range({ introduced: '0' }, { fixed: 'trunk' }),
      '1.0.0',
      'unknown',
    ],
    ['of a version that cannot be read', range({ introduced: '0' }), 'main', 'unknown'],
    ['that says nothing', {}, '1.0.0', 'no'],
  ];
  it.each(cases)('%s', (_, affected, version, answer) => {
    expect(affects(affected, version)).toBe(answer);
  });
});

describe('a dump', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osv-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  const entry = (id: string, ecosystem: string, name: string, more: object = {}): object => ({
    id,
    summary: `about ${name}`,
    affected: [
      {
        package: { ecosystem, name },
        ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '2.0.0' }] }],
      },
    ],
    ...more,
  });

  let made = 0;
  async function dump(files: Record<string, Uint8Array | object>): Promise<string> {
    const folder = join(dir, String((made += 1)));
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(folder, path, '..'), { recursive: true });
      const bytes = content instanceof Uint8Array ? content : JSON.stringify(content);
      await writeFile(join(folder, path), bytes);
    }
    return folder;
  }

  const item = (purl: string, development = false): InventoryItem =>
    itemOfPurl(purl, { hashes: [], development })!;
  async function match(
    files: Record<string, Uint8Array | object>,
    ...purls: string[]
  ): Promise<VulnerabilityReport> {
    return matchVulnerabilities(
      purls.map((purl) => item(purl)),
      await dump(files),
    );
  }
  const ids = ({ vulnerabilities }: VulnerabilityReport): string[] =>
    vulnerabilities.map(({ id, name, version = '?' }) => `${id} ${name}@${version}`);

  it('is read from folders and archives, one entry per package and version', async () => {
    const report = await match(
      {
        'npm/all.zip': zipOf({ 'GHSA-1.json': entry('GHSA-1', 'npm', '@scope/a') }),
        'crates.io/RUSTSEC-1.json': entry('RUSTSEC-1', 'crates.io', 'b'),
        'Go/GO-1.json': entry('GO-1', 'Go', 'github.com/BurntSushi/toml'),
      },
      'pkg:npm/%40scope/a@1.0.0',
      'pkg:npm/%40scope/a@2.0.0',
      'pkg:cargo/b@1.9.9',
      'pkg:cargo/a@1.0.0',
      'pkg:golang/github.com/burntsushi/toml@v1.4.0',
    );
    expect(ids(report)).toEqual([
      'GO-1 github.com/burntsushi/toml@v1.4.0',
      'RUSTSEC-1 b@1.9.9',
      'GHSA-1 @scope/a@1.0.0',
    ]);
    expect(report.vulnerabilities[2]).toMatchObject({
      affected: 'yes',
      fixed: ['2.0.0'],
      aliases: [],
    });
    expect(report).toMatchObject({ checked: 5, entries: 3, uncovered: [], unchecked: [] });
  });

  it('tells ecosystems apart', async () => {
    const report = await match({ 'x.json': entry('X-1', 'PyPI', 'a') }, 'pkg:npm/a@1.0.0');
    expect(ids(report)).toEqual([]);
    expect(report.uncovered).toEqual(['npm']);
  });

  it('passes over what was withdrawn', async () => {
    const withdrawn = entry('GHSA-1', 'npm', 'a', { withdrawn: '2024-01-01T00:00:00Z' });
    expect(ids(await match({ 'a.json': withdrawn }, 'pkg:npm/a@1.0.0'))).toEqual([]);
  });

  it('calls entries that name each other one finding', async () => {
    const report = await match(
      {
        'a.json': entry('GHSA-1', 'npm', 'a', { aliases: ['CVE-1'] }),
        'b.json': entry('OSV-1', 'npm', 'a', { aliases: ['CVE-1', 'CVE-2'] }),
        'c.json': entry('SNYK-1', 'npm', 'a', { aliases: ['CVE-2'] }),
        'd.json': entry('OTHER-1', 'npm', 'a', { aliases: ['CVE-9'] }),
      },
      'pkg:npm/a@1.0.0',
    );
    expect(report.vulnerabilities.map(({ id, aliases }) => [id, aliases])).toEqual([
      ['GHSA-1', ['CVE-1', 'CVE-2', 'OSV-1', 'SNYK-1']],
      ['OTHER-1', ['CVE-9']],
    ]);
  });

  it('does not hide what could not be checked', async () => {
    const report = await match(
      {
        'broken.json': new TextEncoder().encode('{"id":'),
        'shape.json': {
          id: 'GHSA-2',
          affected: [{ package: { ecosystem: 'npm', name: 'a' }, ranges: 7 }],
        },
        'ok.json': entry('GHSA-1', 'npm', 'a'),
      },
      'pkg:npm/a',
      'pkg:pypi/b@1',
    );
    expect(report.unreadable.count).toBe(2);
    expect(report.unchecked).toEqual(['pkg:pypi/b@1']);
    expect(report.vulnerabilities.map(({ affected }) => affected)).toEqual(['unknown']);
  });

  it('is not followed through links, nor read into folders of ecosystems not asked for', async () => {
    const folder = await dump({
      'Go/all.zip': new TextEncoder().encode('not read, so not refused'),
      'npm/a.json': entry('GHSA-1', 'npm', 'other'),
    });
    await symlink(join(folder, 'npm'), join(folder, 'npm', 'again'));
    const report = await matchVulnerabilities([item('pkg:npm/a@1.0.0')], folder);
    expect(report.entries).toBe(1);
  });

  it.each([
    ['an archive that is none', { 'npm/all.zip': new TextEncoder().encode('PK') }],
    ['an archive that is cut off', { 'npm/all.zip': zipOf({ 'a.json': {} }).subarray(0, 40) }],
  ])('refuses %s', async (_, files) => {
    const refusal = await match(files, 'pkg:npm/a@1.0.0').catch((error: unknown) => error);
    expect((refusal as RebuildError).code).toBe('advisories-unreadable');
  });

  it('refuses a folder that is not there, and counts an entry that lies about its size', async () => {
    const refusal = await matchVulnerabilities([], join(dir, 'gone')).catch(
      (error: unknown) => error,
    );
    expect((refusal as RebuildError).code).toBe('advisories-unreadable');
    const zip = zipOf({ 'a.json': entry('GHSA-1', 'npm', 'a') }, { claimedSize: 5 });
    const report = await match({ 'npm/all.zip': zip }, 'pkg:npm/a@1.0.0');
    expect(report.unreadable.count).toBe(1);
  });
});
