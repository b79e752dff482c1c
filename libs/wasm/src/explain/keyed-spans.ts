import type { Span } from '../module.js';
import { fingerprint, pieceOf } from '../ranges.js';
import type { KeyedItems, KeyNumbers } from '../sequence.js';

/**
 * Spans as items that are aligned by content: equal pieces get equal numbers.
 *
 * @param numbers shared by the two sides that are to be aligned
 */
export function keyed(bytes: Uint8Array, spans: Span[], numbers: KeyNumbers): KeyedItems {
  const keys = Int32Array.from(spans, (span) => numbers.of(fingerprint(pieceOf(bytes, span))));
  return { items: Int32Array.from(spans.keys()), keys };
}
