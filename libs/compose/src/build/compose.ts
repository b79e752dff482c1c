import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { typeComponent, type ComponentShape } from '@touchstone/wasm';
import { checkTypes } from '../check-types.js';
import { ComposeError } from '../errors.js';
import type { Sha256 } from '../graph.js';
import { MAX_FILE_BYTES } from '../limits.js';
import { located, readComposition } from '../read.js';
import { composeManifest, embedManifest } from '../write-manifest.js';
import { Assembly, type Part } from './assembly.js';
import { compatibilityKey } from './interface-name.js';
import { link } from './link.js';
import type { CompositionPlan } from './plan.js';
import { wire } from './wiring.js';

/** Where one import of one instance comes from. */
export interface Connection {
  readonly import: string;
  /** Another instance, or the host by the name that the whole imports it by. */
  readonly from: { readonly instance: string; readonly export: string } | { readonly host: string };
}

export interface Composition {
  readonly bytes: Uint8Array;
  /** In the order in which they are instantiated. */
  readonly instances: readonly {
    readonly name: string;
    readonly component: string;
    readonly connections: readonly Connection[];
  }[];
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/**
 * Composes components by a plan into one component, in which each of them stands byte for byte.
 * Plan and components decide every byte.
 *
 * @param components by hex SHA-256
 * @throws ComposeError of the reader, of {@link wire} and of {@link link};
 * `component-unknown`, `component-digest-mismatch`, `component-expected`, `item-unsupported`,
 * `composition-too-large`
 */
export function compose(
  plan: CompositionPlan,
  components: ReadonlyMap<string, Uint8Array>,
  { sha256 = nobleSha256 }: { readonly sha256?: Sha256 } = {},
): Composition {
  const parts = readParts(plan, components, sha256);
  const shapes = new Map([...parts].map(([name, { shape }]) => [name, shape]));
  const wiring = wire(plan, shapes);
  const linked = link(wiring, shapes, plan.imports);
  const bare = new Assembly(linked, wiring.exports, parts).assemble();
  checkComposed(bare);
  const bytes =
    plan.manifest === undefined
      ? bare
      : embedManifest(bare, composeManifest(bare, { claims: plan.manifest, sha256 }));
  const nameOf = new Map(linked.imports.map(({ key, name }) => [key, name]));
  const instances = linked.instances.map(({ name, component, args }) => ({
    name,
    component,
    connections: (parts.get(component)?.imports ?? []).map((wanted) => {
      const given = args.get(wanted);
      const host = nameOf.get(compatibilityKey(wanted)) ?? wanted;
      const from = given && { instance: given.instance, export: given.export };
      return { import: wanted, from: from ?? { host } };
    }),
  }));
  return {
    bytes,
    instances,
    imports: linked.imports.map(({ name }) => name),
    exports: wiring.exports.map(({ as }) => as),
  };
}

/** What was written is read and typed like any other component before it is handed out. */
function checkComposed(bytes: Uint8Array): void {
  const [finding] = checkTypes(bytes, readComposition(bytes));
  if (finding === undefined) return;
  throw new ComposeError('type-mismatch', finding.node, finding.offset ?? 0, finding.message);
}

interface TypedPart extends Part {
  readonly shape: ComponentShape;
}

function readParts(
  { components: planned }: CompositionPlan,
  components: ReadonlyMap<string, Uint8Array>,
  sha256: Sha256,
): Map<string, TypedPart> {
  const parts = new Map<string, TypedPart>();
  let size = 0;
  for (const [name, { sha256: digest }] of Object.entries(planned)) {
    const bytes = components.get(digest);
    if (bytes === undefined) {
      const message = `component ${name}, sha256:${digest}, is not at hand`;
      throw new ComposeError('component-unknown', name, 0, message);
    }
    size += bytes.length;
    if (size > MAX_FILE_BYTES) {
      const message = `the components have more than ${MAX_FILE_BYTES} bytes`;
      throw new ComposeError('composition-too-large', name, 0, message);
    }
    const actual = bytesToHex(sha256(bytes));
    if (actual !== digest) {
      const message = `component ${name} is sha256:${actual}, the plan wants sha256:${digest}`;
      throw new ComposeError('component-digest-mismatch', name, 0, message);
    }
    const node = readComposition(bytes);
    if (node.kind === 'module') {
      const message = `${name} is a core module; a component is composed of components`;
      throw new ComposeError('component-expected', name, 0, message);
    }
    const shape = located(bytes, () => typeComponent(bytes, node));
    parts.set(name, { bytes, shape, imports: [...shape.imports.keys()] });
  }
  return parts;
}
