/** What can be wrong with the bytes of a binary. Each code has one meaning and does not change. */
export type WasmErrorCode =
  /** The file does not begin with `\0asm`. */
  | 'not-wasm'
  /** A version or layer that is neither module nor component. */
  | 'version-unsupported'
  /** A component (layer 1) where a core module was to be read. */
  | 'component-unsupported'
  /** A core module (layer 0) where a component was to be read. */
  | 'component-expected'
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
  /** Components or types nested deeper than the reader follows. */
  | 'depth-exceeded'
  /** An index that nothing defined before it has. */
  | 'index-out-of-range'
  /** A second import, export, argument or label of the same name where names are unique. */
  | 'name-duplicate'
  | 'import-malformed'
  | 'export-malformed'
  | 'function-malformed'
  | 'data-malformed'
  /** A type of a component, or a core type within it, that the specification does not know. */
  | 'type-malformed'
  /** An instance, alias, canonical function or other definition the specification does not know. */
  | 'definition-malformed'
  /** A name that the grammar of imports and exports does not know, or of what it cannot be. */
  | 'name-invalid'
  /** An import or export speaks of a type that has no name outside of its component. */
  | 'type-unnamed'
  /** Types larger, or dearer to compare, than the reader goes along with. */
  | 'type-too-large'
  /** Types of what is put together do not agree. */
  | 'type-mismatch'
  /** An instantiation leaves out an import. */
  | 'argument-missing'
  /** An instance does not export what an alias names. */
  | 'export-unknown'
  /** A custom section that was asked for is not there. */
  | 'custom-missing'
  /** Types that have no form in WIT. */
  | 'wit-inexpressible'
  /** A custom section whose content is not what its name promises. */
  | 'custom-malformed'
  /** A `signature` section that is not the first of its module or component. */
  | 'signature-misplaced'
  /** A second `signature` section in one module or component. */
  | 'signature-doubled'
  /** Signatures in another version, for another content or over another hash than is known. */
  | 'signature-version'
  /** Signatures, or a delimiter between what is signed, that are not what the format says. */
  | 'signature-malformed';

/** Refusal of a binary's bytes; `offset` is where in the file the trouble begins. */
export class WasmError extends Error {
  override readonly name = 'WasmError';

  constructor(
    readonly code: WasmErrorCode,
    readonly offset: number,
    /** What is wrong, without the place. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${reason} (at byte ${offset}, 0x${offset.toString(16)})`, options);
  }
}
