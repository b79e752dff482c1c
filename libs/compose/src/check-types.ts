import { formatMismatch, typeComponent, type Node, type WiringMismatch } from '@touchstone/wasm';
import type { Finding } from './errors.js';
import { located } from './read.js';

/**
 * For every instantiation of the derived graph: what is provided has the type that the import
 * asks for, or more (component model, Explainer.md, "Type Checking").
 *
 * @throws ComposeError with the codes of the reader where the types cannot be told
 */
export function checkTypes(bytes: Uint8Array, root: Node): Finding[] {
  if (root.kind === 'module') return [];
  const found: WiringMismatch[] = [];
  located(bytes, () => typeComponent(bytes, root, { onMismatch: (each) => found.push(each) }));
  return found.map(({ node, target, offset, mismatch }) => {
    const isMissing = mismatch.code === 'import-missing';
    const by = target === undefined ? '' : `, instantiated by ${node}`;
    const message = `${target ?? node}${by}: ${formatMismatch(mismatch)}`;
    const code = isMissing ? 'argument-missing' : 'interface-incompatible';
    return { code, node: target ?? node, offset, message };
  });
}
