import {
  formatMismatch,
  instantiate,
  TypeBudget,
  WasmError,
  type ComponentShape,
  type ItemShape,
  type Members,
  type Mismatch,
  type Owner,
} from '@touchstone/wasm';
import { ComposeError } from '../errors.js';
import { compatibilityKey } from './interface-name.js';
import { OuterImports, type OuterImport } from './outer-imports.js';
import { Places } from './places.js';
import type { Given, WiredInstance, Wiring } from './wiring.js';

/** Everything that a composition is put together from, typed. */
export interface Linked {
  /** With types that follow from what they are given otherwise. */
  readonly instances: readonly WiredInstance[];
  /** What is left to the host, each after those whose types it uses. */
  readonly imports: readonly OuterImport[];
  /** By instance. */
  readonly exports: ReadonlyMap<string, Members>;
}

/**
 * Gathers what nobody gives, and holds every instance against what it is given, by the subtyping of
 * the component model: nothing else says what fits.
 *
 * @param allowed what may be left to the host, by name or by what it begins with and `*`
 * @throws ComposeError `type-mismatch`, `import-unsatisfied`, `import-entangled`,
 * `composition-too-large`
 */
export function link(
  { instances }: Wiring,
  shapes: ReadonlyMap<string, ComponentShape>,
  allowed: readonly string[] | undefined,
): Linked {
  const budget = new TypeBudget();
  try {
    const outer = new OuterImports(budget);
    const wired = instances.map((instance) => {
      const { imports } = shapeOf(instance.component, shapes);
      const places = placesOf(instance, imports, budget);
      const implied = impliedBy(places, instance, imports);
      const whole = { ...instance, args: new Map([...instance.args, ...implied]) };
      const known = implied.size === 0 ? places : placesOf(whole, imports, budget);
      leaveToHost(whole, imports, { places: known, allowed, outer });
      return whole;
    });
    const imports = outer.finish();
    const exports = instantiateAll(wired, shapes, imports, budget);
    return { instances: wired, imports, exports };
  } catch (cause) {
    if (!(cause instanceof WasmError)) throw cause;
    const code = cause.code === 'type-too-large' ? 'composition-too-large' : cause.code;
    throw new ComposeError(code, '/', 0, `the composition: ${cause.message}`, { cause });
  }
}

function placesOf({ name, args }: WiredInstance, imports: Members, budget: TypeBudget): Places {
  return new Places(name, imports, (wanted) => args.has(wanted), budget);
}

/** A type that is imported as another name of one in an interface that is given is given with it. */
function impliedBy(
  places: Places,
  { args }: WiredInstance,
  imports: Members,
): ReadonlyMap<string, Given> {
  const implied = new Map<string, Given>();
  for (const [wanted, { sort, type }] of imports) {
    if (sort !== 'type' || args.has(wanted)) continue;
    const root = places.rootOf(type);
    const given = root && args.get(root.import);
    if (given !== undefined) implied.set(wanted, { ...given, path: root?.path ?? [] });
  }
  return implied;
}

function leaveToHost(
  { name, args }: WiredInstance,
  imports: Members,
  to: { places: Places; allowed: readonly string[] | undefined; outer: OuterImports },
): void {
  for (const [wanted, item] of imports) {
    if (args.has(wanted)) continue;
    if (to.allowed !== undefined) checkAllowed(name, wanted, to.allowed);
    to.outer.adopt(to.places, wanted, item);
  }
}

function instantiateAll(
  instances: readonly WiredInstance[],
  shapes: ReadonlyMap<string, ComponentShape>,
  imports: readonly OuterImport[],
  budget: TypeBudget,
): Map<string, Members> {
  const owner: Owner = { what: 'exports' };
  const byKey = new Map(imports.map((each) => [each.key, each]));
  const exportsOf = new Map<string, Members>();
  for (const instance of instances) {
    const component = shapeOf(instance.component, shapes);
    const given = new Map<string, ItemShape>();
    for (const wanted of component.imports.keys()) {
      const from = instance.args.get(wanted);
      const item =
        from === undefined ? byKey.get(compatibilityKey(wanted))?.item : exportOf(from, exportsOf);
      if (item !== undefined) given.set(wanted, item);
    }
    const { exports, mismatch } = instantiate(component, given, owner, budget);
    if (mismatch !== undefined) refuse(instance, mismatch);
    exportsOf.set(instance.name, exports);
  }
  return exportsOf;
}

/** An export of an instance, or what stands within it. */
export function exportOf(
  { instance, export: name, path = [] }: Given,
  exportsOf: ReadonlyMap<string, Members>,
): ItemShape | undefined {
  let item: ItemShape | undefined = exportsOf.get(instance)?.get(name);
  for (const inner of path)
    item = item?.sort === 'instance' ? item.type.exports.get(inner) : undefined;
  return item;
}

function refuse({ name, args }: WiredInstance, mismatch: Mismatch): never {
  const wanted = (mismatch.path[0] ?? '').slice('import '.length);
  const given = args.get(wanted);
  const by =
    given === undefined ? 'the host by what others ask' : `${given.instance} by ${given.export}`;
  const message = `${name}, given by ${by}: ${formatMismatch(mismatch)}`;
  throw new ComposeError('type-mismatch', name, 0, message);
}

function shapeOf(component: string, shapes: ReadonlyMap<string, ComponentShape>): ComponentShape {
  const shape = shapes.get(component);
  if (shape === undefined) throw new Error(`component ${component} is lost`);
  return shape;
}

function checkAllowed(user: string, wanted: string, allowed: readonly string[]): void {
  const isAllowed = allowed.some((pattern) =>
    pattern.endsWith('*') ? wanted.startsWith(pattern.slice(0, -1)) : wanted === pattern,
  );
  if (isAllowed) return;
  const message = `${wanted} of ${user} is given by nobody, and the plan does not leave it to the host`;
  throw new ComposeError('import-unsatisfied', user, 0, message);
}
