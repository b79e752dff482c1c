import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { RebuildError } from '../errors.js';
import { parsePurl } from './package-url.js';
import { formatOf, readSbom, sbomJson, type ReadSbom } from './read-sbom.js';
import { SpdxDocument } from './spdx-schema.js';

const MAX_PROBLEMS = 64;
const VERSIONS = new Map<string, Spec.Version>(
  Object.values(Spec.Version).map((version) => [version, version]),
);
const validators = new Map<Spec.Version, Validation.JsonStrictValidator>();

export interface SbomProblem {
  /** JSON pointer (RFC 6901). */
  readonly at: string;
  readonly message: string;
}

export interface SbomValidation {
  readonly format: ReadSbom['format'];
  readonly version: string;
  /** Packages or components it names. */
  readonly components: number;
  /** Empty for a valid document; at most 64. */
  readonly problems: readonly SbomProblem[];
}

/**
 * Checks a document against its specification: CycloneDX 1.2 to 1.7 by the JSON schema that comes with
 * the CycloneDX library, SPDX 2.3 by a schema of our own; and in both that what is referred to is
 * there and that package URLs can be read.
 *
 * @throws RebuildError `sbom-malformed` of what is no bill of materials at all, `sbom-too-large`
 */
export async function validateSbom(bytes: Uint8Array): Promise<SbomValidation> {
  const value = sbomJson(bytes);
  const format = formatOf(value);
  const problems =
    format === 'SPDX'
      ? spdxProblems(value)
      : format === undefined
        ? []
        : await cycloneDxProblems(value, bytes);
  if (format !== undefined && problems.length > 0) {
    const version = versionOf(value);
    return { format, version, components: 0, problems: problems.slice(0, MAX_PROBLEMS) };
  }
  const { version, items, ...rest } = readSbom(bytes);
  const unread = items.flatMap(({ purl, name }) =>
    purl === undefined || parsePurl(purl) !== undefined
      ? []
      : [{ at: '', message: `the package URL of ${name} cannot be read` }],
  );
  return {
    ...rest,
    version,
    components: items.length,
    problems: unread.slice(0, MAX_PROBLEMS),
  };
}

function versionOf(value: unknown): string {
  const { specVersion, spdxVersion } = value as { specVersion?: unknown; spdxVersion?: unknown };
  const version = specVersion ?? spdxVersion;
  return typeof version === 'string' ? version.replace(/^SPDX-/, '').slice(0, 16) : 'unknown';
}

async function cycloneDxProblems(value: unknown, bytes: Uint8Array): Promise<SbomProblem[]> {
  const version = versionOf(value);
  const known = VERSIONS.get(version);
  if (known === undefined || ['1.0', '1.1'].includes(version))
    throw new RebuildError('sbom-malformed', `CycloneDX ${version} has no JSON schema here`);
  // Kept: a validator compiles its schema once, which takes a second.
  const validator = validators.get(known) ?? new Validation.JsonStrictValidator(known);
  validators.set(known, validator);
  const error: unknown = await validator.validate(new TextDecoder().decode(bytes));
  const broken = (Array.isArray(error) ? (error as unknown[]) : []).map(schemaProblem);
  if (error !== null && broken.length === 0) broken.push({ at: '', message: 'is not valid' });
  return broken.length > 0 ? broken : referenceProblems(value as CycloneDxShape);
}

function schemaProblem(found: unknown): SbomProblem {
  const { instancePath, message } = found as { instancePath?: unknown; message?: unknown };
  return {
    at: typeof instancePath === 'string' ? instancePath : '',
    message: typeof message === 'string' ? message : 'is not valid',
  };
}

interface CycloneDxShape {
  metadata?: { component?: CycloneDxNode };
  components?: CycloneDxNode[];
  services?: CycloneDxNode[];
  dependencies?: { ref: string; dependsOn?: string[] }[];
}
interface CycloneDxNode {
  'bom-ref'?: string;
  components?: CycloneDxNode[];
  services?: CycloneDxNode[];
}

/** JSON Schema cannot say that a reference must lead somewhere. */
function referenceProblems(bom: CycloneDxShape): SbomProblem[] {
  const refs = new Set<string>();
  const pending = [bom.metadata?.component, ...(bom.components ?? []), ...(bom.services ?? [])];
  for (let next = pending.pop(); pending.length > 0 || next !== undefined; next = pending.pop()) {
    if (next === undefined) continue;
    if (next['bom-ref'] !== undefined) refs.add(next['bom-ref']);
    pending.push(...(next.components ?? []), ...(next.services ?? []));
  }
  return (bom.dependencies ?? []).flatMap(({ ref, dependsOn = [] }, index) =>
    [ref, ...dependsOn]
      .filter((name) => !refs.has(name))
      .map((name) => ({
        at: `/dependencies/${index}`,
        message: `names ${JSON.stringify(name)}, which no component is called`,
      })),
  );
}

function spdxProblems(value: unknown): SbomProblem[] {
  const result = SpdxDocument.safeParse(value);
  if (!result.success)
    return result.error.issues.map(({ path, message }) => ({
      at: path
        .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
        .join(''),
      message,
    }));
  return elementProblems(result.data);
}

function elementProblems(document: SpdxDocument): SbomProblem[] {
  const problems: SbomProblem[] = [];
  const ids = new Set<string>([document.SPDXID]);
  for (const [list, elements] of [
    ['packages', document.packages ?? []],
    ['files', document.files ?? []],
    ['snippets', document.snippets ?? []],
  ] as const)
    for (const [index, { SPDXID }] of elements.entries()) {
      if (ids.has(SPDXID))
        problems.push({ at: `/${list}/${index}/SPDXID`, message: 'stands twice' });
      ids.add(SPDXID);
    }
  const leads = (id: string): boolean =>
    id === 'NONE' || id === 'NOASSERTION' || id.startsWith('DocumentRef-') || ids.has(id);
  for (const [index, relationship] of (document.relationships ?? []).entries())
    for (const key of ['spdxElementId', 'relatedSpdxElement'] as const)
      if (!leads(relationship[key]))
        problems.push({
          at: `/relationships/${index}/${key}`,
          message: 'names no element of the document',
        });
  const describes =
    (document.documentDescribes ?? []).length > 0 ||
    (document.relationships ?? []).some(({ relationshipType }) =>
      relationshipType.startsWith('DESCRIBE'),
    );
  if (!describes) problems.push({ at: '', message: 'does not say what it describes' });
  return problems;
}
