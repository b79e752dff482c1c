import type { ComponentNode } from '@touchstone/wasm';
import { ComposeError } from '../errors.js';
import { isNewer, mayStandFor } from './interface-name.js';
import type { CompositionPlan } from './plan.js';

/** Which export of which instance is given for an import. */
export interface Given {
  readonly instance: string;
  readonly export: string;
}

export interface WiredInstance {
  readonly name: string;
  readonly component: string;
  /** By name of the import; those that are not here are left to the host. */
  readonly args: ReadonlyMap<string, Given>;
}

export interface LiftedExport extends Given {
  readonly as: string;
}

export interface Wiring {
  /** Each after those that give it something, otherwise in the order of the plan. */
  readonly instances: readonly WiredInstance[];
  readonly exports: readonly LiftedExport[];
}

type PlannedInstance = NonNullable<CompositionPlan['instances']>[number];

/** Names of imports or exports with the sort of each. */
type Ports = ReadonlyMap<string, string>;

/**
 * Works out who gives what to whom, by names alone.
 *
 * @throws ComposeError `component-unknown`, `instance-unknown`, `instance-duplicate`,
 * `import-unknown`, `export-unknown`, `export-duplicate`, `wiring-ambiguous`, `wiring-cycle`,
 * `plug-unused`
 */
export function wire(
  plan: CompositionPlan,
  components: ReadonlyMap<string, ComponentNode>,
): Wiring {
  const planned = plannedInstances(plan);
  const wirer = new Wirer(planned, components);
  const instances = planned.map((instance) => wirer.wire(instance));
  if (plan.plug !== undefined) refuseUnused(plan.plug.plugs, instances);
  const lifted = plan.exports ?? [{ instance: plan.plug?.socket ?? '' }];
  return { instances: inOrder(instances), exports: wirer.lift(lifted) };
}

function plannedInstances({ plug, instances }: CompositionPlan): readonly PlannedInstance[] {
  if (plug === undefined) return instances ?? [];
  return [...plug.plugs.map((name) => ({ name })), { name: plug.socket, with: plug.plugs }];
}

class Wirer {
  readonly #componentOf = new Map<string, string>();
  readonly #ports = new Map<string, { readonly imports: Ports; readonly exports: Ports }>();

  constructor(planned: readonly PlannedInstance[], components: ReadonlyMap<string, ComponentNode>) {
    for (const [name, node] of components) this.#ports.set(name, portsByName(node));
    for (const { name, component = name } of planned) {
      if (!components.has(component)) {
        const message = `instance ${name} is to be made of ${component}, which is no component of the plan`;
        throw new ComposeError('component-unknown', name, 0, message);
      }
      if (this.#componentOf.has(name)) {
        const message = `two instances are called ${name}`;
        throw new ComposeError('instance-duplicate', name, 0, message);
      }
      this.#componentOf.set(name, component);
    }
  }

  wire({ name, component = name, ...given }: PlannedInstance): WiredInstance {
    const { imports } = this.#portsOf(name, name);
    const args = new Map<string, Given>();
    for (const [wanted, { instance, export: label }] of Object.entries(given.arguments ?? {})) {
      const sort = imports.get(wanted);
      if (sort === undefined) {
        const message = `${name} has no import ${wanted}; it has ${listed(imports)}`;
        throw new ComposeError('import-unknown', name, 0, message);
      }
      args.set(wanted, {
        instance,
        export: this.#exportOf(name, instance, label ?? wanted, label),
      });
    }
    for (const [wanted, sort] of imports) {
      if (args.has(wanted)) continue;
      const found = this.#offered(name, wanted, sort, given.with ?? []);
      if (found !== undefined) args.set(wanted, found);
    }
    return { name, component, args };
  }

  /** The export that an argument means: by its very name, or when none is given a compatible one. */
  #exportOf(user: string, instance: string, wanted: string, exact?: string): string {
    const { exports } = this.#portsOf(instance, user);
    const found =
      exact === undefined ? best(exports, wanted) : exports.has(exact) ? exact : undefined;
    if (found !== undefined) return found;
    const message = `${instance} exports nothing that could be ${wanted} of ${user}; it has ${listed(exports)}`;
    throw new ComposeError('export-unknown', instance, 0, message);
  }

  #offered(
    user: string,
    wanted: string,
    sort: string,
    instances: readonly string[],
  ): Given | undefined {
    const offers = [...new Set(instances)].flatMap((instance) => {
      const { exports } = this.#portsOf(instance, user);
      const found = best(exports, wanted, sort);
      return found === undefined ? [] : [{ instance, export: found }];
    });
    const exact = offers.filter((offer) => offer.export === wanted);
    const fitting = exact.length > 0 ? exact : offers;
    if (fitting.length <= 1) return fitting[0];
    const names = fitting.map(({ instance }) => instance).join(', ');
    const message = `${wanted} of ${user} could be given by each of ${names}: say which in its arguments`;
    throw new ComposeError('wiring-ambiguous', user, 0, message);
  }

  lift(planned: NonNullable<CompositionPlan['exports']>): LiftedExport[] {
    const lifted = planned.flatMap(({ instance, export: label, as }): LiftedExport[] => {
      const { exports } = this.#portsOf(instance, '/');
      if (label === undefined) {
        return [...exports.keys()].map((name) => ({ instance, export: name, as: as ?? name }));
      }
      if (!exports.has(label)) {
        const message = `${instance} has no export ${label}; it has ${listed(exports)}`;
        throw new ComposeError('export-unknown', instance, 0, message);
      }
      return [{ instance, export: label, as: as ?? label }];
    });
    const names = new Set<string>();
    for (const { instance, as } of lifted) {
      if (names.has(as)) {
        const message = `two exports of the whole are called ${as}`;
        throw new ComposeError('export-duplicate', instance, 0, message);
      }
      names.add(as);
    }
    return lifted;
  }

  #portsOf(instance: string, user: string): { readonly imports: Ports; readonly exports: Ports } {
    const ports = this.#ports.get(this.#componentOf.get(instance) ?? '');
    if (ports !== undefined) return ports;
    const message = `${user} speaks of the instance ${instance}, which the plan does not have`;
    throw new ComposeError('instance-unknown', user, 0, message);
  }
}

/** The very name, else the newest that may stand for it. */
function best(exports: Ports, wanted: string, sort?: string): string | undefined {
  const isOf = (name: string): boolean => sort === undefined || exports.get(name) === sort;
  if (exports.has(wanted) && isOf(wanted)) return wanted;
  const fitting = [...exports.keys()].filter((name) => isOf(name) && mayStandFor(name, wanted));
  return fitting.find((name) => !fitting.some((other) => isNewer(other, name)));
}

function portsByName(node: ComponentNode): { imports: Ports; exports: Ports } {
  const imports = new Map<string, string>();
  const exports = new Map<string, string>();
  for (const definition of node.definitions) {
    if (definition.kind === 'import') imports.set(definition.name.name, definition.type.sort);
    else if (definition.kind === 'export') exports.set(definition.name.name, definition.of.sort);
  }
  return { imports, exports };
}

function listed(ports: Ports): string {
  const names = [...ports.keys()];
  if (names.length === 0) return 'none';
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')}, …`;
}

function refuseUnused(plugs: readonly string[], instances: readonly WiredInstance[]): void {
  const used = new Set(
    instances.flatMap(({ args }) => [...args.values()]).map((arg) => arg.instance),
  );
  const idle = plugs.find((plug) => !used.has(plug));
  if (idle === undefined) return;
  const message = `${idle} exports nothing that the socket imports`;
  throw new ComposeError('plug-unused', idle, 0, message);
}

function inOrder(instances: readonly WiredInstance[]): WiredInstance[] {
  const byName = new Map(instances.map((instance) => [instance.name, instance]));
  const ordered: WiredInstance[] = [];
  const done = new Set<string>();
  const open: string[] = [];
  const visit = (instance: WiredInstance): void => {
    const { name, args } = instance;
    if (done.has(name)) return;
    if (open.includes(name)) {
      const circle = [...open.slice(open.indexOf(name)), name].join(' → ');
      const message = `instances need each other: ${circle}`;
      throw new ComposeError('wiring-cycle', name, 0, message);
    }
    open.push(name);
    for (const given of args.values()) {
      const giver = byName.get(given.instance);
      if (giver !== undefined) visit(giver);
    }
    open.pop();
    done.add(name);
    ordered.push(instance);
  };
  instances.forEach(visit);
  return ordered;
}
