import { componentOf, nestComponents } from '@touchstone/kit';
import { explainDifference } from '@touchstone/wasm';
import { describe, expect, it } from 'vitest';
import { differenceLines, differingNodesDocument } from './components.js';

/** A module whose function `f` gives a constant. */
function constant(value: number): Uint8Array {
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 5, 1, 0x60, 0, 1, 0x7f],
    ...[3, 2, 1, 0],
    ...[7, 5, 1, 1, 0x66, 0, 0],
    ...[10, 6, 1, 4, 0, 0x41, value, 0x0b],
  ]);
}

const app = (value: number): Uint8Array =>
  nestComponents(componentOf(constant(1), 'f', 0), componentOf(constant(value), 'f', 0));

const lines = (a: Uint8Array, b: Uint8Array): string[] =>
  differenceLines(explainDifference(a, b), a, b);

describe('two components', () => {
  it('are told apart by the module that differs, and what differs in it', () => {
    const [first = '', second = '', ...rest] = lines(app(1), app(2));
    expect(first).toMatch(/^The components differ in one node\. Claimed: \d+ bytes\./u);
    expect(second).toMatch(/^\/component\[1\]\/module\[0\] {2}module {2}different: claimed at 0x/u);
    expect(rest.join('\n')).toContain('i32.const 1');
    expect(rest.join('\n')).toContain('i32.const 2');
  });

  it('are the same nodes as JSON, each with its explanation', () => {
    expect(differingNodesDocument(app(1), app(2))).toMatchObject([
      { path: '/component[1]/module[0]', status: 'different', difference: { tier: 'different' } },
    ]);
    expect(differingNodesDocument(app(1), app(1))).toEqual([]);
    expect(differingNodesDocument(constant(1), constant(2))).toBeUndefined();
  });

  it('with another number of nodes say which one side alone has', () => {
    const [, ...rest] = lines(app(1), nestComponents(componentOf(constant(1), 'f', 0)));
    expect(rest[0]).toMatch(/^\/ {2}component {2}different in its own definitions or sections/u);
    expect(rest[1]).toMatch(/^\/component\[1\] {2}component {2}only claimed: claimed at 0x/u);
  });
});

it('two modules, and what is neither, are told as before', () => {
  expect(lines(constant(1), constant(2)).join('\n')).toContain('The modules differ.');
  expect(lines(constant(1), app(1)).join('\n')).toContain('component-unsupported');
});
