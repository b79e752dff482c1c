import { describe, expect, it } from 'vitest';

import { parseExternName } from './extern-names.js';
import { isVersion, versionFit, versionTrack } from './versions.js';

describe('parseExternName', () => {
  it.each([
    ['a', 'label'],
    ['a-b-c', 'label'],
    ['a1-2-3', 'label'],
    ['A-B1-4C', 'label'],
    ['m1x3d-4CR0NYMS', 'label'],
    ['[constructor]r', 'constructor'],
    ['[method]r.get-it', 'method'],
    ['[static]r.of', 'static'],
    ['wasi:io/streams', 'interface'],
    ['wasi:io/streams@0.2.0', 'interface'],
    ['wasi:http/types@0.3.0-rc-2025-09-16', 'interface'],
    ['wasi:io/streams@0.2', 'interface'],
    ['a:b:c/d/e@1.0.0+build.5', 'interface'],
    ['locked-dep=<a:b/c@1.2.3>', 'dependency'],
    ['locked-dep=<a:b/c@1.2.3>,integrity=<sha256-abc>', 'dependency'],
    ['unlocked-dep=<a:b@{>=1.2.3 <2.0.0}>', 'dependency'],
    ['unlocked-dep=<a:b@*>', 'dependency'],
    ['unlocked-dep=<a:b@{<2.0.0}>', 'dependency'],
    ['url=<https://example.com/a>', 'url'],
    ['integrity=<sha256-abc=>', 'integrity'],
    ['integrity=< sha512-a?abcd sha256-b >', 'integrity'],
  ])('reads %s', (name, kind) => {
    expect(parseExternName(name)).toMatchObject({ kind });
  });

  it('takes an interface apart', () => {
    expect(parseExternName('wasi:io/streams@0.2.3')).toEqual({
      ...{ kind: 'interface', package: 'wasi:io', projection: 'streams' },
      ...{ path: 'wasi:io/streams', version: '0.2.3' },
    });
  });

  it.each([
    ...['', '-', 'a-', '-a', 'a--b', '1a', 'aB', 'a-bC', 'a_b', 'é', 'a.b', ' a', 'a\n'],
    ...['[method]a', '[constructor]a.b', '[other]a', '[method]a.b.c', '[static]a.'],
    ...[
      'wasi:io',
      'wasi/io',
      ':a/b',
      'Wasi:io/a',
      'a:b/c@',
      'a:b/c@01.0.0',
      'a:b/c@1.0',
      'a:b/@1.0.0',
    ],
    ...[
      'a:b/c@1.0.0-',
      'a:b/c@1.0.0-01',
      'a:b/c@1.0.0-a..b',
      'locked-dep=a:b',
      'locked-dep=<a>',
      'url=<<>',
      'relative-url=<./a>',
    ],
    ...['integrity=<sha256>', 'integrity=<sha256->', 'integrity=<sha256-^>', 'integrity=<md5-ABC>'],
    ...[
      'unlocked-dep=<a:a@{xyz}>',
      'unlocked-dep=<a:a@{<xyz}>',
      'unlocked-dep=<a:a@{<1.2.3 >=2.3.4}>',
      'unlocked-dep=<a:a@{}>',
      'locked-dep=<a:a@x>',
    ],
  ])('refuses %j', (name) => {
    expect(parseExternName(name)).toBeUndefined();
  });

  it('takes time in proportion to the name', () => {
    for (const part of ['-1', '-1a', ':a', '/a', 'a', '1', 'A-']) {
      expect(parseExternName(`a${part.repeat(40_000)}!`)).toBeUndefined();
      expect(parseExternName(`a:b/c@1.0.0-${part.repeat(40_000)}!`)).toBeUndefined();
    }
  }, 2_000);
});

describe('versions', () => {
  it.each([
    ['1.2.3', '1'],
    ['0.2.6', '0.2'],
    ['0.0.1', '0.0.1'],
    ['0.2', '0.2'],
    ['3', '3'],
    ['0.2.6-rc.1', undefined],
    ['1.2', undefined],
  ])('puts %s on track %s', (version, track) => {
    expect(versionTrack(version)).toBe(track);
  });

  it.each([
    ['0.2.3', '0.2.0', 'newer'],
    ['0.2.0', '0.2.3', 'older'],
    ['0.2.10', '0.2.9', 'newer'],
    ['0.2.0', '0.2.0', 'same'],
    ['0.2', '0.2.3', 'same'],
    ['0.2.0', '0.3.0', 'incompatible'],
    ['1.9.0', '1.2.0', 'newer'],
    ['2.0.0', '1.0.0', 'incompatible'],
    ['0.0.1', '0.0.2', 'incompatible'],
    ['0.2.0-rc.1', '0.2.0', 'incompatible'],
    ['0.2.0-rc.1', '0.2.0-rc.1', 'same'],
    [undefined, '0.2.0', 'incompatible'],
    [undefined, undefined, 'same'],
  ] as const)('%s where %s is asked for is %s', (provided, required, fit) => {
    expect(versionFit(provided, required)).toBe(fit);
  });

  it('knows versions', () => {
    expect(['1.0.0', '1.0.0-a.1+b', '0.0.0'].every(isVersion)).toBe(true);
    expect(['', '1.0', '1.0.0.0', 'v1', '01.0.0'].some(isVersion)).toBe(false);
  });
});
