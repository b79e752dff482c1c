import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Node } from './component.js';
import { customSections } from './custom.js';
import { unsignedLeb } from './leb.js';

/**
 * The bytes of a node without its own custom sections of these names. What is nested in it stays as
 * it is, so no size has to be written anew.
 */
export function withoutCustomSections(
  bytes: Uint8Array,
  node: Node,
  names: ReadonlySet<string>,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let kept = node.offset;
  for (const { name, offset, size } of customSections(bytes, node)) {
    if (!names.has(name)) continue;
    parts.push(bytes.subarray(kept, offset));
    kept = offset + size;
  }
  const rest = bytes.subarray(kept, node.offset + node.size);
  return parts.length === 0 ? rest : concatBytes(...parts, rest);
}

/** A binary with one more custom section at its end; every byte before it stays. */
export function appendCustomSection(
  bytes: Uint8Array,
  name: string,
  content: Uint8Array,
): Uint8Array {
  const label = utf8ToBytes(name);
  const length = Uint8Array.from(unsignedLeb(label.length));
  const size = unsignedLeb(length.length + label.length + content.length);
  return concatBytes(bytes, Uint8Array.from([0, ...size]), length, label, content);
}
