/** Bounds of a graph; components nest at most 64 deep, by the bound of their reader. */
export const MAX_NODES = 10_000;
export const MAX_EDGES = 50_000;

/** Imports and exports of the whole, each. */
export const MAX_PORTS = 20_000;

/** Steps of following references through bundles of exports, in a whole file. */
export const MAX_STEPS = 4_000_000;

/** Bytes that are hashed for one graph: each byte once for every level around it. */
export const MAX_HASHED_BYTES = 2 * 1024 * 1024 * 1024;

/** Of all manifests of a file together. */
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
export const MAX_MANIFEST_ITEMS = 2_000_000;
export const MAX_MANIFEST_DEPTH = 16;

/** Of signatures in a whole file, each with each key that it is tried with. */
export const MAX_SIGNATURE_CHECKS = 20_000;

/** Of the components of one composition together; as much as the reader takes. */
export const MAX_FILE_BYTES = 256 * 1024 * 1024;
