/**
 * Bounds of the reader. Counts follow the implementation limits that the WebAssembly JavaScript
 * interface (section "Implementation-defined Limits") gives to every web engine, so no module that
 * runs in a browser is refused for its counts. The file size is ours.
 */
export const MAX_FILE_SIZE = 256 * 1024 * 1024;
export const MAX_SECTIONS = 10_000;
export const MAX_IMPORTS = 1_000_000;
export const MAX_FUNCTIONS = 1_000_000;
export const MAX_DATA_SEGMENTS = 100_000;
export const MAX_NAME_BYTES = 100_000;
export const MAX_EXPORTS = 1_000_000;

/** Of components within components, and of types within types, together. */
export const MAX_DEPTH = 64;
/** Sections, definitions and the parts of types in a whole file, nested components included. */
export const MAX_COMPONENT_ITEMS = 1_000_000;
/** Results of a start definition: each takes a place in the value index space and no byte. */
export const MAX_START_RESULTS = 1_000;
/** Parts of one type written out as a tree, as wasm-tools bounds it; and its levels. */
export const MAX_TYPE_SIZE = 1_000_000;
export const MAX_TYPE_DEPTH = 200;
/** Steps of typing one file: types made, substituted and compared. */
export const MAX_TYPE_STEPS = 8_000_000;
export const MAX_PRODUCER_FIELDS = 16;
export const MAX_PRODUCER_VALUES = 1_000;
export const MAX_TARGET_FEATURES = 1_000;
