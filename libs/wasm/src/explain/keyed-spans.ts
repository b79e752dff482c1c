import type { Span } from '../module.js';
import { fingerprint, pieceOf } from '../ranges.js';
import type { KeyedItems } from '../sequence.js';

/**
 * Spans as items that are aligned by content: equal pieces get equal numbers.
 *
 * @param numbers shared by the two sides that are to be aligned
 */
export function keyed(bytes: Uint8Array, spans: Span[], numbers: Map<number, number>): KeyedItems {
  const keys = new Map<number, number>();
  for (const [item, span] of spans.entries()) {
    const print = fingerprint(pieceOf(bytes, span));
    const number = numbers.get(print) ?? numbers.size;
    numbers.set(print, number);
    keys.set(item, number);
  }
  return { items: spans.map((_, item) => item), keys };
}
