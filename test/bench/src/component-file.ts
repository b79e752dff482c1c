const COMPONENT = Buffer.from('\0asm\x0d\0\x01\0', 'latin1');

/** A component of these sections. */
export function component(...sections: readonly Uint8Array[]): Buffer {
  return Buffer.concat([COMPONENT, ...sections]);
}

export function section(id: number, ...parts: (Uint8Array | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  return Buffer.concat([Buffer.from([id]), leb(body.length), body]);
}

export function name(text: string): Buffer {
  return Buffer.concat([leb(text.length), Buffer.from(text)]);
}

export function leb(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
