import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../command.fixture.js';
import { registerOsv } from './osv.js';
import { registerSbom } from './sbom.js';

const LOCK = {
  name: 'app',
  version: '1.0.0',
  lockfileVersion: 3,
  packages: {
    '': { name: 'app', version: '1.0.0', dependencies: { a: '1' } },
    'node_modules/a': {
      version: '1.0.0',
      resolved: 'https://registry.npmjs.org/a/-/a-1.0.0.tgz',
      integrity: `sha512-${Buffer.alloc(64, 1).toString('base64')}`,
    },
  },
};
const ADVISORY = {
  id: 'GHSA-1',
  summary: 'reads\u001b[2J what it should not',
  affected: [
    {
      package: { ecosystem: 'npm', name: 'a' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1.0.1' }] }],
    },
  ],
};

let dir: string;
const at = (name: string): string => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-sbom-'));
  await writeFile(at('package-lock.json'), JSON.stringify(LOCK));
  await writeFile(at('no-lock.txt'), '');
  await writeFile(at('plain.wasm'), Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
});

afterAll(() => rm(dir, { recursive: true }));

async function touchstone(
  args: string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; out: string }> {
  const { code, out, error } = await runCommand([registerSbom, registerOsv], args, environment);
  return { code, out: error === '' ? out : error };
}

describe('sbom', () => {
  it('writes a document that it finds valid and in agreement, the same each time', async () => {
    for (const format of ['cyclonedx-1.6', 'cyclonedx-1.7', 'spdx-2.3']) {
      const file = at(`${format}.json`);
      const generate = ['sbom', 'generate', dir, '--format', format];
      expect(await touchstone([...generate, '-o', file])).toMatchObject({ code: 0 });
      const written = await readFile(file, 'utf8');
      expect((await touchstone(generate)).out).toBe(written);
      const valid = await touchstone(['sbom', 'validate', file, '--json']);
      expect(JSON.parse(valid.out)).toMatchObject({ valid: true, problems: [] });
      const compared = await touchstone(['sbom', 'compare', dir, '--sbom', file, '--json']);
      expect(compared.code).toBe(0);
      expect(JSON.parse(compared.out)).toMatchObject({ agrees: true, compared: [{ common: 1 }] });
    }
  });

  it('dates a document by SOURCE_DATE_EPOCH alone', async () => {
    const generate = ['sbom', 'generate', at('package-lock.json')];
    expect((await touchstone(generate)).out).not.toContain('timestamp');
    const dated = await touchstone(generate, { SOURCE_DATE_EPOCH: '1700000000' });
    expect(dated.out).toContain('"timestamp": "2023-11-14T22:13:20.000Z"');
    const wrong = await touchstone(generate, { SOURCE_DATE_EPOCH: 'yesterday' });
    expect(wrong).toEqual({ code: 2, out: 'source-date-epoch' });
  });

  it('ends with 1 and says how when something differs', async () => {
    const components = [{ type: 'library', name: 'a', version: '6.6.6', purl: 'pkg:npm/a@6.6.6' }];
    const bom = { bomFormat: 'CycloneDX', specVersion: '1.6', components };
    await writeFile(at('other.json'), JSON.stringify(bom));
    const { code, out } = await touchstone(['sbom', 'compare', dir, '--sbom', at('other.json')]);
    expect(code).toBe(1);
    expect(out).toContain('version  a: lockfile 1.0.0, found 6.6.6');
  });

  it.each([
    [
      'a folder without a lockfile',
      ['sbom', 'generate', '/proc/self/fdinfo'],
      3,
      'lockfile-absent',
    ],
    ['a file that is no lockfile', ['sbom', 'generate', 'no-lock.txt'], 2, 'lockfile-unsupported'],
    ['nothing to compare with', ['sbom', 'compare', '.'], 2, 'nothing-to-compare'],
    [
      'a binary that names no packages',
      ['sbom', 'compare', '.', '--wasm', 'plain.wasm'],
      3,
      'nothing-to-compare',
    ],
    [
      'a lockfile as a bill of materials',
      ['sbom', 'validate', 'package-lock.json'],
      2,
      'sbom-malformed',
    ],
  ])('refuses %s', async (_, [group = '', verb = '', ...files], code, out) => {
    const paths = files.map((name) => (/^[-/]/.test(name) ? name : join(dir, name)));
    expect(await touchstone([group, verb, ...paths])).toEqual({ code, out });
  });

  it('ends with 1 for a document that is not valid', async () => {
    await writeFile(
      at('bad.json'),
      '{"bomFormat":"CycloneDX","specVersion":"1.6","version":"one"}',
    );
    const { code, out } = await touchstone(['sbom', 'validate', at('bad.json')]);
    expect(code).toBe(1);
    expect(out).toContain('/version: must be integer');
  });
});

describe('osv match', () => {
  it('finds, by its own exit code, what the dump names', async () => {
    await touchstone(['sbom', 'generate', dir, '-o', at('bom.json')]);
    const dump = await mkdtemp(at('osv-'));
    const match = ['osv', 'match', '--sbom', at('bom.json'), '--dump', dump];
    // Not one entry: nothing found, and nothing checked.
    expect((await touchstone(match)).code).toBe(3);
    await writeFile(join(dump, 'GHSA-1.json'), JSON.stringify(ADVISORY));
    const found = await touchstone(match);
    expect(found.code).toBe(1);
    expect(found.out).toContain('GHSA-1  a 1.0.0 (npm)');
    expect(found.out).not.toContain('\u001b[2J');
    const report = JSON.parse((await touchstone([...match, '--json'])).out) as object;
    expect(report).toMatchObject({ checked: 1, entries: 1, vulnerabilities: [{ id: 'GHSA-1' }] });
    await writeFile(
      join(dump, 'GHSA-1.json'),
      JSON.stringify({ ...ADVISORY, withdrawn: '2024-01-01T00:00:00Z' }),
    );
    expect((await touchstone(match)).code).toBe(0);
  });

  it('refuses a dump that is not there', async () => {
    const match = ['osv', 'match', '--sbom', at('cyclonedx-1.6.json'), '--dump', at('gone')];
    expect(await touchstone(match)).toEqual({ code: 3, out: 'advisories-unreadable' });
  });
});
