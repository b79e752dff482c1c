import { MAX_FILE_SIZE } from '../limits.js';
import { readBinary, type ComponentNode, type Node } from './component.js';
import { unsignedLeb } from './leb.js';
import { PREAMBLE_SIZE } from './preamble.js';

interface Stripped {
  parts: Uint8Array[];
  size: number;
}

/**
 * A module or component without its custom sections at any level, but for those named in `keep`.
 * The sizes of sections around a removal are written anew in their shortest form; every other byte
 * stays as it is, so stripping twice changes nothing more.
 *
 * @throws WasmError when the bytes are neither
 */
export function stripBinary(
  bytes: Uint8Array,
  options: { keep?: readonly string[]; maxFileSize?: number } = {},
): Uint8Array {
  const { keep, maxFileSize = MAX_FILE_SIZE } = options;
  const node = readBinary(bytes, { canonical: false, maxFileSize });
  return joined(stripNode(bytes, node, new Set(keep)));
}

function stripNode(bytes: Uint8Array, node: Node, keep: ReadonlySet<string>): Stripped {
  const stripped: Stripped = { parts: [], size: 0 };
  add(stripped, bytes.subarray(node.offset, node.offset + PREAMBLE_SIZE));
  for (const section of node.sections) {
    const { customName, offset, bodyOffset, bodySize } = section;
    if (customName !== undefined && !keep.has(customName)) continue;
    const child = 'child' in section ? childOf(node, section.child) : undefined;
    const body = child === undefined ? undefined : stripNode(bytes, child, keep);
    if (body === undefined || body.size === bodySize) {
      add(stripped, bytes.subarray(offset, bodyOffset + bodySize));
      continue;
    }
    add(stripped, Uint8Array.from([section.id, ...unsignedLeb(body.size)]));
    for (const part of body.parts) stripped.parts.push(part);
    stripped.size += body.size;
  }
  return stripped;
}

function childOf(node: Node, child: number | undefined): Node | undefined {
  return child === undefined ? undefined : (node as ComponentNode).children[child];
}

function add(stripped: Stripped, part: Uint8Array): void {
  stripped.parts.push(part);
  stripped.size += part.length;
}

/** There may be more parts than a call takes arguments. */
function joined({ parts, size }: Stripped): Uint8Array {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
