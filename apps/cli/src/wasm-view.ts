import {
  customSections,
  digestNodes,
  moduleAt,
  readBuildId,
  readExports,
  readImports,
  readOwnName,
  readProducers,
  readTargetFeatures,
  WasmError,
  walkNodes,
  type ComponentNode,
  type ModuleNode,
  type Node,
  type NodeDigest,
  type ProducersField,
  type Span,
  type TargetFeature,
} from '@touchstone/wasm';
import { readAuditedPackages, type AuditedPackage } from './audited-packages.js';

export interface SectionRow {
  /** Path of the module or component whose section it is. */
  path: string;
  section: string;
  id: number;
  offset: number;
  headerSize: number;
  bodySize: number;
}

export interface NodeView extends NodeDigest {
  name?: string;
  imports: { kind: string; name: string }[];
  exports: { kind: string; name: string }[];
  customSections: string[];
  producers?: ProducersField[];
  targetFeatures?: TargetFeature[];
  /** Hex. */
  buildId?: string;
  /** What cargo auditable wrote: the packages that it says were compiled in. A claim. */
  dependencies?: AuditedPackage[];
}

export function listSections(root: Node): SectionRow[] {
  return [...walkNodes(root)]
    .flatMap((node) =>
      node.sections.map(({ id, name, customName, offset, headerSize, bodySize }) => ({
        path: node.path,
        section: customName === undefined ? name : `custom:${customName}`,
        id,
        offset,
        headerSize,
        bodySize,
      })),
    )
    .sort((a, b) => a.offset - b.offset);
}

/** One line per section in the order of the file, indented by level. */
export function sectionLines(rows: readonly SectionRow[]): string[] {
  const lines = rows.map(({ path, section, offset, bodySize }) => {
    const level = path === '/' ? 0 : path.split('/').length - 1;
    const place = `0x${offset.toString(16).padStart(8, '0')}`;
    return `${place}  ${String(bodySize).padStart(10)}  ${'  '.repeat(level)}${printable(section)}`;
  });
  return [`${'offset'.padEnd(10)}  ${'size'.padStart(10)}  section`, ...lines];
}

export function inspectNodes(
  bytes: Uint8Array,
  root: Node,
  sha256: (data: Uint8Array) => Uint8Array,
): NodeView[] {
  const digests = new Map(digestNodes(bytes, root, sha256).map((digest) => [digest.path, digest]));
  return [...walkNodes(root)].map((node) => {
    const customs = customSections(bytes, node);
    const read = <T>(wanted: string, reader: (bytes: Uint8Array, content: Span) => T) =>
      tolerant(() => {
        const found = customs.find(({ name }) => name === wanted);
        return found === undefined ? undefined : reader(bytes, found.content);
      });
    const name = readOwnName(bytes, node);
    const producers = read('producers', readProducers);
    const targetFeatures = read('target_features', readTargetFeatures);
    const buildId = read('build_id', readBuildId);
    const dependencies = read('.dep-v0', readAuditedPackages);
    return {
      ...(digests.get(node.path) as NodeDigest),
      ...(name === undefined ? {} : { name }),
      ...(node.kind === 'module' ? modulePorts(bytes, node) : componentPorts(node)),
      customSections: customs.map((section) => section.name),
      ...(producers === undefined ? {} : { producers }),
      ...(targetFeatures === undefined ? {} : { targetFeatures }),
      ...(buildId === undefined ? {} : { buildId }),
      ...(dependencies === undefined ? {} : { dependencies }),
    };
  });
}

export function inspectionLines(nodes: readonly NodeView[]): string[] {
  return nodes.flatMap((node) => [
    `${node.path}  ${node.kind}${node.name === undefined ? '' : ` ${printable(node.name)}`}`,
    `  bytes     ${node.offset} to ${node.offset + node.size} (${node.size})`,
    `  sha256    ${node.digest.sha256}`,
    ...node.imports.map(({ kind, name }) => `  import    ${kind} ${printable(name)}`),
    ...node.exports.map(({ kind, name }) => `  export    ${kind} ${printable(name)}`),
    ...node.customSections.map((name) => `  custom    ${printable(name)}`),
    ...(node.producers ?? []).flatMap(({ field, values }) =>
      values.map(({ name, version }) => `  producer  ${printable(`${field}: ${name} ${version}`)}`),
    ),
    ...(node.targetFeatures ?? []).map(
      ({ prefix, name }) => `  feature   ${prefix}${printable(name)}`,
    ),
    ...(node.buildId === undefined ? [] : [`  build id  ${node.buildId}`]),
    ...(node.dependencies ?? []).map(
      ({ name, version }) => `  audited   ${printable(`${name} ${version}`)}`,
    ),
  ]);
}

function modulePorts(bytes: Uint8Array, node: ModuleNode): Pick<NodeView, 'imports' | 'exports'> {
  const module = moduleAt(bytes, node);
  return {
    imports: readImports(module).map(({ kind, module: from, name }) => ({
      kind,
      name: `${from} ${name}`,
    })),
    exports: readExports(module).map(({ kind, name }) => ({ kind, name })),
  };
}

function componentPorts({ definitions }: ComponentNode): Pick<NodeView, 'imports' | 'exports'> {
  const ports: Pick<NodeView, 'imports' | 'exports'> = { imports: [], exports: [] };
  for (const definition of definitions) {
    if (definition.kind === 'import') {
      ports.imports.push({ kind: definition.type.sort, name: definition.name.name });
    } else if (definition.kind === 'export') {
      ports.exports.push({ kind: definition.of.sort, name: definition.name.name });
    }
  }
  return ports;
}

/** Custom sections explain and decide nothing: one that is broken is left out. */
function tolerant<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof WasmError) return undefined;
    throw error;
  }
}

/** Names come from the file: none may pass for a line or a style of ours. */
function printable(name: string): string {
  const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
  return name.replace(hidden, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}
