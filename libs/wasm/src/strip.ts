import { concatBytes } from '@noble/hashes/utils.js';

import { readModule } from './module.js';

/**
 * The module without its custom sections, but for those named in `keep`. Every other byte stays as
 * it is, so two modules that are equal after this differ in custom sections alone.
 *
 * @throws WasmError when the bytes are no module
 */
export function stripCustomSections(
  bytes: Uint8Array,
  options: { keep?: readonly string[] } = {},
): Uint8Array {
  const { sections } = readModule(bytes, { canonical: false });
  const keep = new Set(options.keep);
  const parts = [bytes.subarray(0, sections[0]?.offset ?? bytes.length)];
  for (const { customName, offset, bodyOffset, bodySize } of sections) {
    if (customName !== undefined && !keep.has(customName)) continue;
    parts.push(bytes.subarray(offset, bodyOffset + bodySize));
  }
  return concatBytes(...parts);
}
