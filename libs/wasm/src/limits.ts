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
