import type { ExternName } from '../extern.js';
import type { TypeBudget } from './budget.js';
import { parseExternName, parseInterfaceName, type ParsedName } from './extern-names.js';
import {
  bareValue,
  resourceOf,
  unnamed,
  type AnyShape,
  type FuncShape,
  type ItemShape,
  type ResourceShape,
  type Value,
} from './shapes.js';
import { isVersion } from './versions.js';

const draftKinds: readonly ParsedName['kind'][] = ['dependency', 'url', 'integrity'];

/** The names of one list of imports or exports so far. */
export class NameScope {
  constructor(
    readonly direction: 'import' | 'export',
    private readonly hasResources = true,
  ) {}

  readonly taken = new Set<string>();
  readonly resources = new Map<string, ResourceShape>();

  /** A type under a name; constructors, methods and statics of a resource come after it. */
  addType(name: string, type: AnyShape): void {
    const bare = unnamed(type);
    if (this.hasResources && bare.kind === 'resource') this.resources.set(name, bare);
  }
}

/**
 * Holds a name against its grammar, against those before it and against the type it stands for
 * (component model, Binary.md, "Import and Export Definitions").
 */
export function checkName(
  given: ExternName,
  item: ItemShape,
  scope: NameScope,
  budget: TypeBudget,
): void {
  const { name } = given;
  const parsed = parseExternName(name);
  const isDraft = parsed !== undefined && draftKinds.includes(parsed.kind);
  if (parsed === undefined || (isDraft && scope.direction === 'export')) {
    const message = `${JSON.stringify(name)} is no name of an ${scope.direction}`;
    return budget.refuse('name-invalid', message);
  }
  const canonical = canonicalName(name, parsed);
  if (scope.taken.has(canonical)) {
    budget.refuse('name-duplicate', `${JSON.stringify(name)} is the same name as an earlier one`);
  }
  scope.taken.add(canonical);
  if (parsed.kind === 'label' && item.sort === 'type') scope.addType(name, item.type);
  if ('resource' in parsed) checkMember(name, parsed, item, scope, budget);
  checkAttributes(given, parsed, item, budget);
}

/** Names that are equal here would be one identifier in some language ("Name Uniqueness"). */
function canonicalName(name: string, parsed: ParsedName): string {
  switch (parsed.kind) {
    case 'method':
    case 'static': {
      const [resource, label] = [parsed.resource.toLowerCase(), parsed.label.toLowerCase()];
      return resource === label ? label : `${resource}.${label}`;
    }
    case 'label':
    case 'constructor':
    case 'interface':
      return name.toLowerCase();
    default:
      return name;
  }
}

/** `[constructor]`, `[method]` and `[static]` belong to a resource of the same list. */
function checkMember(
  name: string,
  parsed: Extract<ParsedName, { resource: string }>,
  item: ItemShape,
  scope: NameScope,
  budget: TypeBudget,
): void {
  const refuse = (message: string): never => budget.refuse('name-invalid', `${name} ${message}`);
  if (item.sort !== 'func') return refuse(`is a ${item.sort}, where a func is needed`);
  const resource = scope.resources.get(parsed.resource);
  if (resource === undefined) return refuse(`is of a resource that is not declared before it`);
  if (parsed.kind === 'constructor' && item.type.async) refuse('is async');
  if (parsed.kind === 'constructor' && !constructs(item.type, resource)) {
    refuse('does not return its resource');
  }
  if (parsed.kind === 'method' && !takesSelf(item.type, resource)) {
    refuse('does not take its resource as self');
  }
}

function constructs({ result }: FuncShape, resource: ResourceShape): boolean {
  const owns = (value: Value | undefined): boolean => {
    const bare = value === undefined ? 'bool' : bareValue(value);
    return typeof bare !== 'string' && bare.kind === 'own' && resourceOf(bare) === resource;
  };
  const bare = result === undefined ? 'bool' : bareValue(result);
  return owns(result) || (typeof bare !== 'string' && bare.kind === 'result' && owns(bare.ok));
}

function takesSelf({ params: [self] }: FuncShape, resource: ResourceShape): boolean {
  if (self?.name !== 'self') return false;
  const bare = bareValue(self.type);
  return typeof bare !== 'string' && bare.kind === 'borrow' && resourceOf(bare) === resource;
}

function checkAttributes(
  { name, implements: interfaceName, versionSuffix }: ExternName,
  parsed: ParsedName,
  item: ItemShape,
  budget: TypeBudget,
): void {
  if (interfaceName !== undefined) {
    const fits =
      item.sort === 'instance' &&
      parsed.kind === 'label' &&
      parseInterfaceName(interfaceName) !== undefined;
    if (!fits) budget.refuse('name-invalid', `${name} cannot implement ${interfaceName}`);
  }
  if (versionSuffix === undefined) return;
  if (item.sort !== 'instance') {
    budget.refuse(
      'name-invalid',
      `${name} is a ${item.sort}, and the suffix of a version is of instances`,
    );
  }
  const version = parsed.kind === 'interface' ? parsed.version : undefined;
  if (version === undefined || !isVersion(`${version}${versionSuffix}`)) {
    budget.refuse('name-invalid', `${name} with the suffix ${versionSuffix} has no version`);
  }
}
