/** What can be wrong with the bytes of a module. Each code has one meaning and does not change. */
export type WasmErrorCode =
  /** The file does not begin with `\0asm`. */
  | 'not-wasm'
  /** A version or layer that is neither module nor component. */
  | 'version-unsupported'
  /** A component (layer 1): recognised, not read yet. */
  | 'component-unsupported'
  /** The file, or the section being read, ends inside a field. */
  | 'truncated'
  /** The file is larger than the reader was told to accept. */
  | 'file-too-large'
  /** An integer written with more bytes than it needs, where only the shortest form is accepted. */
  | 'leb-overlong'
  /** An integer that does not fit the width its field has in the specification. */
  | 'leb-out-of-range'
  | 'name-too-long'
  | 'name-not-utf8'
  | 'section-unknown'
  | 'section-duplicate'
  | 'section-order'
  /** The section says it is longer than what is left of the file. */
  | 'section-overrun'
  /** The section says it is longer than what it holds. */
  | 'section-trailing-bytes'
  /** More of something than the reader accepts, or than the bytes at hand could hold. */
  | 'count-too-large'
  /** Two sections that must agree on a count do not. */
  | 'count-mismatch'
  | 'import-malformed'
  | 'function-malformed'
  | 'data-malformed';

/** Refusal of a module's bytes; `offset` is where in the file the trouble begins. */
export class WasmError extends Error {
  override readonly name = 'WasmError';

  constructor(
    readonly code: WasmErrorCode,
    readonly offset: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${message} (at byte ${offset}, 0x${offset.toString(16)})`, options);
  }
}
