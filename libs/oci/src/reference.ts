import { OciError } from './errors.js';

/** A repository of a registry, and what in it is meant. */
export interface Reference {
  /** `host[:port]` as it was written. */
  readonly registry: string;
  /** The name within the registry, `org/name`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:<hex>` */
  readonly digest?: string;
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[1-9]\d{0,4})?$/;
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Reads `host[:port]/name[:tag][@sha256:hex]` (distribution specification 1.1, "Pulling
 * manifests"). The host is never left out: no registry is anybody's default here.
 *
 * @throws OciError `reference-malformed`
 */
export function parseReference(text: string): Reference {
  const refused = (why: string): OciError =>
    new OciError(
      'reference-malformed',
      `${JSON.stringify(text.slice(0, 300))} ${why}: write host/name, host/name:tag or host/name@sha256:hex`,
    );
  if (text.length > 1024) throw refused('is too long');
  const [named = '', digest, ...more] = text.split('@');
  const slash = named.indexOf('/');
  const registry = named.slice(0, Math.max(slash, 0));
  const [repository = '', tag, ...rest] = named.slice(slash + 1).split(':');
  if (more.length > 0 || rest.length > 0) throw refused('is no reference');
  if (!HOST.test(registry) || !/[.:]|^localhost$/.test(registry))
    throw refused('names no registry host');
  if (!NAME.test(repository) || named.length > 255) throw refused('names no repository');
  if (tag !== undefined && !TAG.test(tag)) throw refused('has no usable tag');
  if (digest !== undefined && !DIGEST.test(digest)) throw refused('has no sha256 digest');
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}
