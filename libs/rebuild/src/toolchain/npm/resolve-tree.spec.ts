import { describe, expect, it } from 'vitest';
import { integrityOf } from '../../source/integrity.js';
import type { Packument } from './packument.js';
import { resolveTree } from './resolve-tree.js';

const packument = (
  name: string,
  versions: Record<string, Record<string, string>>,
  time: Record<string, string> = {},
): [string, Packument] => [
  name,
  {
    name,
    time,
    versions: new Map(
      Object.entries(versions).map(([version, dependencies]) => [
        version,
        { version, dependencies, dist: { integrity: integrityOf(Buffer.from(name + version)) } },
      ]),
    ),
  },
];

const registry = new Map([
  packument('asc', { '0.9.0': { binaryen: '1.0.0', long: '^4.0.0', deep: '*' } }),
  packument('binaryen', { '1.0.0': {}, '2.0.0': {} }),
  packument(
    'long',
    { '4.0.0': {}, '4.1.0': {}, '5.0.0': {} },
    { '4.0.0': '2020-01-01', '4.1.0': '2021-01-01', '5.0.0': '2022-01-01' },
  ),
  packument('deep', { '1.0.0': { long: '5.0.0', asc: '*' } }, { '1.0.0': '2020-01-01' }),
  packument('lost', { '1.0.0': { nowhere: '*' }, '2.0.0': { long: '^9.0.0' } }),
]);
const read = (name: string): Promise<Packument> => {
  const found = registry.get(name);
  return found === undefined ? Promise.reject(new Error(`no ${name}`)) : Promise.resolve(found);
};

describe('the tree of a package of npm', () => {
  it('is flat but where versions differ, and a circle ends', async () => {
    const tree = await resolveTree('asc', '0.9.0', read);
    expect(tree.map(({ path, version }) => `${path} ${version}`)).toEqual([
      'node_modules/asc 0.9.0',
      'node_modules/binaryen 1.0.0',
      'node_modules/deep 1.0.0',
      'node_modules/deep/node_modules/long 5.0.0',
      'node_modules/long 4.1.0',
    ]);
  });

  it('is as it was at a date', async () => {
    const [packaged] = [await resolveTree('long', '5.0.0', read, new Date('2020-06-01'))];
    expect(packaged).toHaveLength(1);
    registry.set(...packument('one', { '1.0.0': { long: '^4.0.0' } }));
    const tree = await resolveTree('one', '1.0.0', read, new Date('2020-06-01'));
    expect(tree.map(({ version }) => version)).toEqual(['4.0.0', '1.0.0']);
  });

  it.each([
    ['asc', '9.9.9'],
    ['lost', '2.0.0'],
  ])('%s@%s cannot be had', async (name, version) => {
    await expect(resolveTree(name, version, read)).rejects.toMatchObject({
      code: 'package-unknown',
    });
  });
});
