import { readDataSegments } from '../data.js';
import { readFunctions } from '../functions.js';
import {
  moduleAt,
  readBinary,
  walkNodes,
  type Node,
  type ReadComponentOptions,
} from './component.js';
import { readExports } from './module-exports.js';

/**
 * Reads everything this library can read of a file, at every level: besides what `readBinary`
 * reads, the imports, exports, function bounds and data segments of each core module. Types and
 * code are not checked: this is the structure alone.
 *
 * @throws WasmError
 */
export function validateStructure(bytes: Uint8Array, options: ReadComponentOptions = {}): Node {
  const root = readBinary(bytes, options);
  for (const node of walkNodes(root)) {
    if (node.kind !== 'module') continue;
    const module = moduleAt(bytes, node, options.canonicalModules);
    readExports(module);
    readFunctions(module);
    readDataSegments(module);
  }
  return root;
}
