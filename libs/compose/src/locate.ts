/** A module or component as far as its section headers can be followed. */
export interface Located {
  path: string;
  /** What the section that holds it, or for the file the preamble, says it is. */
  kind: 'module' | 'component';
  offset: number;
  size: number;
}

/** As deep as the reader goes. */
const MAX_DEPTH = 64;

/**
 * The innermost module or component that a byte belongs to, in a file that may be broken: headers
 * are followed as long as they make sense. For messages and diagnosis, never for a verdict.
 */
export function locate(bytes: Uint8Array, offset: number): Located {
  const root: Located = {
    path: '/',
    kind: bytes[6] === 1 ? 'component' : 'module',
    offset: 0,
    size: bytes.length,
  };
  let node = root;
  for (let depth = 0; depth < MAX_DEPTH && node.kind === 'component'; depth += 1) {
    const child = childAt(bytes, node, offset);
    if (child === undefined) break;
    node = child;
  }
  return node;
}

function childAt(bytes: Uint8Array, parent: Located, offset: number): Located | undefined {
  const ordinals = { module: 0, component: 0 };
  const end = parent.offset + parent.size;
  let at = parent.offset + 8;
  while (at < end && at <= offset) {
    const id = bytes[at];
    const header = sizeAt(bytes, at + 1, end);
    if (header === undefined) return undefined;
    const { body, size } = header;
    if (size > end - body) return undefined;
    if (id === 1 || id === 4) {
      const kind = id === 1 ? 'module' : 'component';
      const path = `${parent.path === '/' ? '' : parent.path}/${kind}[${ordinals[kind]++}]`;
      const isWithin = offset >= body && offset < body + size;
      if (isWithin)
        return beginsLikeWasm(bytes, body) ? { path, kind, offset: body, size } : undefined;
    }
    at = body + size;
  }
  return undefined;
}

/** The magic that modules and components have in common. */
export function beginsLikeWasm(bytes: Uint8Array, at: number): boolean {
  return [0x00, 0x61, 0x73, 0x6d].every((byte, index) => bytes[at + index] === byte);
}

function sizeAt(
  bytes: Uint8Array,
  start: number,
  end: number,
): { body: number; size: number } | undefined {
  let size = 0;
  for (let index = 0; index < 5 && start + index < end; index += 1) {
    const byte = bytes[start + index] ?? 0;
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { body: start + index + 1, size };
  }
  return undefined;
}
