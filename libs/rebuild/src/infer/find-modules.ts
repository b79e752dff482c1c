import type { ModuleLocation } from '@touchstone/contract';
import { readBinary, walkNodes, WasmError } from '@touchstone/wasm';
import {
  base64Literals,
  byteArrays,
  isModule,
  literalText,
  MAX_MODULE_BYTES,
  packedLiterals,
  type Literal,
  type Packed,
} from '../compare/literals.js';
import { RebuildError } from '../errors.js';
import { sha256Hex } from '../source/integrity.js';

export interface FoundModule {
  /** Unique among what was found, and usable as a module's name in a recipe. */
  readonly name: string;
  readonly layer: 'module' | 'component';
  /** Where it lies, as a recipe says it. */
  readonly location: ModuleLocation;
  /** Hex. */
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

const MAX_FOUND = 4096;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;
const MAX_BROTLI_TEXT = 8 * 1024 * 1024;
const MARKER_LENGTHS = [8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 255];

/**
 * Every module and component in these files: files of their own, literals in text, and the core
 * modules within components. What begins like a module and is none is passed over.
 */
export function findModules(files: ReadonlyMap<string, Uint8Array>): FoundModule[] {
  const found: FoundModule[] = [];
  const names = new Set<string>();
  const add = (hint: string, bytes: Uint8Array, location: ModuleLocation): void => {
    if (found.length >= MAX_FOUND) return;
    const name = uniqueName(hint, names);
    const layer = bytes[6] === 0 ? 'module' : 'component';
    found.push({ name, layer, location, sha256: sha256Hex(bytes), bytes });
    if (layer === 'module' || location.kind === 'bytes') return;
    for (const { path, module } of nestedModules(bytes))
      add(`${name}${path.replaceAll(/[/[\]]+/g, '.')}`, module, { ...location, inside: path });
  };
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const hint = baseName(path);
    if (isModule(bytes)) {
      if (bytes.length <= MAX_MODULE_BYTES) add(hint, bytes, { kind: 'file', path });
    } else if (bytes.length <= MAX_TEXT_BYTES && !bytes.subarray(0, 4096).includes(0))
      for (const literal of literalsOf(path, bytes))
        add(literal.hint ?? hint, literal.bytes, literal.location);
  }
  return found;
}

interface FoundLiteral {
  readonly hint: string | undefined;
  readonly bytes: Uint8Array;
  readonly location: ModuleLocation;
}

function literalsOf(path: string, file: Uint8Array): FoundLiteral[] {
  const { raw, code } = literalText(path, file);
  const packings: Packed[] =
    file.length > MAX_BROTLI_TEXT ? ['gzip', 'deflate'] : ['gzip', 'deflate', 'brotli'];
  const groups: [ModuleLocation, Generator<Literal>][] = [
    [{ kind: 'base64', path }, base64Literals(code, 0, path)],
    [{ kind: 'bytes', path }, byteArrays(code, 0, path)],
    ...packings.map((packed): [ModuleLocation, Generator<Literal>] => [
      { kind: 'base64', path, packed },
      packedLiterals(code, 0, packed),
    ]),
  ];
  return groups.flatMap(([location, literals]) => {
    const all = [...take(literals, MAX_FOUND)];
    return all.flatMap((literal) => {
      const bytes = readLiteral(literal);
      if (bytes === undefined) return [];
      const marker = all.length === 1 ? undefined : markerBefore(raw, literal.start);
      // Without a marker that is unique a recipe could not say which of them is meant.
      if (all.length > 1 && marker === undefined) return [];
      return [
        {
          hint: all.length === 1 ? undefined : nameBefore(raw, literal.start),
          bytes,
          location: marker === undefined ? location : { ...location, marker },
        },
      ];
    });
  });
}

function readLiteral(literal: Literal): Uint8Array | undefined {
  try {
    const bytes = literal.read();
    return isModule(bytes) && bytes.length <= MAX_MODULE_BYTES ? bytes : undefined;
  } catch (error) {
    if (error instanceof RebuildError) return undefined;
    throw error;
  }
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if ((left -= 1) < 0) return;
    yield item;
  }
}

/** The shortest text before a literal that stands nowhere else in the file. */
function markerBefore(raw: string, start: number): string | undefined {
  for (const length of MARKER_LENGTHS) {
    const marker = raw.slice(Math.max(0, start - length), start);
    if (!/^[\x20-\x7e\n\r\t]+$/.test(marker)) return undefined;
    const first = raw.indexOf(marker);
    if (!raw.includes(marker, first + 1)) return marker;
  }
  return undefined;
}

/** What the script calls it: the nearest short string before, `name: "md4", data: "AGFz…"`. */
function nameBefore(raw: string, start: number): string | undefined {
  const before = raw.slice(Math.max(0, start - 160), start);
  return /["']([A-Za-z0-9._-]{1,64})["'][^"'`]{0,80}$/.exec(before)?.[1];
}

function nestedModules(component: Uint8Array): { path: string; module: Uint8Array }[] {
  try {
    return [...walkNodes(readBinary(component, { canonical: false }))]
      .filter(({ kind }) => kind === 'module')
      .map(({ path, offset, size }) => ({
        path,
        module: component.subarray(offset, offset + size),
      }));
  } catch (error) {
    if (error instanceof WasmError) return [];
    throw error;
  }
}

function baseName(path: string): string {
  const base = path.split('/').at(-1) ?? path;
  return base.replace(/\.(?:wasm|[cm]?[jt]s|json|html?)$/, '');
}

function uniqueName(hint: string, names: Set<string>): string {
  const clean = hint.replaceAll(/[^A-Za-z0-9._@+-]+/g, '-').slice(0, 100) || 'module';
  let name = clean;
  for (let next = 2; names.has(name); next += 1) name = `${clean}-${next}`;
  names.add(name);
  return name;
}
