// The sections of a core module as they are read and written: what pre-initialise.mjs is made with.
// The module is one that wasm-tools wrote, so nothing is checked that its encoder warrants.

export const SECTION = {
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  data: 11,
  dataCount: 12,
};

/** Each section with its content, in order. */
export function readSections(bytes) {
  const sections = [];
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at];
    const [size, start] = unsigned(bytes, at + 1);
    sections.push({ id, content: bytes.subarray(start, start + size) });
    at = start + size;
  }
  return sections;
}

/** The module again; `rewrite` has by the name of a section what makes its content anew. */
export function assemble(sections, rewrite) {
  const parts = [Buffer.from('\0asm\x01\0\0\0', 'latin1')];
  for (const { id, content } of sections) {
    const name = Object.keys(SECTION).find((each) => SECTION[each] === id);
    const written = Buffer.from(rewrite[name]?.(content) ?? content);
    parts.push(Buffer.from([id]), leb(written.length), written);
  }
  return Buffer.concat(parts);
}

/** After a constant expression of one instruction and its end. */
export function afterConstant(bytes, at) {
  const sizes = { 0x43: 4, 0x44: 8, 0xd0: 1 };
  const operand = bytes[at] in sizes ? at + 1 + sizes[bytes[at]] : unsigned(bytes, at + 1)[1];
  if (bytes[operand] !== 0x0b) throw new Error('a global starts with an expression of its own');
  return operand + 1;
}

/** The expression that gives a number of a type. */
export function constant(type, value) {
  const bits = Buffer.alloc(8);
  switch (type) {
    case 0x7f:
      return Buffer.from([0x41, ...signed(BigInt(value)), 0x0b]);
    case 0x7e:
      return Buffer.from([0x42, ...signed(value), 0x0b]);
    case 0x7d:
      bits.writeFloatLE(value);
      return Buffer.from([0x43, ...bits.subarray(0, 4), 0x0b]);
    case 0x7c:
      bits.writeDoubleLE(value);
      return Buffer.from([0x44, ...bits, 0x0b]);
    default:
      throw new Error(`a mutable global of type ${type} cannot be written down`);
  }
}

export function text(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([leb(bytes.length), bytes]);
}

/** An unsigned LEB128 and the place after it; a signed one is only passed over. */
export function unsigned(bytes, from) {
  let [value, at] = [0, from];
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return [value, at];
  }
}

export function leb(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Buffer.from([...bytes, value]);
}

export function signed(value) {
  const bytes = [];
  for (;;) {
    const low = Number(BigInt.asUintN(7, value));
    value >>= 7n;
    if ((value === 0n && low < 0x40) || (value === -1n && low >= 0x40)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}
