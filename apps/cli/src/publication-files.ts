import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { Artifact, GitCommit } from '@touchstone/contract';
import { parseReference, Repository } from '@touchstone/oci';
import {
  readLinkedTarball,
  readRegistryFacts,
  type NpmSource,
  type RegistryConfig,
  type Sources,
} from '@touchstone/rebuild';
import { CliError, EXIT } from './failure.js';
import { readBounded } from './input.js';
import { registryTransport } from './registries.js';

/** A publication somebody named on the command line, and what is in it. */
export interface PublicationFiles {
  readonly label: string;
  /** What a recipe would call it; absent for a folder or an archive, which no recipe can name. */
  readonly artifact?: Artifact;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The commit that `gitHead` in the registry names. */
  readonly gitHead?: GitCommit;
}

export interface Places {
  readonly source: NpmSource;
  readonly sources: Sources;
  readonly registries: RegistryConfig;
  readonly allowPrivate: boolean;
  readonly signal: AbortSignal;
}

const MAX_FILES = 50_000;
const MAX_FOLDER_BYTES = 1024 * 1024 * 1024;

/**
 * Reads `npm:NAME@VERSION`, `oci:HOST/NAME@sha256:HEX` (or a tag), a folder, a tar archive, or any
 * other file.
 */
export async function readPublicationFiles(
  text: string,
  places: Places,
): Promise<PublicationFiles> {
  if (text.startsWith('npm:')) return fromNpm(text.slice('npm:'.length), places);
  if (text.startsWith('oci:')) return fromRegistry(text.slice('oci:'.length), places);
  const found = await stat(text).catch((cause: unknown) => {
    throw new CliError('file-unreadable', `${text} cannot be read`, EXIT.absent, { cause });
  });
  if (found.isDirectory()) return { label: text, files: await readFolder(text) };
  const bytes = await readBounded(text);
  if (/\.(?:tgz|tar|tar\.gz)$/.test(text)) {
    const entries = await readLinkedTarball(bytes);
    return {
      label: text,
      files: new Map(
        entries.flatMap((entry) => ('data' in entry ? [[entry.path, entry.data]] : [])),
      ),
    };
  }
  const name = basename(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    label: text,
    artifact: { kind: 'upload', name, sha256 },
    files: new Map([[name, bytes]]),
  };
}

/** `NAME@VERSION` of the registry. */
export function parsePackage(text: string): { name: string; version: string } {
  const [, name, version] = /^(@?[^@]+)@(\d+\.\d+\.\d+[\w.+-]*)$/.exec(text) ?? [];
  if (name !== undefined && version !== undefined) return { name, version };
  throw new CliError(
    'package-malformed',
    `${text}: write NAME@VERSION, one exact version`,
    EXIT.usage,
  );
}

async function fromNpm(
  text: string,
  { source, registries, allowPrivate, signal }: Places,
): Promise<PublicationFiles> {
  const facts = await readRegistryFacts(registries, parsePackage(text), { allowPrivate, signal });
  const entries = await readLinkedTarball(await source.tarball(facts.artifact, signal));
  return {
    label: `npm:${text}`,
    ...facts,
    files: new Map(entries.flatMap((entry) => ('data' in entry ? [[entry.path, entry.data]] : []))),
  };
}

async function fromRegistry(
  text: string,
  { sources, allowPrivate, signal }: Places,
): Promise<PublicationFiles> {
  const reference = parseReference(text);
  const { registry, repository, tag, digest } = reference;
  const transport = await registryTransport(registry, allowPrivate);
  const wanted = digest ?? tag ?? 'latest';
  const { descriptor } = await new Repository(reference, transport).manifest(wanted, signal);
  const artifact = {
    kind: 'oci',
    repository: `${registry}/${repository}`,
    sha256: descriptor.digest.slice('sha256:'.length),
  } as const;
  const { files } = await sources.oci.files(artifact, undefined, signal);
  return { label: `oci:${artifact.repository}@${descriptor.digest}`, artifact, files };
}

async function readFolder(root: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let total = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const inner = relative(root, path);
    if (!entry.isFile() || /(?:^|\/)(?:node_modules|\.git)\//.test(inner)) continue;
    total += (await stat(path)).size;
    if (files.size >= MAX_FILES || total > MAX_FOLDER_BYTES)
      throw new CliError('folder-too-large', `${root} holds too much to look through`, EXIT.usage);
    files.set(inner, await readBounded(path));
  }
  return files;
}
