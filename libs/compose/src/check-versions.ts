import {
  parseInterfaceName,
  versionFit,
  versionTrack,
  walkNodes,
  type ComponentNode,
  type NamedReference,
  type Node,
  type SortIndex,
} from '@touchstone/wasm';
import type { Finding } from './errors.js';

/** What is wrong with versions, and what is only worth a word. */
export interface VersionFindings {
  readonly findings: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/**
 * Where one version of an interface is given for another (component model, "Canonical Interface
 * Name"): of the same track a later one fits, an earlier one fits as far as its types do, and one of
 * another track is refused. Also, whether the whole asks its host for two versions of one track.
 */
export function checkVersions(root: Node): VersionFindings {
  const findings: Finding[] = [];
  const warnings: Finding[] = [];
  for (const node of walkNodes(root)) {
    if (node.kind === 'module') continue;
    const names = new OriginNames(node);
    for (const definition of node.definitions) {
      if (definition.kind !== 'instance' || !('component' in definition)) continue;
      for (const argument of definition.args) {
        const finding = checkArgument(node, argument, names, definition.offset);
        if (finding?.code === 'version-incompatible') findings.push(finding);
        else if (finding !== undefined) warnings.push(finding);
      }
    }
  }
  if (root.kind === 'component') warnings.push(...splitVersions(root));
  return { findings, warnings };
}

function checkArgument(
  node: ComponentNode,
  argument: NamedReference,
  names: OriginNames,
  offset: number,
): Finding | undefined {
  const required = parseInterfaceName(argument.name);
  const provided = parseInterfaceName(names.of(argument) ?? '');
  if (provided === undefined || provided.path !== required?.path) return undefined;
  const fit = versionFit(provided.version, required.version);
  if (fit === 'same' || fit === 'newer') return undefined;
  const [given, wanted] = [provided.version, required.version].map((each) => each ?? 'no version');
  const message = `${required.path} is given as ${given}, where ${wanted} is asked for`;
  const code = fit === 'older' ? 'version-older' : 'version-incompatible';
  return { code, node: node.path, offset, message };
}

/** What things are called where they come from: the export or import that they were. */
class OriginNames {
  /** By position of the definition; of exports that stand for others, followed once. */
  readonly #known = new Map<number, string | undefined>();

  constructor(private readonly node: ComponentNode) {}

  of({ sort, index }: SortIndex): string | undefined {
    const { definitions, spaces } = this.node;
    const passed: number[] = [];
    let position = spaces[sort][index];
    let name: string | undefined;
    while (position !== undefined) {
      passed.push(position);
      const definition = definitions[position];
      if (this.#known.has(position)) name = this.#known.get(position);
      else if (definition?.kind === 'import') ({ name } = definition.name);
      else if (definition?.kind === 'alias' && definition.of === 'export') ({ name } = definition);
      else if (definition?.kind === 'export') {
        // An export stands for what was defined before it, so this comes to an end.
        position = spaces[definition.of.sort][definition.of.index];
        continue;
      }
      break;
    }
    for (const each of passed) this.#known.set(each, name);
    return name;
  }
}

function splitVersions(root: ComponentNode): Finding[] {
  const versions = new Map<string, Set<string>>();
  for (const definition of root.definitions) {
    if (definition.kind !== 'import') continue;
    const parsed = parseInterfaceName(definition.name.name);
    const track = parsed?.version === undefined ? undefined : versionTrack(parsed.version);
    if (parsed?.version === undefined || track === undefined) continue;
    const key = `${parsed.path}@${track}`;
    versions.set(key, (versions.get(key) ?? new Set()).add(parsed.version));
  }
  return [...versions].flatMap(([key, different]) => {
    if (different.size < 2) return [];
    const message = `the host is asked for ${key} in ${[...different].join(' and ')}; one would do`;
    return [{ code: 'version-split', node: '/', offset: root.offset, message } as const];
  });
}
