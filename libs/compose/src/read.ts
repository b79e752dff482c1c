import { readBinary, validateStructure, WasmError, type Node } from '@touchstone/wasm';
import { ComposeError } from './errors.js';
import { beginsLikeWasm, locate, type Located } from './locate.js';

const KIND_BYTES = { module: [0x01, 0x00, 0x00, 0x00], component: [0x0d, 0x00, 0x01, 0x00] };

/**
 * Reads a module or component; what cannot be read is refused with the node it stands in.
 *
 * @throws ComposeError with the codes of the reader, and `kind-disguised`
 */
export function readComposition(bytes: Uint8Array): Node {
  return located(bytes, () => readBinary(bytes));
}

/** As {@link readComposition}, and reads what is inside of every core module too. */
export function readThoroughly(bytes: Uint8Array): Node {
  return located(bytes, () => validateStructure(bytes));
}

/** Runs a reader; its refusal is given the node that the bytes at fault belong to. */
export function located<T>(bytes: Uint8Array, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof WasmError)) throw cause;
    const place = locate(bytes, cause.offset);
    const disguised = place.size <= bytes.length && isDisguised(bytes, place, cause);
    const code = disguised ? 'kind-disguised' : cause.code;
    const message = disguised
      ? `${place.path} is a ${place.kind === 'module' ? 'component' : 'core module'} dressed as a ${place.kind === 'module' ? 'core module' : 'component'}`
      : prefixed(place.path, cause.message);
    throw new ComposeError(code, place.path, cause.offset, message, { cause });
  }
}

/**
 * What does not read as the kind that it is given out for, by its preamble or by the section that
 * holds it, and reads as the other kind.
 */
function isDisguised(bytes: Uint8Array, place: Located, cause: WasmError): boolean {
  if (cause.code === 'component-expected' || cause.code === 'component-unsupported') return true;
  const undressed = bytes.slice(place.offset, place.offset + place.size);
  if (undressed.length <= 8) return false;
  undressed.set(KIND_BYTES[place.kind === 'module' ? 'component' : 'module'], 4);
  try {
    const node = validateStructure(undressed);
    return node.kind === 'component' ? node.definitions.length > 0 : isTelling(undressed, node);
  } catch (error) {
    if (error instanceof WasmError) return false;
    throw error;
  }
}

/**
 * Whether a section says that this is a module: types (1) and tables (4) have the ids that nested
 * binaries have in a component, and do not begin as those do.
 */
function isTelling(bytes: Uint8Array, { sections }: Node): boolean {
  return sections.some(
    ({ id, bodyOffset }) => (id === 1 || id === 4) && !beginsLikeWasm(bytes, bodyOffset),
  );
}

/** The reader names the place itself where it is not the outermost. */
function prefixed(path: string, message: string): string {
  return message.startsWith(`${path}: `) ? message : `${path}: ${message}`;
}
