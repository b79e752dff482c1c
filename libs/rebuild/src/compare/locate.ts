import type { ModuleLocation } from '@touchstone/contract';
import { readBinary, walkNodes, WasmError } from '@touchstone/wasm';
import { RebuildError } from '../errors.js';
import {
  base64Literals,
  byteArrays,
  isModule,
  literalText,
  MAX_MODULE_BYTES,
  packedLiterals,
  type Literal,
} from './literals.js';

/**
 * A published module, read from the artifact's files.
 *
 * @param files by path
 * @throws RebuildError `module-not-found`, `module-ambiguous`, `module-malformed`
 */
export function locateModule(
  files: ReadonlyMap<string, Uint8Array>,
  location: ModuleLocation,
): Uint8Array {
  const file = files.get(location.path);
  if (file === undefined)
    throw new RebuildError('module-not-found', `the artifact holds no file ${location.path}`);
  const whole = location.kind === 'file' ? file : locateLiteral(file, location);
  const module = checkModule(whole, location.path);
  const inside = location.kind === 'bytes' ? undefined : location.inside;
  return inside === undefined ? module : locateInside(module, inside, location.path);
}

function locateLiteral(
  file: Uint8Array,
  location: Exclude<ModuleLocation, { kind: 'file' }>,
): Uint8Array {
  const { path, marker, kind } = location;
  const { raw, code } = literalText(path, file);
  // A comment may say which literal is meant; only the literal itself must be code.
  const start = marker === undefined ? 0 : afterMarker(raw, marker, path);
  const candidates = literals(code, start, location);
  const found = candidates.next();
  if (found.done === true)
    throw new RebuildError(
      'module-not-found',
      `${path} holds no module as ${kind === 'base64' ? 'base64 text' : 'a byte array'}${marker === undefined ? '' : ` after ${JSON.stringify(marker)}`}`,
    );
  if (marker === undefined && candidates.next().done !== true)
    throw new RebuildError(
      'module-ambiguous',
      `${path} holds several modules: say with a marker which one is meant`,
    );
  return found.value.read();
}

function literals(
  code: string,
  start: number,
  location: Exclude<ModuleLocation, { kind: 'file' }>,
): Generator<Literal> {
  if (location.kind === 'bytes') return byteArrays(code, start, location.path);
  if (location.packed !== undefined) return packedLiterals(code, start, location.packed);
  return base64Literals(code, start, location.path);
}

function checkModule(bytes: Uint8Array, path: string): Uint8Array {
  if (bytes.length > MAX_MODULE_BYTES)
    throw new RebuildError(
      'module-malformed',
      `the module in ${path} exceeds ${MAX_MODULE_BYTES} bytes`,
    );
  if (!isModule(bytes))
    throw new RebuildError(
      'module-malformed',
      `what lies in ${path} begins like no WebAssembly module or component`,
    );
  return bytes;
}

/** A core module within a component. */
function locateInside(component: Uint8Array, inside: string, path: string): Uint8Array {
  try {
    for (const node of walkNodes(readBinary(component, { canonical: false })))
      if (node.path === inside) return component.subarray(node.offset, node.offset + node.size);
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    throw new RebuildError('module-malformed', `the component in ${path}: ${error.message}`, {
      cause: error,
    });
  }
  throw new RebuildError('module-not-found', `the component in ${path} has no ${inside}`);
}

/** The marker must be unique, or another place in the file could be the one that runs. */
function afterMarker(text: string, marker: string, path: string): number {
  const needle = Buffer.from(marker, 'utf8').toString('latin1');
  const first = text.indexOf(needle);
  if (first < 0)
    throw new RebuildError('module-not-found', `${path} does not hold ${JSON.stringify(marker)}`);
  if (text.includes(needle, first + 1))
    throw new RebuildError(
      'module-ambiguous',
      `${path} holds ${JSON.stringify(marker)} more than once: choose a marker that is unique`,
    );
  return first + needle.length;
}
