import { AttestError, parseJson } from '@touchstone/attest';
import { z } from 'zod';
import { ComposeError } from '../errors.js';

/** Of one document, in bytes. */
const MAX_SBOM_BYTES = 64 * 1024 * 1024;
/** Components that all documents of one composition bring together. */
export const MAX_COMPONENTS = 50_000;
const MAX_NESTING = 32;

type Json = Readonly<Record<string, unknown>>;

const refs = z.array(z.string()).optional();
const Document = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string().regex(/^1\.[2-7]$/, 'must be a version of CycloneDX from 1.2 to 1.7'),
  metadata: z
    .looseObject({ component: z.looseObject({ 'bom-ref': z.string().optional() }).optional() })
    .optional(),
  components: z.array(z.looseObject({ type: z.string(), name: z.string() })).optional(),
  dependencies: z
    .array(z.looseObject({ ref: z.string(), dependsOn: refs, provides: refs }))
    .optional(),
  compositions: z
    .array(z.looseObject({ aggregate: z.string(), assemblies: refs, dependencies: refs }))
    .optional(),
});

/** What is not carried over: it speaks of the document or in its references, not of what is in it. */
const DOCUMENT_ONLY = new Set([
  '$schema',
  'bomFormat',
  'specVersion',
  'serialNumber',
  'version',
  'metadata',
]);
const CARRIED = new Set(['components', 'dependencies', 'compositions']);

/** What one bill of materials brings into that of a composition, with its references made unique. */
export interface NestedSbom {
  readonly specVersion: string;
  readonly components: readonly Json[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly compositions: readonly Json[];
  /** Parts of the document that a merged one has no place for, by name. */
  readonly leftOut: readonly string[];
}

/**
 * Reads a CycloneDX document in JSON (ECMA-424) as part of the node `owner`: what the document is
 * about becomes `owner`, every other reference gets it as a prefix. `count` is what is left of the
 * bound on components.
 *
 * @throws ComposeError `sbom-malformed`
 */
export function nestSbom(
  document: Uint8Array | Json,
  owner: string,
  count = { left: MAX_COMPONENTS },
): NestedSbom {
  const parsed = Document.safeParse(
    document instanceof Uint8Array ? read(document, owner) : document,
  );
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw malformed(owner, `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const {
    specVersion,
    metadata,
    components = [],
    dependencies = [],
    compositions = [],
  } = parsed.data;
  const own = metadata?.component?.['bom-ref'];
  const moved = (ref: string): string => (ref === own ? owner : `${owner}|${ref}`);
  return {
    specVersion,
    components: components.map((each) => moveComponent(each, moved, { owner, count, depth: 0 })),
    dependencies: dependencies.map(({ ref, dependsOn = [] }) => ({
      ref: moved(ref),
      dependsOn: dependsOn.map(moved),
    })),
    compositions: compositions.map(({ aggregate, assemblies, dependencies: of }) => ({
      aggregate,
      ...(assemblies && { assemblies: assemblies.map(moved) }),
      ...(of && { dependencies: of.map(moved) }),
    })),
    leftOut: Object.keys(parsed.data)
      .filter((key) => !DOCUMENT_ONLY.has(key) && !CARRIED.has(key))
      .sort(),
  };
}

function read(document: Uint8Array, owner: string): unknown {
  try {
    return parseJson(document, MAX_SBOM_BYTES);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw malformed(owner, cause.message);
  }
}

interface Bounds {
  readonly owner: string;
  readonly count: { left: number };
  readonly depth: number;
}

/** A component with all that was said of it, its reference and those within it moved. */
function moveComponent(component: Json, moved: (ref: string) => string, bounds: Bounds): Json {
  const { owner, count, depth } = bounds;
  if (depth > MAX_NESTING) throw malformed(owner, 'components nest too deep');
  if (--count.left < 0) throw malformed(owner, `more than ${MAX_COMPONENTS} components`);
  const { 'bom-ref': ref, components, ...rest } = component;
  const nested = Array.isArray(components) ? (components as Json[]) : undefined;
  return {
    ...rest,
    ...(typeof ref === 'string' && { 'bom-ref': moved(ref) }),
    ...(nested && {
      components: nested.map((each) =>
        moveComponent(each, moved, { owner, count, depth: depth + 1 }),
      ),
    }),
  };
}

function malformed(node: string, message: string): ComposeError {
  return new ComposeError('sbom-malformed', node, 0, `bill of materials of ${node}: ${message}`);
}
