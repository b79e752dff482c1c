import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RebuildError } from '../errors.js';
import { download } from '../source/download.js';
import { sha256Hex } from '../source/integrity.js';
import type { ResolvedDependency } from '../toolchain/root-inputs.js';
import { dependencyError } from './fetch-pinned.js';
import { hashFiles, hashZip, parseGoSum, type GoSum } from './go-sum.js';
import { DEPENDENCY_FOLDER, type DependencySources, type FetchedDependencies } from './sources.js';

const MAX_ZIP = 256 * 1024 * 1024;
const MAX_MOD = 16 * 1024 * 1024;
/** Each is named by the provenance. */
const MAX_FETCHED = 3500;

/**
 * Modules by the hashes of go.sum, as a folder that speaks the module proxy protocol. go checks
 * them against go.sum once more; what is checked here first is never laid into the workspace
 * otherwise, and its digest stands in the record.
 */
export async function fetchGoModules(
  text: string,
  workspace: string,
  sources: DependencySources,
  signal?: AbortSignal,
): Promise<FetchedDependencies> {
  const sums = parseGoSum(text);
  if (sums.length > MAX_FETCHED)
    throw new RebuildError(
      'dependencies-unsupported',
      `go.sum names ${sums.length} files, over ${MAX_FETCHED}: vendor the modules in the source`,
    );
  const resolved: ResolvedDependency[] = [];
  const folder = join(workspace, DEPENDENCY_FOLDER, 'go');
  await mkdir(folder, { recursive: true });
  for (const sum of sums) {
    const bytes = await fetchModule(sum, sources, signal);
    const place = join(folder, escapeModule(sum.module), '@v', escapeModule(sum.version));
    await mkdir(dirname(place), { recursive: true });
    await writeFile(`${place}.${sum.of}`, bytes);
    await writeFile(`${place}.info`, JSON.stringify({ Version: sum.version }));
    // Of a module that only its go.mod is needed of, nothing else is fetched.
    const part = sum.of === 'zip' ? '' : '#go.mod';
    resolved.push({
      uri: `pkg:golang/${sum.module}@${encodeURIComponent(sum.version)}${part}`,
      digest: { sha256: sha256Hex(bytes) },
    });
  }
  return {
    resolved,
    environment: { GOPROXY: `file://{workspace}/${DEPENDENCY_FOLDER}/go` },
  };
}

async function fetchModule(
  sum: GoSum,
  sources: DependencySources,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const label = `${sum.module}@${sum.version}.${sum.of}`;
  const cached = await sources.files.recall(sum.hash);
  if (cached !== undefined) return cached;
  const url = `${sources.goProxy}/${escapeModule(sum.module)}/@v/${escapeModule(sum.version)}.${sum.of}`;
  const maxBytes = sum.of === 'zip' ? MAX_ZIP : MAX_MOD;
  let bytes: Uint8Array;
  try {
    bytes = await download(
      url,
      {
        ...sources.download,
        origins: new Set([new URL(url).origin]),
        ...(signal === undefined ? {} : { signal }),
      },
      (body) => collect(body, maxBytes, label),
    );
  } catch (error) {
    throw dependencyError(error, label);
  }
  const found =
    sum.of === 'zip'
      ? await hashZip(bytes)
      : hashFiles([{ name: 'go.mod', sha256: sha256Hex(bytes) }]);
  if (found !== sum.hash)
    throw new RebuildError(
      'dependency-mismatch',
      `${label} has hash ${found}, but go.sum says ${sum.hash}: do not use it`,
    );
  await sources.files.remember(sum.hash, bytes);
  return bytes;
}

async function collect(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  label: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new RebuildError('too-large', `${label} is over ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Paths of the protocol have no upper case: `!a` stands for `A`. */
function escapeModule(path: string): string {
  return path.replaceAll(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}
