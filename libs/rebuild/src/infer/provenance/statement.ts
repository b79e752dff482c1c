import { z } from 'zod';
import type { GitCommit, NpmTarball } from '@touchstone/contract';
import { refused, type NotVerified } from './outcome.js';
import { repositoryUrl } from './repository-url.js';

const COMMIT = /^[0-9a-f]{40}$/;
const Digest = z.record(z.string(), z.string());
const Named = z.object({ uri: z.string(), digest: Digest });

/** An in-toto statement with SLSA provenance v1 or v0.2, as far as it names package and source. */
const Provenance = z.object({
  subject: z.array(z.object({ name: z.string(), digest: Digest })).max(64),
  predicateType: z.string().startsWith('https://slsa.dev/provenance/'),
  predicate: z.object({
    buildDefinition: z
      .object({ resolvedDependencies: z.array(Named) })
      .optional()
      .catch(undefined),
    invocation: z.object({ configSource: Named }).optional().catch(undefined),
  }),
});

/**
 * The commit that a statement of provenance says a package is from.
 *
 * @param payload of the envelope
 * @returns why not, when the statement is none, is of another package or names no commit
 */
export function attestedSource(payload: Uint8Array, artifact: NpmTarball): GitCommit | NotVerified {
  let statement: unknown;
  try {
    statement = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return refused('provenance-malformed', 'the statement is no JSON');
  }
  const provenance = Provenance.safeParse(statement);
  if (!provenance.success)
    return refused('provenance-malformed', 'the statement is no SLSA provenance');
  if (!isOf(provenance.data.subject, artifact))
    return refused('provenance-subject-mismatch', 'it is of another package or tarball');
  const { buildDefinition, invocation } = provenance.data.predicate;
  const named = [
    ...(buildDefinition?.resolvedDependencies ?? []),
    ...(invocation === undefined ? [] : [invocation.configSource]),
  ];
  for (const { uri, digest } of named) {
    const url = repositoryUrl(uri.split('@')[0] ?? '');
    const commit = digest['gitCommit'] ?? digest['sha1'];
    if (url !== undefined && commit !== undefined && COMMIT.test(commit))
      return { kind: 'git', url, commit };
  }
  return refused('provenance-source-missing', 'it names no commit of a repository');
}

/** Whether a statement is of this tarball: by its package URL, as npm writes it, and its SHA-512. */
function isOf(
  subjects: readonly { name: string; digest: Readonly<Record<string, string>> }[],
  { name, version, integrity }: NpmTarball,
): boolean {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const sha512 = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
  return subjects.some((subject) => subject.name === purl && subject.digest['sha512'] === sha512);
}
