import { WasmError } from '../errors.js';

export const PREAMBLE_SIZE = 8;

/** The pre-standard version that today's tools write. */
const COMPONENT_VERSION = 0x0d;
const MODULE_VERSION = 0x01;
const magic = [0x00, 0x61, 0x73, 0x6d];

/**
 * What the preamble at `start` says a binary is: the version word of a module is split by the
 * component model into 16 bits of version and 16 bits of layer.
 *
 * @throws WasmError when it is neither
 */
export function readLayer(bytes: Uint8Array, start: number, end: number): 'module' | 'component' {
  const wrong = magic.findIndex((byte, at) => start + at < end && bytes[start + at] !== byte);
  if (wrong !== -1) {
    const message = 'a binary does not begin with the bytes 00 61 73 6d';
    throw new WasmError('not-wasm', start + wrong, message);
  }
  if (end - start < PREAMBLE_SIZE) {
    throw new WasmError('truncated', end, 'the bytes end inside a preamble');
  }
  const word = (at: number): number =>
    (bytes[start + at] ?? 0) + (bytes[start + at + 1] ?? 0) * 0x100;
  const [version, layer] = [word(4), word(6)];
  if (layer === 0 && version === MODULE_VERSION) return 'module';
  if (layer === 1 && version === COMPONENT_VERSION) return 'component';
  const message = `version ${version} of layer ${layer} is neither a module nor a component`;
  throw new WasmError('version-unsupported', start + 4, message);
}
