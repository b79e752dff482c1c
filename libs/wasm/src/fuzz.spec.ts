import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { body, custom, module, moduleOfFunctions, section, vector } from './assemble.fixture.js';
import { compareModules } from './compare.js';
import { readDataSegments } from './data.js';
import { WasmError } from './errors.js';
import { explainDifference } from './explain/explain.js';
import { formatExplanation } from './explain/text.js';
import { readFunctions } from './functions.js';
import { readModule } from './module.js';
import { readFunctionNames } from './names.js';
import { summariseDifference } from './summary.js';

const importEntry = [1, 0x6d, 1, 0x6e];
const samples = [
  moduleOfFunctions({
    bodies: [body(1, 3), body(2), body(3, 7), [0x00, 0x0b]],
    names: ['a', 'bé', 'c', 'd'],
    importedFunctions: 2,
    before: [custom('dylink.0', [1, 2, 3])],
    after: [
      section(
        11,
        vector([
          [0x00, 0x41, 0x08, 0x0b, 0x02, 1, 2],
          [0x01, 0x01, 0x07],
        ]),
      ),
      custom('producers', [0]),
    ],
  }),
  module(
    section(
      2,
      vector([
        [...importEntry, 0x01, 0x63, 0x70, 0x05, 0x01, 0x80, 0x01],
        [...importEntry, 0x02, 0x07, 0x01, 0x02],
        [...importEntry, 0x03, 0x64, 0x07, 0x01],
        [...importEntry, 0x04, 0x00, 0x00],
      ]),
    ),
    section(12, [1]),
    section(11, vector([[0x02, 0x01, 0x42, 0x80, 0x01, 0x23, 0x00, 0x7c, 0x0b, 0x01, 9]])),
  ),
];

/** Reads all there is; only a WasmError with a place inside the file may come of it. */
function readAll(bytes: Uint8Array): void {
  for (const canonical of [true, false]) {
    try {
      const read = readModule(bytes, { canonical });
      readFunctionNames(read);
      readDataSegments(read);
      readFunctions(read);
    } catch (error) {
      if (!(error instanceof WasmError)) throw error;
      expect(error.offset).toBeGreaterThanOrEqual(0);
      expect(error.offset).toBeLessThanOrEqual(bytes.length);
    }
  }
}

function compareAll(claimed: Uint8Array, observed: Uint8Array): void {
  const difference = compareModules(claimed, observed);
  const same =
    claimed.length === observed.length && claimed.every((byte, at) => byte === observed[at]);
  expect(difference.equal).toBe(same);
  const summary = summariseDifference(difference);
  if (same) {
    expect(summary).toEqual({ sections: [], functions: [], functionCount: 0, truncated: false });
  } else {
    expect(summary.sections.length).toBeGreaterThan(0);
  }
  for (const { ranges } of [...summary.sections, ...summary.functions]) {
    for (const { offset, length } of ranges) {
      expect(length).toBeGreaterThan(0);
      expect(offset + length).toBeLessThanOrEqual(claimed.length);
    }
  }
  const explanation = explainDifference(claimed, observed);
  expect(explanation.tier === 'reproduced').toBe(same);
  expect(explanation.difference).toEqual(difference);
  for (const { evidence } of explanation.causes)
    for (const { side, offset, length } of evidence) {
      const file = side === 'claimed' ? claimed : observed;
      expect(offset + length).toBeLessThanOrEqual(file.length);
    }
  expect(formatExplanation(explanation, claimed, observed).length).toBeGreaterThan(0);
}

const sample = fc.constantFrom(...samples);
const byte = fc.integer({ min: 0, max: 255 });
/** Bytes that mean something in the format, more often than chance gives them. */
const telling = fc.oneof(byte, fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff, 0x0b, 0x0a));
const edit = fc.record({
  at: fc.nat(),
  cut: fc.integer({ min: 0, max: 4 }),
  put: fc.array(telling, { maxLength: 4 }),
});
const mutated = fc.tuple(sample, fc.array(edit, { maxLength: 6 })).map(([bytes, edits]) => {
  const mutant = [...bytes];
  for (const { at, cut, put } of edits) mutant.splice(at % (mutant.length + 1), cut, ...put);
  return Uint8Array.from(mutant);
});

describe('hostile bytes', () => {
  it('reads the samples whole', () => {
    const [first, second] = samples.map((bytes) => readModule(bytes));
    expect(first && readFunctions(first).map(({ index }) => index)).toEqual([2, 3, 4, 5]);
    expect(second && readFunctions(second)).toEqual([]);
    expect(second && readDataSegments(second)).toHaveLength(1);
  });

  it('takes a module cut at every byte', () => {
    for (const bytes of samples) {
      for (let length = 0; length < bytes.length; length += 1) {
        readAll(bytes.subarray(0, length));
        compareAll(bytes, bytes.subarray(0, length));
        compareAll(bytes.subarray(0, length), bytes);
      }
    }
  });

  it('takes a module with each byte altered', () => {
    for (const bytes of samples) {
      for (let at = 0; at < bytes.length; at += 1) {
        for (const value of [0x00, 0x7f, 0x80, 0xff, ((bytes[at] ?? 0) + 1) & 0xff]) {
          const altered = bytes.with(at, value);
          readAll(altered);
          compareAll(bytes, altered);
        }
      }
    }
  });

  it('takes mutated modules', () => {
    fc.assert(
      fc.property(mutated, mutated, (claimed, observed) => {
        readAll(claimed);
        compareAll(claimed, observed);
      }),
      { seed: 20, numRuns: 1500 },
    );
  });

  it('takes any bytes', () => {
    const anything = fc.uint8Array({ maxLength: 64 });
    const headed = anything.map((bytes) => module(bytes));
    const either = fc.oneof(anything, headed);
    fc.assert(
      fc.property(either, either, (claimed, observed) => {
        readAll(claimed);
        compareAll(claimed, observed);
      }),
      { seed: 21, numRuns: 500 },
    );
  });
});
