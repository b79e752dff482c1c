import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLife } from '@touchstone/attest';
import { LifeAnswer } from '@touchstone/contract';
import { CompactRange } from '@touchstone/merkle';
import { fromBase64, toBase64 } from '@touchstone/note';
import { nodeHasher, writeDurably } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';

const SCHEMA = 'https://touchstone.dev/monitor-state/v1';
const MAX_STATE_BYTES = 4 * 1024 * 1024;
/** state.json. */
interface StateFile {
  readonly schema: typeof SCHEMA;
  readonly origin: string;
  /** The newest checkpoint that held, as the log signed it. */
  readonly note: string;
  readonly size: number;
  /** Base64: the right edge of the tree, made from every leaf. */
  readonly edge: readonly string[];
  /** Leaves looked at for what is watched, and for what the log says of itself. */
  readonly watched: number;
  /** Leaves looked at for commitments to the map. */
  readonly followed: number;
  /** The map that was made so far, and how much of its journal counts. */
  readonly map: { readonly size: number; readonly bytes: number };
  /** What the log said of itself, and the keys that trusted ones announced; absent in old files. */
  readonly life?: LogLife;
  readonly announced?: readonly string[];
}

/** What the monitor knows of a log. */
export interface MonitorState {
  readonly origin: string;
  readonly note: string;
  readonly edge: CompactRange;
  readonly watched: number;
  readonly followed: number;
  readonly map: { readonly size: number; readonly bytes: number };
  /** What the log said of itself in the leaves that were looked at. */
  readonly life?: LogLife;
  /** Verifier keys that were announced by a key of the trust root, or by one announced so. */
  readonly announced: readonly string[];
}

/**
 * The folder of a monitor. `state.json` is what counts, replaced atomically; each checkpoint that
 * was seen stays in `checkpoints/`, each finding in `findings/`, and `map/` holds the journal of
 * the map. The state is written after that of which it speaks, so a process that is killed does a
 * little again and loses nothing.
 */
export class MonitorFolder {
  readonly dir: string;
  readonly #state: string;
  readonly #checkpoints: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.#state = join(dir, 'state.json');
    this.#checkpoints = join(dir, 'checkpoints');
  }

  static async open(dir: string): Promise<MonitorFolder> {
    const folder = new MonitorFolder(dir);
    await mkdir(folder.#checkpoints, { recursive: true });
    return folder;
  }

  /** Undefined when nothing was seen yet. @throws CliError `monitor-state` */
  async load(): Promise<MonitorState | undefined> {
    const bytes = await readIfThere(this.#state);
    if (!bytes) return undefined;
    return parseState(bytes, this.#state);
  }

  save(known: MonitorState): Promise<void> {
    const { origin, note, edge, watched, followed, map, life, announced } = known;
    const state: StateFile = {
      schema: SCHEMA,
      origin,
      note,
      size: edge.size,
      edge: edge.hashes.map(toBase64),
      watched,
      followed,
      map: { ...map },
      ...(life && { life }),
      announced,
    };
    return writeDurably(this.#state, `${JSON.stringify(state, null, 2)}\n`);
  }

  /** Keeps a checkpoint that the log signed, whatever it is worth. */
  async keep(size: number, note: string): Promise<void> {
    const name = `${size}-${createHash('sha256').update(note).digest('hex').slice(0, 16)}.note`;
    const path = join(this.#checkpoints, name);
    if (!(await exists(path))) await writeDurably(path, note);
  }
}

/** Reads a state file. @throws CliError `monitor-state` */
export function parseState(bytes: Uint8Array, path: string): MonitorState {
  try {
    if (bytes.length > MAX_STATE_BYTES) throw new Error('it is too large');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const file = fieldsOf(JSON.parse(text), 'state');
    if (file['schema'] !== SCHEMA) throw new Error(`its schema is not ${SCHEMA}`);
    const map = fieldsOf(file['map'], 'map');
    const size = countIn(file, 'size');
    const edge = file['edge'];
    if (!Array.isArray(edge)) throw new Error('edge is no list');
    const state = {
      origin: textIn(file, 'origin'),
      note: textIn(file, 'note'),
      edge: new CompactRange(
        nodeHasher,
        size,
        edge.map((hash) => fromBase64(String(hash))),
      ),
      watched: countIn(file, 'watched'),
      followed: countIn(file, 'followed'),
      map: { size: countIn(map, 'size'), bytes: countIn(map, 'bytes') },
      ...(file['life'] !== undefined && { life: lifeIn(fieldsOf(file['life'], 'life')) }),
      announced: textsIn(file['announced'] ?? []),
    };
    if (Math.max(state.watched, state.followed, state.map.size) > size) {
      throw new Error('it speaks of leaves beyond its tree');
    }
    return state;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `${path} is no state of a monitor: ${why}`;
    throw new CliError('monitor-state', message, EXIT.usage, { cause });
  }
}

function lifeIn({ keys, frozen }: Record<string, unknown>): LogLife {
  const mark = LifeAnswer.shape.frozen.parse(frozen ?? null);
  return { keys: LifeAnswer.shape.keys.parse(keys), ...(mark && { frozen: mark }) };
}

function textsIn(value: unknown): string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new Error('announced is no list of texts');
}

function fieldsOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${name} is no object`);
  return value as Record<string, unknown>;
}

function textIn(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is no text`);
  return value;
}

function countIn(fields: Record<string, unknown>, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new Error(`${name} is no count`);
  }
  return value;
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
