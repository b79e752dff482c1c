import {
  artifactDescriptor,
  artifactUri,
  canonicalJson,
  sourceDescriptor,
} from '@touchstone/attest';
import type { Composition } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import type { ResolvedDependency } from '../toolchain/toolchain.js';
import { sha256Hex } from './integrity.js';
import type { NpmSource } from './npm-source.js';
import type { OciSource } from './oci-source.js';
import type { TarEntry } from './tar.js';
import { readTarball } from './unpack.js';

/** Where the files of a composition's components come from. */
export interface ComponentFetch {
  readonly npm: NpmSource;
  readonly oci: OciSource;
  /** A file at an address, checked against its digest. */
  readonly file: (
    place: { readonly url: string; readonly sha256: string },
    signal?: AbortSignal,
  ) => Promise<Uint8Array>;
}

type Component = Composition['components'][number];

/** In all, as files in the workspace of the build. */
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

/**
 * The workspace of a composition: its plan in canonical JSON (RFC 8785) and every component, named
 * by its digest and held against it.
 *
 * @throws RebuildError of the fetch, `source-not-found`, `integrity-mismatch`, `too-large`
 */
export async function fetchComposition(
  composition: Composition,
  fetch: ComponentFetch,
  signal?: AbortSignal,
): Promise<{ entries: TarEntry[]; dependencies: ResolvedDependency[] }> {
  const plan = Buffer.from(canonicalJson(composition.plan), 'utf8');
  const entries = [placed('source/plan.json', plan)];
  const dependencies: ResolvedDependency[] = [{ ...sourceDescriptor(composition), name: 'source' }];
  let total = 0;
  for (const component of composition.components) {
    const { bytes, fetched, carriers = [] } = await fetchComponent(component, fetch, signal);
    const { sha256 } = component;
    const actual = sha256Hex(bytes);
    if (actual !== sha256) {
      const message = `the component at ${fetched.uri} has SHA-256 ${actual}, not ${sha256}`;
      throw new RebuildError('integrity-mismatch', message);
    }
    total += bytes.length;
    if (total > MAX_TOTAL_BYTES) {
      const message = `the components have more than ${MAX_TOTAL_BYTES} bytes`;
      throw new RebuildError('too-large', message);
    }
    entries.push(placed(`source/components/${sha256}.wasm`, bytes));
    dependencies.push(fetched, ...carriers);
  }
  return { entries, dependencies };
}

function placed(path: string, data: Uint8Array): TarEntry {
  return { path, type: 'file', executable: false, data: Buffer.from(data) };
}

interface FetchedComponent {
  readonly bytes: Uint8Array;
  readonly fetched: ResolvedDependency;
  /** Tarball, manifest and layers: what it was taken out of. */
  readonly carriers?: readonly ResolvedDependency[];
}

/** The bytes, unchecked where the place has a digest of its own, and where they were. */
async function fetchComponent(
  { sha256, from }: Component,
  { npm, oci, file }: ComponentFetch,
  signal?: AbortSignal,
): Promise<FetchedComponent> {
  switch (from.kind) {
    case 'npm': {
      const { path, ...pin } = from;
      const uri = `${artifactUri(pin)}#${encodeURI(path)}`;
      const entries = await readTarball(await npm.tarball(pin, signal));
      const found = entries.find((entry) => entry.path === path);
      if (found === undefined) throw absent(uri);
      const fetched = { uri, digest: { sha256 }, name: 'component' };
      return {
        bytes: found.data,
        fetched,
        carriers: [artifactDescriptor(pin)],
      };
    }
    case 'oci': {
      const uri = artifactUri(from);
      const layer = await oci.files(from, new Set([sha256]), signal);
      // Not a layer of its own, so a file in one of them.
      const { files, dependencies } =
        layer.files.size > 0 ? layer : await oci.files(from, undefined, signal);
      const bytes = [...files.values()].find((content) => sha256Hex(content) === sha256);
      if (bytes === undefined) throw absent(uri);
      const carriers = [artifactDescriptor(from), ...dependencies];
      return { bytes, fetched: { uri, digest: { sha256 }, name: 'component' }, carriers };
    }
    case 'url': {
      const bytes = await file({ url: from.url, sha256 }, signal);
      return { bytes, fetched: { uri: from.url, digest: { sha256 }, name: 'component' } };
    }
  }
}

function absent(uri: string): RebuildError {
  return new RebuildError('source-not-found', `${uri} holds no such component`);
}
