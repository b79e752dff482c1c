import { customSections, walkNodes, type Node } from '@touchstone/wasm';
import { MANIFEST_SECTION, OLDER_MANIFEST_SECTION } from './attestation-sections.js';
import { ComposeError } from './errors.js';
import { MAX_MANIFEST_BYTES } from './limits.js';
import { decodeManifest, type AnyManifest } from './manifest.js';

/** A manifest where it stands. */
export interface EmbeddedManifest {
  /** Path of the module or component that it describes. */
  readonly node: string;
  /** Of the section, in the file. */
  readonly offset: number;
  readonly section: string;
  readonly content: AnyManifest;
}

/**
 * The manifest of one node of a file; undefined when it has none.
 *
 * @throws ComposeError `manifest-duplicate`, and those of {@link decodeManifest}
 */
export function manifestOf(bytes: Uint8Array, node: Node): EmbeddedManifest | undefined {
  const [first, second] = customSections(bytes, node).filter(
    ({ name }) => name === MANIFEST_SECTION || name === OLDER_MANIFEST_SECTION,
  );
  if (first === undefined) return undefined;
  if (second !== undefined) {
    const message = `${node.path} has two manifests; which of them holds is anybody's guess`;
    throw new ComposeError('manifest-duplicate', node.path, second.offset, message);
  }
  const { offset, size } = first.content;
  const place = { node: node.path, offset: first.offset };
  const content = decodeManifest(bytes.subarray(offset, offset + size), place);
  return { ...place, section: first.name, content };
}

/**
 * The manifests of all nodes, outermost first.
 *
 * @throws ComposeError as {@link manifestOf} does, `manifest-too-large` for all of them together
 */
export function readManifests(bytes: Uint8Array, root: Node): EmbeddedManifest[] {
  const nodes = [...walkNodes(root)];
  let total = 0;
  for (const node of nodes) {
    for (const { name, offset, size } of customSections(bytes, node)) {
      if (name !== MANIFEST_SECTION && name !== OLDER_MANIFEST_SECTION) continue;
      total += size;
      if (total <= MAX_MANIFEST_BYTES) continue;
      const message = `the manifests of the file have more than ${MAX_MANIFEST_BYTES} bytes`;
      throw new ComposeError('manifest-too-large', node.path, offset, message);
    }
  }
  return nodes.flatMap((node) => manifestOf(bytes, node) ?? []);
}
