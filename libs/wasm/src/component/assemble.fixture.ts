import { concatBytes } from '@noble/hashes/utils.js';

import { join, leb, section, text, vector, type Bytes } from '../assemble.fixture.js';

/** Hand assembly of components for the tests, atop that of modules. */
export const componentPreamble = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

export function component(...sections: Bytes[]): Uint8Array {
  return join(componentPreamble, ...sections);
}

const of =
  (id: number) =>
  (...entries: Bytes[]): Uint8Array =>
    section(id, vector(entries));

export const coreModule = (bytes: Bytes): Uint8Array => section(1, bytes);
export const coreInstances = of(2);
export const coreTypes = of(3);
export const nested = (bytes: Bytes): Uint8Array => section(4, bytes);
export const instances = of(5);
export const aliases = of(6);
export const types = of(7);
export const canons = of(8);
export const start = (bytes: Bytes): Uint8Array => section(9, bytes);
export const imports = of(10);
export const exports = of(11);
export const values = of(12);

export function externName(name: string): Uint8Array {
  return join([0x00], text(name));
}

/** A vector of labels, each followed by further bytes. */
export function labelled(...entries: [string, ...number[]][]): Uint8Array {
  return vector(entries.map(([name, ...rest]) => join(text(name), rest)));
}

export const funcType = [0x40, 0x00, 0x01, 0x00];

/** A component of so many levels, each within the next; built from the inside out. */
export function nestedLevels(levels: number): Uint8Array {
  let size = componentPreamble.length;
  const heads: Uint8Array[] = [];
  for (let level = 1; level < levels; level += 1) {
    const head = join(componentPreamble, [0x04], leb(size));
    heads.push(head);
    size += head.length;
  }
  return concatBytes(...heads.reverse(), Uint8Array.from(componentPreamble));
}
