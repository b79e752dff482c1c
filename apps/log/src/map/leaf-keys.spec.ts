import { expect, it } from 'vitest';
import { LeafKeys, packKeys } from './leaf-keys.js';

const keysOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new Uint8Array(32).fill(i));

it('keys of leaves are handed out once, as they were', () => {
  const held = new LeafKeys();
  held.put(7, packKeys({ keys: keysOf(3), absent: 'ab' }));
  held.put(8, packKeys({ keys: [] }));
  expect(held.take(7)).toEqual({ keys: keysOf(3), absent: 'ab' });
  expect(held.take(7)).toBeUndefined();
  expect(held.take(8)).toEqual({ keys: [] });
});

it('the oldest go when there are too many leaves, or too many bytes of keys', () => {
  const many = new LeafKeys();
  for (let i = 0; i <= 16_384; i++) many.put(i, packKeys({ keys: [] }));
  expect([many.take(0), many.take(1)]).toEqual([undefined, { keys: [] }]);
  const large = new LeafKeys();
  const packed = packKeys({ keys: keysOf(4_096) });
  for (let i = 0; i < 129; i++) large.put(i, packed);
  expect(large.take(0)).toBeUndefined();
  expect(large.take(1)?.keys).toHaveLength(4_096);
  // What was taken makes room again.
  large.put(200, packed);
  expect(large.take(2)?.keys).toHaveLength(4_096);
});
