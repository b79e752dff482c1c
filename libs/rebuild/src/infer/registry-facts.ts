import { z } from 'zod';
import { GitUrl, Integrity, type GitCommit, type NpmTarball } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import { download, type DownloadOptions } from '../source/download.js';
import { allowedOrigins, registryOf, type RegistryConfig } from '../source/registry-config.js';

export interface RegistryFacts {
  readonly artifact: NpmTarball;
  /** The commit that the package is said to be from. A hint: only a rebuild shows it. */
  readonly commit?: { readonly source: GitCommit; readonly whence: string };
}

const MAX_BYTES = 16 * 1024 * 1024;
const COMMIT = /^[0-9a-f]{40}$/;

const Manifest = z.object({
  dist: z.object({ integrity: Integrity }),
  gitHead: z.string().optional().catch(undefined),
  repository: z
    .union([z.string(), z.object({ url: z.string() }).transform(({ url }) => url)])
    .optional()
    .catch(undefined),
});

const Attestations = z.object({
  attestations: z
    .array(
      z.object({
        predicateType: z.string(),
        bundle: z.object({ dsseEnvelope: z.object({ payload: z.string() }) }),
      }),
    )
    .max(64),
});

/** SLSA provenance v1 and v0.2, as far as they name the package and the source. */
const Provenance = z.object({
  subject: z
    .array(z.object({ name: z.string(), digest: z.record(z.string(), z.string()) }))
    .max(64),
  predicate: z.object({
    buildDefinition: z
      .object({
        resolvedDependencies: z.array(
          z.object({ uri: z.string(), digest: z.record(z.string(), z.string()) }),
        ),
      })
      .optional()
      .catch(undefined),
    invocation: z
      .object({
        configSource: z.object({ uri: z.string(), digest: z.record(z.string(), z.string()) }),
      })
      .optional()
      .catch(undefined),
  }),
});

/**
 * What the registry tells of one version: its integrity, and where its source is, by the SLSA
 * provenance that is attached (`/-/npm/v1/attestations/`) or by `gitHead`.
 *
 * @throws RebuildError of the download, `package-malformed`
 */
export async function readRegistryFacts(
  config: RegistryConfig,
  { name, version }: { name: string; version: string },
  options: Omit<DownloadOptions, 'origins'> = {},
): Promise<RegistryFacts> {
  const { ca, proxy, noProxy } = config;
  const network = {
    ...(ca === undefined ? {} : { ca }),
    ...(proxy === undefined ? {} : { proxy }),
    ...{ noProxy, ...options, origins: allowedOrigins(config) },
  };
  const registry = registryOf(config, name);
  const escaped = name.replace('/', '%2f');
  const read = async (path: string): Promise<unknown> =>
    JSON.parse(await download(registry + path, network, (body) => collect(body, name))) as unknown;
  const manifest = Manifest.safeParse(await read(`${escaped}/${encodeURIComponent(version)}`));
  if (!manifest.success)
    throw new RebuildError(
      'package-malformed',
      `the registry gives no sha512 integrity of ${name}@${version}`,
    );
  const { dist, gitHead, repository } = manifest.data;
  const artifact: NpmTarball = { kind: 'npm', name, version, integrity: dist.integrity };
  // Registries need not have attestations, and mirrors have none.
  const attested = await read(`-/npm/v1/attestations/${escaped}@${version}`).then(
    (document) => commitOfAttestations(document, artifact),
    () => undefined,
  );
  if (attested !== undefined)
    return {
      artifact,
      commit: { source: attested, whence: 'the SLSA provenance in the registry (unverified)' },
    };
  const url = repositoryUrl(repository ?? '');
  if (url === undefined || gitHead === undefined || !COMMIT.test(gitHead)) return { artifact };
  return {
    artifact,
    commit: {
      source: { kind: 'git', url, commit: gitHead },
      whence: 'gitHead in the registry (unverified)',
    },
  };
}

/**
 * The commit that a provenance of this very package names. Its signature is not checked here: what
 * it says is where to look, and the rebuild shows whether it is so.
 */
export function commitOfAttestations(
  document: unknown,
  artifact: NpmTarball,
): GitCommit | undefined {
  const parsed = Attestations.safeParse(document);
  if (!parsed.success) return undefined;
  for (const { predicateType, bundle } of parsed.data.attestations) {
    if (!predicateType.startsWith('https://slsa.dev/provenance/')) continue;
    let statement: unknown;
    try {
      statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString('utf8'));
    } catch {
      continue;
    }
    const provenance = Provenance.safeParse(statement);
    if (!provenance.success || !isOf(provenance.data.subject, artifact)) continue;
    const { buildDefinition, invocation } = provenance.data.predicate;
    const sources = [
      ...(buildDefinition?.resolvedDependencies ?? []),
      ...(invocation === undefined ? [] : [invocation.configSource]),
    ];
    for (const { uri, digest } of sources) {
      const url = repositoryUrl(uri.split('@')[0] ?? '');
      const commit = digest['gitCommit'] ?? digest['sha1'];
      if (url !== undefined && commit !== undefined && COMMIT.test(commit))
        return { kind: 'git', url, commit };
    }
  }
  return undefined;
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

/** `github:org/name`, `git+ssh://git@host/…`, `git://…`: the https URL of the same repository. */
export function repositoryUrl(text: string): string | undefined {
  const forge = /^(github|gitlab|bitbucket):([\w.-]+\/[\w.-]+)$/.exec(text);
  const hosts: Record<string, string> = {
    github: 'github.com',
    gitlab: 'gitlab.com',
    bitbucket: 'bitbucket.org',
  };
  const plain = /^[\w-]+\/[\w.-]+$/.test(text)
    ? `https://github.com/${text}`
    : forge !== null
      ? `https://${hosts[forge[1] ?? ''] ?? ''}/${forge[2] ?? ''}`
      : text
          .replace(/^git\+/, '')
          .replace(/^(?:ssh|git|http):\/\/(?:[\w-]+@)?/, 'https://')
          .replace(/^git@([\w.-]+):/, 'https://$1/')
          .replace(/#.*$/, '')
          .replace(/\/$/, '');
  return plain.startsWith('https://') && GitUrl.safeParse(plain).success ? plain : undefined;
}

async function collect(body: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BYTES)
      throw new RebuildError('too-large', `what the registry tells of ${name} is too large`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
