import type { Members } from '@touchstone/wasm';
import { compatibilityKey, isNewer } from './interface-name.js';

/** Exports of a component by what they may be given for. */
export class Offers {
  readonly #newest = new Map<string, string>();

  constructor(private readonly exports: Members) {
    for (const [name, { sort }] of exports) {
      for (const key of [keyOf(name), keyOf(name, sort)]) {
        const known = this.#newest.get(key);
        if (known === undefined || isNewer(name, known)) this.#newest.set(key, name);
      }
    }
  }

  /** The very name, else the newest of the same track. */
  best(wanted: string, sort?: string): string | undefined {
    const exact = this.exports.get(wanted);
    const fits = exact !== undefined && (sort === undefined || exact.sort === sort);
    return fits ? wanted : this.#newest.get(keyOf(wanted, sort));
  }
}

function keyOf(name: string, sort = ''): string {
  return `${sort}|${compatibilityKey(name)}`;
}
