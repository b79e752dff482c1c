import { explainDifference } from '@touchstone/wasm';
import { describe, expect, it } from 'vitest';

const MB = 1_000_000;
const SIZE = 100 * MB;

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(Math.floor(value / 128))];
}

/** A module of one type, `functions` functions, and a code section that ends in `code`. */
function moduleOf(functions: number, code: (bytes: Buffer) => void, prefix: number[]): Buffer {
  const types = [1, 4, 1, 0x60, 0, 0];
  const declared = leb(functions);
  const section = [3, ...leb(declared.length + functions), ...declared];
  const body = SIZE - functions;
  const head = [...leb(functions), ...prefix];
  const start = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...types, ...section];
  const codeHead = [10, ...leb(head.length + body), ...head];
  const bytes = Buffer.alloc(start.length + functions + codeHead.length + body);
  bytes.set(start, 0);
  bytes.set(codeHead, start.length + functions);
  code(bytes.subarray(start.length + functions + codeHead.length));
  return bytes;
}

const NOP = 0x01;
const END = 0x0b;

/** One function of these bytes again and again, such as blocks that are never closed. */
function oneFunction(fill: readonly number[]): Buffer {
  return moduleOf(
    1,
    (body) => {
      body.fill(Buffer.from(fill), 1);
      body[0] = 0;
      body[body.length - 1] = END;
    },
    leb(SIZE - 1),
  );
}

/** The smallest functions there are, of no locals and an `end`, and one that takes the rest. */
function manyFunctions(): Buffer {
  const functions = 50_000;
  return moduleOf(
    functions,
    (bodies) => {
      bodies.fill(NOP);
      for (let at = 0; at < functions - 1; at += 1) bodies.set([2, 0, END], 3 * at);
      const rest = bodies.length - 3 * (functions - 1);
      const length = leb(rest - 4);
      bodies.set([...length, 0], bodies.length - rest);
      bodies[bodies.length - 1] = END;
    },
    [],
  );
}

describe('100 MB of a stranger’s', () => {
  it.each<[string, () => Buffer]>([
    ['blocks in blocks', () => oneFunction([0x02, 0x40])],
    ['the smallest functions', manyFunctions],
    [
      'a custom section',
      () => {
        const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...leb(SIZE), 1, 0x78];
        const bytes = Buffer.alloc(head.length + SIZE - 2, 'text and more of it\0');
        bytes.set(head, 0);
        return bytes;
      },
    ],
    ['no module', () => Buffer.alloc(SIZE, 0xff)],
  ])(
    '%s: explained in bounded time and memory',
    (_, make) => {
      const claimed = make();
      const observed = Buffer.from(claimed);
      const middle = observed.length >> 1;
      observed.fill(0x00, middle, middle + 3);
      const before = process.cpuUsage();
      const explanation = explainDifference(claimed, observed);
      const { user, system } = process.cpuUsage(before);
      expect(explanation.tier).not.toBe('reproduced');
      expect(explanation.difference.equal).toBe(false);
      // Some seconds where it is slowest; many minutes, or no end, is what must not be.
      expect((user + system) / 1e6).toBeLessThan(60);
      expect(JSON.stringify(explanation.difference).length).toBeLessThan(4 * MB);
    },
    600_000,
  );
});
