import fc from 'fast-check';
import { describe, it } from 'vitest';

import { custom, join, module } from '../assemble.fixture.js';
import { WasmError } from '../errors.js';
import { differingNodes } from '../explain/differing-nodes.js';
import { component, componentPreamble, coreModule, nested } from './assemble.fixture.js';
import { readBinary, walkNodes, type Node } from './component.js';
import { customSections, readOwnName, readProducers, readTargetFeatures } from './custom.js';
import * as real from './real.fixture.js';
import { stripBinary } from './strip.js';
import { typeComponent, type WiringMismatch } from './typing/resolve-component.js';
import { validateStructure } from './validate.js';
import { witOf } from './wit/component-wit.js';

const samples = [
  ...Object.values(real),
  component(
    nested(component(custom('a'), coreModule(module(custom('producers', [0]))))),
    custom('b'),
  ),
];

function attempt<T>(bytes: Uint8Array, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    if (error.offset < 0 || error.offset > bytes.length) throw error;
    return undefined;
  }
}

/** Sections lie one after the other and fill their node; every index has its definition. */
function isWhole(node: Node): boolean {
  let at = node.offset + 8;
  for (const { offset, bodyOffset, bodySize } of node.sections) {
    if (offset !== at) return false;
    at = bodyOffset + bodySize;
  }
  if (at !== node.offset + node.size) return false;
  if (node.kind === 'module') return true;
  const positions = Object.values(node.spaces).flat();
  return positions.every((position) => position < node.definitions.length);
}

/** Only a WasmError with a place inside the file may come of reading; stripping twice is once. */
function readAll(bytes: Uint8Array): void {
  attempt(bytes, () => validateStructure(bytes));
  const root = attempt(bytes, () => readBinary(bytes, { canonical: false }));
  if (root === undefined) return;
  for (const node of walkNodes(root)) {
    if (!isWhole(node)) throw new Error(`${node.path} has gaps`);
    readOwnName(bytes, node);
    for (const { content } of customSections(bytes, node)) {
      attempt(bytes, () => readProducers(bytes, content));
      attempt(bytes, () => readTargetFeatures(bytes, content));
    }
  }
  const once = stripBinary(bytes);
  const twice = stripBinary(once);
  if (!once.every((byte, at) => byte === twice[at]) || once.length !== twice.length) {
    throw new Error('stripping twice is not stripping once');
  }
}

/** Types are told or refused; with and without a listener they are the same of what is sound. */
function typeAll(bytes: Uint8Array): void {
  attempt(bytes, () => witOf(bytes));
  const node = attempt(bytes, () => readBinary(bytes));
  if (node?.kind !== 'component') return;
  const found: WiringMismatch[] = [];
  const shape = attempt(bytes, () => typeComponent(bytes, node));
  const listened = attempt(bytes, () =>
    typeComponent(bytes, node, { onMismatch: (each) => found.push(each) }),
  );
  if (shape === undefined) return;
  if (found.length > 0 || listened === undefined) throw new Error('two answers to one question');
  if (shape.exports.size !== listened.exports.size) throw new Error('exports differ');
}

/** Nodes that differ are told of what differs, and of nothing else. */
function differAll(bytes: Uint8Array): void {
  for (const sample of samples) {
    const nodes = differingNodes(sample, bytes);
    if (nodes === undefined) continue;
    const equal = sample.length === bytes.length && sample.every((each, at) => each === bytes[at]);
    if (equal !== (nodes.length === 0))
      throw new Error('two components are told to be what they are not');
  }
}

const byte = fc.integer({ min: 0, max: 255 });
const telling = fc.oneof(byte, fc.constantFrom(0x00, 0x01, 0x02, 0x40, 0x42, 0x50, 0x7f, 0x80));
const edit = fc.record({
  at: fc.nat(),
  cut: fc.integer({ min: 0, max: 4 }),
  put: fc.array(telling, { maxLength: 4 }),
});
const mutated = fc
  .tuple(fc.constantFrom(...samples), fc.array(edit, { maxLength: 4 }))
  .map(([bytes, edits]) => {
    const mutant = [...bytes];
    for (const { at, cut, put } of edits) mutant.splice(at % (mutant.length + 1), cut, ...put);
    return Uint8Array.from(mutant);
  });

describe('hostile bytes', () => {
  it('takes a component cut at every byte', () => {
    for (const bytes of samples) {
      for (let length = 0; length <= bytes.length; length += 1) readAll(bytes.subarray(0, length));
    }
  });

  it('takes a component with each byte altered', () => {
    for (const bytes of samples) {
      for (let at = 0; at < bytes.length; at += 1) {
        for (const value of [0x00, ((bytes[at] ?? 0) + 1) & 0xff]) {
          readAll(bytes.with(at, value));
        }
        if (at % 4 !== 0) continue;
        const mutant = bytes.with(at, (bytes[at] ?? 0) ^ 0x01);
        attempt(mutant, () => witOf(mutant));
      }
    }
  });

  it('takes mutated components', () => {
    fc.assert(fc.property(mutated, readAll), { seed: 30, numRuns: 1_000 });
    fc.assert(fc.property(mutated, typeAll), { seed: 32, numRuns: 500 });
    fc.assert(fc.property(mutated, differAll), { seed: 33, numRuns: 1_000 });
  });

  it('takes any bytes, and any section body', () => {
    const anything = fc.array(telling, { maxLength: 48 });
    const headed = anything.map((bytes) => [...componentPreamble, ...bytes]);
    const id = fc.integer({ min: 0, max: 13 });
    const bodied = fc
      .tuple(id, anything)
      .map(([section, body]) => join(componentPreamble, [section, body.length], body));
    const either = fc.oneof(anything, headed, bodied).map((bytes) => Uint8Array.from(bytes));
    fc.assert(fc.property(either, readAll), { seed: 31, numRuns: 1_500 });
  });
});
