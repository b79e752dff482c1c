import { isVersion } from './versions.js';

/** What a name of an import or export says (component model, Explainer.md, "Import and Export Definitions"). */
export type ParsedName =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'constructor'; readonly resource: string }
  | { readonly kind: 'method' | 'static'; readonly resource: string; readonly label: string }
  | InterfaceName
  /** Forms of earlier drafts that tools still read and write, of imports alone. */
  | { readonly kind: 'dependency' | 'url' | 'integrity' };

export interface InterfaceName {
  readonly kind: 'interface';
  /** Without version: `wasi:io/streams`. */
  readonly path: string;
  /** `wasi:io`. */
  readonly package: string;
  /** `streams`; of a nested one with its slashes. */
  readonly projection: string;
  /** Semantic, or the canonical part of one: `0.2.3`, `0.2`. */
  readonly version?: string;
}

// Each alternative begins differently, so no text can be split in two ways.
const label = '(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)(?:-(?:[0-9a-z]+|[0-9]*[A-Z][0-9A-Z]*))*';
const words = '[a-z][0-9a-z]*(?:-[0-9a-z]+)*';
const labelForm = new RegExp(`^${label}$`, 'u');
const plainForm = new RegExp(
  `^(?:\\[(?:(constructor)\\](${label})|(method|static)\\](${label})\\.(${label}))|(${label}))$`,
  'u',
);
const interfaceForm = new RegExp(`^((?:${words}:)+${words})((?:/${label})+)(?:@(.*))?$`, 'u');
const packageForm = new RegExp(`^(?:${words}:)+${words}(?:/${label})*(?:@(.+))?$`, 'u');
/** Subresource Integrity: a hash and its digest in base64, one or more. */
const digest = 'sha(?:256|384|512)-[A-Za-z0-9+/]+={0,2}(?:\\?[^ <>]*)?';
const digests = ` *${digest}(?: +${digest})* *`;
const hash = `(?:,integrity=<${digests}>)?`;
const drafts = [
  ['dependency', new RegExp(`^(?:un)?locked-dep=<(.+?)>${hash}$`, 'u')],
  ['url', new RegExp(`^url=<[^<>]*>${hash}$`, 'u')],
  ['integrity', new RegExp(`^integrity=<${digests}>$`, 'u')],
] as const;

/** Undefined of what the grammar does not know. */
export function parseExternName(name: string): ParsedName | undefined {
  const plain = plainForm.exec(name);
  if (plain !== null) {
    const [, constructor, constructed, kind, resource, member, alone] = plain;
    if (alone !== undefined) return { kind: 'label', label: alone };
    if (constructor !== undefined) return { kind: 'constructor', resource: constructed ?? '' };
    const of = kind === 'method' ? 'method' : 'static';
    return { kind: of, resource: resource ?? '', label: member ?? '' };
  }
  return parseInterfaceName(name) ?? parseDraft(name);
}

/** `wasi:io/streams@0.2.3`, with or without a version. */
export function parseInterfaceName(name: string): InterfaceName | undefined {
  const [, of, projection, version] = interfaceForm.exec(name) ?? [];
  if (of === undefined || projection === undefined) return undefined;
  const parsed = { package: of, projection: projection.slice(1), path: `${of}${projection}` };
  if (version === undefined) return { kind: 'interface', ...parsed };
  return isVersion(version) ? { kind: 'interface', ...parsed, version } : undefined;
}

export function isLabel(text: string): boolean {
  return labelForm.test(text);
}

function parseDraft(name: string): ParsedName | undefined {
  for (const [kind, form] of drafts) {
    const match = form.exec(name);
    if (match === null) continue;
    return kind === 'dependency' && !isDependency(match[1] ?? '') ? undefined : { kind };
  }
  return undefined;
}

/** `pkgname` with a version, any (`*`), or in braces a range of them: `>=a`, `<b`, `>=a <b`. */
function isDependency(text: string): boolean {
  const match = packageForm.exec(text);
  if (match === null) return false;
  const [, version] = match;
  if (version === undefined) return true;
  if (!version.startsWith('{')) return version === '*' || isVersion(version);
  const [, range] = /^\{(.+)\}$/u.exec(version) ?? [];
  if (range === undefined) return false;
  const [, from, to] = /^(?:>=([^ <>]+))?(?:(?:^| )<([^ <>=]+))?$/u.exec(range) ?? [];
  if (from === undefined && to === undefined) return false;
  return [from, to].every((end) => end === undefined || isVersion(end));
}
