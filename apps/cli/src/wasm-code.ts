import { walkNodes, type Node } from '@touchstone/wasm';

// Node has it; its types come with the DOM's, which do not belong here.
declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => unknown;
};

/** Why an engine does not take the code of a module. */
export interface CodeRefusal {
  /** In bytes, of the module in the file. */
  readonly offset: number;
  readonly message: string;
}

/** The engine that {@link refusedCode} asks. */
export const ENGINE = `V8 ${process.versions.v8}`;

/**
 * The first module, at any level, that this Node's WebAssembly engine does not validate: for its
 * types, its code, or a feature that the engine does not know. It is compiled to learn why, and
 * never run.
 */
export function refusedCode(bytes: Uint8Array, root: Node): CodeRefusal | undefined {
  for (const node of walkNodes(root)) {
    if (node.kind !== 'module') continue;
    const module = bytes.subarray(node.offset, node.offset + node.size);
    if (WebAssembly.validate(module)) continue;
    return { offset: node.offset, message: whyNot(module) };
  }
  return undefined;
}

function whyNot(module: Uint8Array): string {
  try {
    new WebAssembly.Module(module);
    return 'not valid';
  } catch (error) {
    return error instanceof Error ? error.message : 'not valid';
  }
}
