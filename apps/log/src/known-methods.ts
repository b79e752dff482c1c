/** A parameter of a path, and the rest of one, as the router writes them. */
const VARIABLE = /:[A-Za-z]+|\*/g;

/** Which methods the paths of the API take, learned from its routes as they are added. */
export class KnownMethods {
  readonly #routes = new Map<string, { readonly path: RegExp; readonly methods: Set<string> }>();

  add(url: string, methods: string | readonly string[]): void {
    const route = this.#routes.get(url) ?? { path: pattern(url), methods: new Set() };
    for (const method of [methods].flat()) route.methods.add(method);
    this.#routes.set(url, route);
  }

  /** What may be asked of the path of a URL; nothing when there is no such path. */
  of(url: string): string[] {
    const [path = ''] = url.split('?');
    const found = [...this.#routes.values()].filter((route) => route.path.test(path));
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort();
  }
}

function pattern(url: string): RegExp {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(VARIABLE, (what) => (what === '*' ? '.*' : '[^/]+'))}$`);
}
