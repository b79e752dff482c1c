import type { CoreShape } from './shapes.js';

/** The core definitions of a component; undefined of a function whose type is not known. */
export interface CoreSpaces {
  readonly func: (CoreShape | undefined)[];
  readonly table: CoreShape[];
  readonly memory: CoreShape[];
  readonly global: CoreShape[];
  readonly tag: CoreShape[];
  readonly instance: ReadonlyMap<string, CoreShape | undefined>[];
  /** What the contexts of this component hold, once a built-in has said so. */
  context?: string;
}
