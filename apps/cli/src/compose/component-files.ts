import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { CompositionPlan } from '@touchstone/compose';
import { formatReference, parseReference, Repository } from '@touchstone/oci';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { registryTransport } from '../registries.js';

const MAX_COMPONENT_BYTES = 256 * 1024 * 1024;
const MAX_FOLDER_FILES = 10_000;

export interface ComponentPlaces {
  /** Files named on the command line, and references `oci://host/name@sha256:hex`. */
  readonly components: readonly string[];
  /** Searched for files of the wanted digests. */
  readonly folder?: string;
  readonly allowPrivate: boolean;
  readonly signal: AbortSignal;
}

/**
 * The bytes of a plan's components by their SHA-256: from the files that the plan names beside
 * itself, from a folder, from files and OCI artifacts on the command line. Where they come from has
 * no weight, for the composer holds each against its digest.
 */
export async function findComponents(
  planFile: string,
  plan: CompositionPlan,
  { components, folder, allowPrivate, signal }: ComponentPlaces,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  const wanted = new Set(Object.values(plan.components).map((component) => component.sha256));
  const take = (bytes: Uint8Array): void => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (wanted.has(digest)) found.set(digest, bytes);
  };
  for (const place of components) {
    if (!place.startsWith('oci://')) take(await readBounded(place));
    else for (const bytes of await layersOf(place, wanted, allowPrivate, signal)) take(bytes);
  }
  for (const file of folder === undefined ? [] : await filesOf(folder)) {
    if (found.size < wanted.size) take(await readBounded(file));
  }
  for (const [name, { sha256, file }] of Object.entries(plan.components)) {
    if (found.has(sha256) || file === undefined) continue;
    const path = resolve(dirname(planFile), file);
    take(await readBounded(path));
    if (found.has(sha256)) continue;
    const message = `${path} is not sha256:${sha256}, the component ${name} of the plan`;
    throw new CliError('component-digest-mismatch', message, EXIT.refuted);
  }
  const missing = Object.entries(plan.components).find(([, { sha256 }]) => !found.has(sha256));
  if (missing === undefined) return found;
  const [name, { sha256 }] = missing;
  const message = `no file is sha256:${sha256}, the component ${name} of the plan: name it with --component or --folder`;
  throw new CliError('component-unknown', message, EXIT.absent);
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.wasm'));
  if (files.length > MAX_FOLDER_FILES) {
    const message = `${folder} holds more than ${MAX_FOLDER_FILES} files`;
    throw new CliError('folder-too-large', message, EXIT.usage);
  }
  return files.map(({ name }) => join(folder, name)).sort();
}

/** Those layers of an artifact that are wanted components. */
async function layersOf(
  place: string,
  wanted: ReadonlySet<string>,
  allowPrivate: boolean,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const reference = parseReference(place.slice('oci://'.length));
  const repository = new Repository(
    reference,
    await registryTransport(reference.registry, allowPrivate),
  );
  const { content } = await repository.manifest(
    reference.digest ?? reference.tag ?? 'latest',
    signal,
  );
  if (content.kind !== 'image') {
    const message = `${formatReference(reference)} is an index: name one of the manifests in it`;
    throw new CliError('oci-malformed', message, EXIT.usage);
  }
  const layers = content.image.layers.filter(({ digest }) =>
    wanted.has(digest.slice('sha256:'.length)),
  );
  return Promise.all(
    layers.map((layer) => repository.blob(layer, { maxBytes: MAX_COMPONENT_BYTES }, signal)),
  );
}
