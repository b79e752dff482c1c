import { readFunctions, readModule } from '@touchstone/wasm';

// Node has it; its types come with the DOM's, which do not belong here.
declare const WebAssembly: { validate(bytes: Uint8Array): boolean };

const I32_ADD = 0x6a;
const I32_SUB = 0x6b;
const LOCAL_GET = 0x20;

/**
 * A copy of a module in which one `i32.add` of one function is an `i32.sub`. The place is found by
 * `local.get a, local.get b, i32.add` (indices below 128); the copy still validates, so nothing but
 * a comparison with its source tells that it was altered.
 */
export function alterOneInstruction(module: Uint8Array): {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly functionIndex: number;
  /** File offset of the altered byte. */
  readonly offset: number;
} {
  for (const { index, offset, size } of readFunctions(readModule(module))) {
    for (let at = offset + 4; at < offset + size; at += 1) {
      const found =
        module[at] === I32_ADD && module[at - 2] === LOCAL_GET && module[at - 4] === LOCAL_GET;
      if (!found) continue;
      const bytes = new Uint8Array(module);
      bytes[at] = I32_SUB;
      if (WebAssembly.validate(bytes)) return { bytes, functionIndex: index, offset: at };
    }
  }
  throw new Error('no function of the module adds two locals');
}
