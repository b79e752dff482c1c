/** What was made for the keys that were asked for last; the one asked for longest ago goes first. */
export class Remembered<V> {
  readonly #max: number;
  /** Least recently used first. */
  readonly #values = new Map<string, V>();

  constructor(max: number) {
    this.#max = max;
  }

  /** What was made for the key, or is made now. What `make` throws is not remembered. */
  get(key: string, make: () => V): V {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#max) {
      this.#values.delete(this.#values.keys().next().value as string);
    }
    return value;
  }
}
