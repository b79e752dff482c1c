import type { ComponentShape, Members } from '@touchstone/wasm';
import { ComposeError } from '../errors.js';
import { inOrder } from './in-order.js';
import { isNewer } from './interface-name.js';
import { Offers } from './offers.js';
import type { CompositionPlan } from './plan.js';

/** Which export of which instance is given for an import. */
export interface Given {
  readonly instance: string;
  readonly export: string;
  /** Of a type within that export: names of exports, from the outside in. */
  readonly path?: readonly string[];
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

/**
 * Works out who gives what to whom, by names alone.
 *
 * @throws ComposeError `component-unknown`, `instance-unknown`, `instance-duplicate`,
 * `import-unknown`, `export-unknown`, `export-duplicate`, `wiring-ambiguous`, `wiring-cycle`,
 * `plug-unused`
 */
export function wire(
  plan: CompositionPlan,
  components: ReadonlyMap<string, ComponentShape>,
): Wiring {
  const planned = plannedInstances(plan);
  const wirer = new Wirer(planned, components);
  const instances = planned.map((instance) => wirer.wire(instance));
  if (plan.plug !== undefined) refuseUnused(plan.plug.plugs, instances);
  const lifted = plan.exports ?? [{ instance: plan.plug?.socket ?? '' }];
  return { instances: giversFirst(instances), exports: wirer.lift(lifted) };
}

function plannedInstances({ plug, instances }: CompositionPlan): readonly PlannedInstance[] {
  if (plug === undefined) return instances ?? [];
  return [...plug.plugs.map((name) => ({ name })), { name: plug.socket, with: plug.plugs }];
}

class Wirer {
  readonly #componentOf = new Map<string, string>();
  readonly #offersOf = new Map<Members, Offers>();

  constructor(
    planned: readonly PlannedInstance[],
    private readonly components: ReadonlyMap<string, ComponentShape>,
  ) {
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
    const { imports } = this.#shapeOf(name, name);
    const args = new Map<string, Given>();
    for (const [wanted, { instance, export: label }] of Object.entries(given.arguments ?? {})) {
      if (!imports.has(wanted)) {
        const message = `${name} has no import ${wanted}; it has ${listed(imports)}`;
        throw new ComposeError('import-unknown', name, 0, message);
      }
      args.set(wanted, {
        instance,
        export: this.#exportOf(name, instance, label ?? wanted, label),
      });
    }
    for (const [wanted, { sort }] of imports) {
      if (args.has(wanted)) continue;
      const found = this.#offered(name, wanted, sort, given.with ?? []);
      if (found !== undefined) args.set(wanted, found);
    }
    return { name, component, args };
  }

  /** The export that an argument means: by its very name, or when none is given a compatible one. */
  #exportOf(user: string, instance: string, wanted: string, exact?: string): string {
    const { exports } = this.#shapeOf(instance, user);
    const found =
      exact === undefined
        ? this.#offers(exports).best(wanted)
        : exports.has(exact)
          ? exact
          : undefined;
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
      const { exports } = this.#shapeOf(instance, user);
      const found = this.#offers(exports).best(wanted, sort);
      return found === undefined ? [] : [{ instance, export: found }];
    });
    const exact = offers.filter((offer) => offer.export === wanted);
    // An older one fits as long as its types do, but does not stand beside one that must fit.
    const current = offers.filter((offer) => !isNewer(wanted, offer.export));
    const fitting = [exact, current, offers].find((some) => some.length > 0) ?? [];
    if (fitting.length <= 1) return fitting[0];
    const names = fitting.map(({ instance }) => instance).join(', ');
    const message = `${wanted} of ${user} could be given by each of ${names}: say which in its arguments`;
    throw new ComposeError('wiring-ambiguous', user, 0, message);
  }

  lift(planned: NonNullable<CompositionPlan['exports']>): LiftedExport[] {
    const lifted = planned.flatMap(({ instance, export: label, as }): LiftedExport[] => {
      const { exports } = this.#shapeOf(instance, '/');
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

  #offers(exports: Members): Offers {
    const known = this.#offersOf.get(exports);
    if (known !== undefined) return known;
    const made = new Offers(exports);
    this.#offersOf.set(exports, made);
    return made;
  }

  #shapeOf(instance: string, user: string): ComponentShape {
    const shape = this.components.get(this.#componentOf.get(instance) ?? '');
    if (shape !== undefined) return shape;
    const message = `${user} speaks of the instance ${instance}, which the plan does not have`;
    throw new ComposeError('instance-unknown', user, 0, message);
  }
}

function listed(members: Members): string {
  const names = [...members.keys()];
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

function giversFirst(instances: readonly WiredInstance[]): WiredInstance[] {
  const byName = new Map(instances.map((instance) => [instance.name, instance]));
  const givers = ({ args }: WiredInstance): WiredInstance[] =>
    [...args.values()].flatMap((given) => byName.get(given.instance) ?? []);
  return inOrder(instances, givers, (circle) => {
    const names = circle.map(({ name }) => name);
    const message = `instances need each other: ${names.join(' → ')}`;
    throw new ComposeError('wiring-cycle', names[0] ?? '/', 0, message);
  });
}
