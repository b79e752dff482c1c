const COMPONENT = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

const leb = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
const text = (value: string): number[] => [...leb(value.length), ...Buffer.from(value)];
const section = (id: number, content: readonly number[]): number[] => [
  ...[id, ...leb(content.length)],
  ...content,
];

/** A component around a module, which stays as it is: one of its functions of 32-bit numbers, lifted. */
export function componentOf(module: Uint8Array, func: string, parameters: number): Uint8Array {
  const names = Array.from({ length: parameters }, (_, index) => [...text(`p${index}`), 0x79]);
  return Uint8Array.from([
    ...COMPONENT,
    ...section(1, [...module]),
    ...section(2, [1, 0x00, 0, 0]),
    ...section(6, [1, 0x00, 0x00, 0x01, 0, ...text(func)]),
    ...section(7, [1, 0x40, parameters, ...names.flat(), 0x01, 0x00]),
    ...section(8, [1, 0x00, 0x00, 0, 0, 0]),
    ...section(11, [1, 0x00, ...text(func.replaceAll('_', '-')), 0x01, 0, 0x00]),
  ]);
}

/** A component that holds others as they are, and makes no use of them. */
export function nestComponents(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from([...COMPONENT, ...parts.flatMap((part) => section(4, [...part]))]);
}
