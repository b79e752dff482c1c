import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  AirgapError,
  encodePartHead,
  missingParts,
  PART_LIMITS,
  partHeads,
  partLength,
  planParts,
  readPartHead,
  type PartHead,
} from '@touchstone/airgap';
import { CliError, EXIT } from '../failure.js';
import { nodeHashing, readFileRange } from './hashing.js';

/** Cuts a file into parts of at most `partBytes`; the paths, in order. */
export async function splitFile(
  file: string,
  folder: string,
  partBytes: number,
): Promise<string[]> {
  const { size } = await stat(file);
  const { step, count } = planParts(size, partBytes);
  const digests: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const hash = createHash('sha256');
    for await (const chunk of readFileRange(file, index * step, Math.min(size, (index + 1) * step)))
      hash.update(chunk);
    digests.push(new Uint8Array(hash.digest()));
  }
  await mkdir(folder, { recursive: true });
  const digits = String(count).length;
  const paths: string[] = [];
  for (const head of partHeads(digests, { size, step }, nodeHashing.sha256)) {
    const number = String(head.index + 1).padStart(digits, '0');
    const path = join(folder, `${basename(file)}.part-${number}-of-${count}`);
    await writePart(file, path, head);
    paths.push(path);
  }
  return paths;
}

async function writePart(file: string, path: string, head: PartHead): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx');
  try {
    await handle.writeFile(encodePartHead(head));
    const begin = head.index * head.step;
    for await (const chunk of readFileRange(file, begin, begin + partLength(head))) {
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}

/** A part that is there, checked. */
export interface Part {
  readonly path: string;
  readonly head: PartHead;
  /** Where in the part its bytes of the file begin. */
  readonly begin: number;
}

/** A part that cannot be used, and why. */
export interface DamagedPart {
  readonly path: string;
  readonly reason: string;
}

/** What is there of a file, and what is not. */
export interface JoinResult {
  readonly count: number;
  /** Indices from 0; empty when the file was made. */
  readonly missing: readonly number[];
  readonly damaged: readonly DamagedPart[];
}

/**
 * Puts parts together again, from files and from folders of them, in any order. Parts already there
 * are checked one by one, so a reader that lacks some says which to fetch.
 *
 * @throws AirgapError `part-mixed`, `part-missing` when no part is usable at all
 */
export async function joinParts(paths: readonly string[], file: string): Promise<JoinResult> {
  const { parts, damaged } = await checkParts(paths);
  const missing = missingParts(parts.map(({ head }) => head));
  const count = parts[0]?.head.count ?? 0;
  if (missing.length === 0) await assemble(parts, file);
  return { count, missing, damaged };
}

/**
 * Checks part files, and those that folders hold, each by its own head.
 *
 * @throws CliError `file-unreadable`
 */
export async function checkParts(
  paths: readonly string[],
): Promise<{ parts: Part[]; damaged: DamagedPart[] }> {
  const parts: Part[] = [];
  const damaged: DamagedPart[] = [];
  for (const path of await expand(paths)) {
    try {
      parts.push(await checkPart(path));
    } catch (error) {
      if (!(error instanceof AirgapError)) throw error;
      damaged.push({ path, reason: error.message });
    }
  }
  return { parts, damaged };
}

async function checkPart(path: string): Promise<Part> {
  const handle = await open(path, 'r');
  try {
    const buffer = new Uint8Array(PART_LIMITS.headBytes);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    const { head, begin } = readPartHead(buffer.subarray(0, bytesRead), nodeHashing.sha256);
    const { size } = await handle.stat();
    const hash = createHash('sha256');
    for await (const chunk of readFileRange(path, begin)) hash.update(chunk);
    if (size - begin !== partLength(head) || !hash.digest().equals(head.sha256)) {
      throw new AirgapError('part-digest', `part ${head.index + 1} is damaged; copy it again`);
    }
    return { path, head, begin };
  } finally {
    await handle.close();
  }
}

async function assemble(parts: readonly Part[], file: string): Promise<void> {
  const byIndex = new Map(parts.map((part) => [part.head.index, part]));
  const temporary = `${file}.${randomUUID()}.tmp`;
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, 'wx');
    for (let index = 0; index < byIndex.size; index++) {
      const { path, begin } = byIndex.get(index) as Part;
      for await (const chunk of readFileRange(path, begin)) await handle.writeFile(chunk);
    }
    await handle.sync();
    await rename(temporary, file);
  } finally {
    await handle?.close();
    await rm(temporary, { force: true });
  }
}

async function expand(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) {
      throw new CliError('file-unreadable', `${path} cannot be read`, EXIT.absent);
    }
    if (!found.isDirectory()) files.push(path);
    else {
      const names = (await readdir(path)).filter((name) => /\.part-\d+-of-\d+$/.test(name));
      files.push(...names.sort().map((name) => join(path, name)));
    }
  }
  return files;
}
