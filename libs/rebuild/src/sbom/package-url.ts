/** A package URL (ECMA-427), taken apart. */
export interface PackageUrl {
  readonly type: string;
  /** Segments joined by `/`; absent when there are none. */
  readonly namespace?: string;
  readonly name: string;
  readonly version?: string;
  readonly qualifiers: Readonly<Record<string, string>>;
  readonly subpath?: string;
}

const MAX_LENGTH = 8192;

/**
 * The canonical text of a package URL. Go module paths keep their case, though the type's definition
 * asks for lower case: two modules may differ in nothing else, and no tool we know lowers them.
 */
export function formatPurl(purl: PackageUrl): string {
  const segments = [...(purl.namespace ?? '').split('/'), ...splitName(purl)].filter(Boolean);
  const version = purl.version === undefined ? '' : `@${encode(purl.version)}`;
  const qualifiers = Object.entries(purl.qualifiers)
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${encode(value)}`)
    .join('&');
  const subpath = (purl.subpath ?? '').split('/').filter(Boolean).map(encode).join('/');
  return (
    `pkg:${purl.type}/${segments.map(encode).join('/')}${version}` +
    (qualifiers === '' ? '' : `?${qualifiers}`) +
    (subpath === '' ? '' : `#${subpath}`)
  );
}

function splitName({ type, name }: PackageUrl): string[] {
  return type === 'golang' || type === 'npm' ? name.split('/') : [name];
}

function encode(text: string): string {
  const escape = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text)
    .replaceAll('%3A', ':')
    .replace(/[!'()*]/g, escape);
}

/** Takes a package URL apart; undefined for what is none. */
export function parsePurl(text: string): PackageUrl | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const found = /^pkg:\/*([A-Za-z][A-Za-z0-9.+-]*)\/+([^?#]+)(?:\?([^#]*))?(?:#(.*))?$/su.exec(
    text,
  );
  if (found === null) return undefined;
  const [, type = '', path = '', query = '', fragment = ''] = found;
  try {
    // A version begins at the last @, unless that begins a scope: a segment before another one.
    const at = path.lastIndexOf('@');
    const isScope = (at === 0 || path[at - 1] === '/') && path.includes('/', at);
    const versioned = at >= 0 && !isScope;
    const segments = (versioned ? path.slice(0, at) : path).split('/').filter(Boolean);
    const names = segments.map(decodeURIComponent);
    const name = names.pop();
    if (name === undefined) return undefined;
    const version = versioned ? decodeURIComponent(path.slice(at + 1)) : '';
    const subpath = fragment.split('/').filter(Boolean).map(decodeURIComponent).join('/');
    return {
      type: type.toLowerCase(),
      ...(names.length === 0 ? {} : { namespace: names.join('/') }),
      name,
      ...(version === '' ? {} : { version }),
      qualifiers: parseQualifiers(query),
      ...(subpath === '' ? {} : { subpath }),
    };
  } catch {
    return undefined;
  }
}

function parseQualifiers(query: string): Record<string, string> {
  const qualifiers: [string, string][] = [];
  for (const pair of query.split('&')) {
    const at = pair.indexOf('=');
    const key = pair.slice(0, at).toLowerCase();
    if (at < 1 || !/^[a-z][a-z0-9._-]*$/.test(key)) continue;
    qualifiers.push([key, decodeURIComponent(pair.slice(at + 1))]);
  }
  return Object.fromEntries(qualifiers);
}

/** Name of the package in its ecosystem: namespace and name together. */
export function purlName({ namespace, name }: PackageUrl): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
