import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { custom, join, leb, module, text, vector } from '../assemble.fixture.js';
import type { WasmError } from '../errors.js';
import { component, coreModule, nested } from './assemble.fixture.js';
import { readBinary } from './component.js';
import {
  customSections,
  readBuildId,
  readOwnName,
  readProducers,
  readTargetFeatures,
} from './custom.js';
import { digestNodes } from './digest.js';

const contentOf = (bytes: Uint8Array): { offset: number; size: number } => {
  const [section] = customSections(bytes, readBinary(bytes));
  if (section === undefined) throw new Error('there is no custom section');
  return section.content;
};
const producersOf = (...content: Uint8Array[]): unknown => {
  const bytes = module(custom('producers', ...content));
  return readProducers(bytes, contentOf(bytes));
};
const featuresOf = (...content: (Uint8Array | number[])[]): unknown => {
  const bytes = module(custom('target_features', ...content));
  return readTargetFeatures(bytes, contentOf(bytes));
};
const field = (name: string, ...values: [string, string][]): Uint8Array =>
  join(text(name), vector(values.map(([tool, version]) => join(text(tool), text(version)))));

describe('readBuildId', () => {
  it.each<[string, number[], string]>([
    ['with its length', [4, 0xde, 0xad, 0xbe, 0xef], 'deadbeef'],
    ['without', [0x86, 0xef, 0x7e], '86ef7e'],
    ['that is empty', [], ''],
    ['of too many bytes', Array.from({ length: 66 }, () => 1), 'custom-malformed'],
  ])('one %s', (_, content, expected) => {
    const bytes = module(custom('build_id', content));
    const [section] = customSections(bytes, readBinary(bytes));
    let found: string;
    try {
      found = readBuildId(bytes, section?.content ?? { offset: 0, size: 0 });
    } catch (error) {
      found = (error as WasmError).code;
    }
    expect(found).toBe(expected);
  });
});

describe('customSections', () => {
  it('says where each lies and where its content begins', () => {
    const bytes = component(custom('build_id', [1, 2]), custom('.dep-v0', [3]), custom('build_id'));
    expect(customSections(bytes, readBinary(bytes))).toEqual([
      { name: 'build_id', offset: 8, size: 13, content: { offset: 19, size: 2 } },
      { name: '.dep-v0', offset: 21, size: 11, content: { offset: 31, size: 1 } },
      { name: 'build_id', offset: 32, size: 11, content: { offset: 43, size: 0 } },
    ]);
  });
});

describe('readProducers', () => {
  it('reads fields and versions', () => {
    const language = field('language', ['Rust', ''], ['C11', '']);
    expect(producersOf(vector([language, field('sdk', ['wasi', '1.0'])]))).toEqual([
      {
        field: 'language',
        values: [
          { name: 'Rust', version: '' },
          { name: 'C11', version: '' },
        ],
      },
      { field: 'sdk', values: [{ name: 'wasi', version: '1.0' }] },
    ]);
  });

  it.each([
    ['a field twice', vector([field('sdk'), field('sdk')]), 'custom-malformed'],
    ['too many fields', join(leb(17), new Uint8Array(100)), 'count-too-large'],
    ['a count over its bytes', join(leb(3), field('sdk')), 'count-too-large'],
    ['bytes at its end', join(vector([]), [0]), 'section-trailing-bytes'],
    ['an empty section', new Uint8Array(), 'truncated'],
  ])('refuses %s', (_, content, code) => {
    expect(() => producersOf(content)).toThrow(expect.objectContaining({ code }));
  });
});

describe('readTargetFeatures', () => {
  it('reads prefixes and names', () => {
    const features = vector([join([0x2b], text('simd128')), join([0x2d], text('atomics'))]);
    expect(featuresOf(features)).toEqual([
      { prefix: '+', name: 'simd128' },
      { prefix: '-', name: 'atomics' },
    ]);
  });

  it.each([
    ['an unknown prefix', vector([join([0x2a], text('a'))]), 'custom-malformed'],
    ['bytes at its end', join(vector([]), [0]), 'section-trailing-bytes'],
  ])('refuses %s', (_, content, code) => {
    expect(() => featuresOf(content)).toThrow(expect.objectContaining({ code }));
  });
});

describe('readOwnName', () => {
  it.each([
    ['of a module', module(custom('name', [0x00, 0x02], text('m'))), 'm'],
    ['of a component', component(custom('component-name', [0x00, 0x02], text('c'))), 'c'],
    ['that is not there', module(custom('name', [0x01, 0x00])), undefined],
    ['that is broken', component(custom('component-name', [0x00, 0x09, 0x08])), undefined],
  ])('reads one %s', (_, bytes, name) => {
    expect(readOwnName(bytes, readBinary(bytes))).toBe(name);
  });
});

describe('digestNodes', () => {
  it('hashes the bytes of each node', () => {
    const inner = component(coreModule(module(custom('a'))));
    const bytes = component(nested(inner));
    const hex = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
    expect(digestNodes(bytes, readBinary(bytes))).toEqual([
      { path: '/', kind: 'component', offset: 0, size: 32, digest: { sha256: hex(bytes) } },
      {
        path: '/component[0]',
        kind: 'component',
        offset: 10,
        size: inner.length,
        digest: { sha256: hex(inner) },
      },
      {
        path: '/component[0]/module[0]',
        kind: 'module',
        offset: 20,
        size: 12,
        digest: { sha256: hex(module(custom('a'))) },
      },
    ]);
  });
});
