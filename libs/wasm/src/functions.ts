import { WasmError } from './errors.js';
import { countImports, readImports } from './imports.js';
import { MAX_FUNCTIONS } from './limits.js';
import { bodyCursor, expectEnd, findSection, type Span, type WasmModule } from './module.js';

/** A function defined by the module; the span is its body, without the size field before it. */
export interface FunctionBody extends Span {
  /** In the function index space: imported functions are counted first. */
  index: number;
}

/** Size field, count of locals, `end`. */
const MIN_ENTRY_SIZE = 3;
const MIN_BODY_SIZE = 2;

/**
 * Lists the bodies of the code section (core specification 5.5.13) and checks that the function
 * section declares as many.
 *
 * @throws WasmError
 */
export function readFunctions(module: WasmModule): FunctionBody[] {
  const firstIndex = countImports(readImports(module)).function;
  const declared = countDeclared(module);
  const section = findSection(module, 'code');
  const functions: FunctionBody[] = [];
  if (section !== undefined) {
    const cursor = bodyCursor(module, section);
    const count = cursor.count('the number of function bodies', MAX_FUNCTIONS, MIN_ENTRY_SIZE);
    for (let position = 0; position < count; position += 1) {
      const index = firstIndex + position;
      const start = cursor.offset;
      const size = cursor.u32('the size of a function body');
      if (size < MIN_BODY_SIZE) {
        const message = `the body of function ${index} has ${size} bytes, too few for any body`;
        throw new WasmError('function-malformed', start, message);
      }
      functions.push({ index, offset: cursor.offset, size });
      cursor.skip(size, 'a function body');
    }
    expectEnd(cursor, 'code');
  }
  if (functions.length !== declared) {
    const message = `section function declares ${declared} functions, section code has ${functions.length}`;
    throw new WasmError('count-mismatch', section?.offset ?? module.bytes.length, message);
  }
  return functions;
}

function countDeclared(module: WasmModule): number {
  const section = findSection(module, 'function');
  if (section === undefined) return 0;
  const cursor = bodyCursor(module, section);
  const count = cursor.count('the number of functions', MAX_FUNCTIONS, 1);
  for (let position = 0; position < count; position += 1) cursor.u32('the type of a function');
  expectEnd(cursor, 'function');
  return count;
}
