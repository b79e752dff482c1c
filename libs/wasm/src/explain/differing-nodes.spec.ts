import { describe, expect, it } from 'vitest';

import { custom, join, module, section, vector } from '../assemble.fixture.js';
import {
  component,
  coreModule,
  externName,
  funcType,
  imports,
  nested,
  types,
} from '../component/assemble.fixture.js';
import { differingNodes } from './differing-nodes.js';

const code = (constant: number): Uint8Array =>
  module(
    section(1, vector([[0x60, 0, 1, 0x7f]])),
    section(3, vector([[0]])),
    section(10, vector([[4, 0, 0x41, constant, 0x0b]])),
  );
const app = (constant: number, ...more: Uint8Array[]): Uint8Array =>
  component(coreModule(code(1)), nested(component(coreModule(code(constant)), ...more)));

const told = (a: Uint8Array, b: Uint8Array): string[] | undefined =>
  differingNodes(a, b)?.map(({ path, kind, status }) => `${path} ${kind} ${status}`);

describe('differingNodes', () => {
  it('names the innermost node that differs, with its places', () => {
    const [a, b] = [app(1), app(2)];
    expect(told(a, b)).toEqual(['/component[0]/module[0] module different']);
    const [node] = differingNodes(a, b) ?? [];
    const { offset = 0, size = 0 } = node?.claimed ?? {};
    expect(a.subarray(offset, offset + size)).toEqual(code(1));
    expect(told(a, a)).toEqual([]);
  });

  it('names a component for what it says itself, and not for what is nested in it', () => {
    const typed = [types(funcType), imports(join(externName('f'), [0x01, 0x00]))];
    expect(told(app(1), app(1, ...typed))).toEqual(['/component[0] component different']);
    const named = (name: string) => custom('component-name', [name.length], Buffer.from(name));
    expect(told(app(1, named('a')), app(2, named('b')))).toEqual([
      '/component[0] component different',
      '/component[0]/module[0] module different',
    ]);
  });

  it('names what one side alone has, or has of another kind', () => {
    const [one, two] = [component(coreModule(code(1))), component(nested(component()))];
    expect(told(one, two)).toEqual([
      '/ component different',
      '/module[0] module only-claimed',
      '/component[0] component only-observed',
    ]);
    expect(told(app(1), app(1, coreModule(code(3))))).toEqual([
      '/component[0] component different',
      '/component[0]/module[1] module only-observed',
    ]);
  });

  it('says nothing of what is no readable component', () => {
    expect(told(code(1), code(2))).toBeUndefined();
    expect(told(app(1), app(1).subarray(0, -1))).toBeUndefined();
    expect(told(new Uint8Array(), app(1))).toBeUndefined();
  });
});
