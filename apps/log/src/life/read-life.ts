import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLifeLeaf, openLifeLeaf } from '@touchstone/attest';
import type { LifeEvent } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { decodeEntryBundle, entriesPath, TILE_WIDTH, tileWidth } from '@touchstone/merkle';
import { readState, TileReader, TlogError, writeDurably } from '@touchstone/tlog';
import type { TileStorage } from '@touchstone/tlog';
import { z } from 'zod';

/** An event in the life of the log, with its leaf. */
export interface LoggedEvent {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly event: LifeEvent;
}

const FILE = 'life.json';
const SCHEMA = 'https://touchstone.dev/log-life-cache/v1';
/** A bundle without these bytes has no such leaf and is not looked into. */
const NEEDLE = Buffer.from('"kind":"life"');

/** Which leaves were looked through, and which of them are events. */
const Cache = z.strictObject({
  schema: z.literal(SCHEMA),
  origin: z.string(),
  size: z.int().min(0),
  events: z.array(z.int().min(0)).max(10_000),
});

/**
 * What the log has said of itself, out of its durable tree. `life.json` beside the tiles only
 * saves looking through them again: the leaves are what counts, and are opened each time.
 *
 * @throws TlogError as reading tiles does, AttestError `life-malformed`, `life-signature`
 */
export async function readLife(
  storage: Pick<TileStorage, 'read'>,
  dir: string,
  origin: string,
): Promise<LoggedEvent[]> {
  const size = (await readState(storage))?.range.size ?? 0;
  if (size === 0) return [];
  const reader = new TileReader((path) => storage.read(path), { latest: () => size });
  const cached = await readCache(dir, origin, size);
  const events: LoggedEvent[] = [];
  for (const index of cached.events)
    events.push(await open(await reader.entry(index, size), index));
  const first = Math.floor(cached.size / TILE_WIDTH);
  for (let bundle = first; bundle * TILE_WIDTH < size; bundle++) {
    for (const [index, leaf] of await lifeLeaves(storage, bundle, size)) {
      if (index >= cached.size) events.push(await open(leaf, index));
    }
  }
  await writeLifeCache(dir, origin, size, events);
  return events;
}

/** Loses nothing when it is not written, so it is not worth failing for. */
export async function writeLifeCache(
  dir: string,
  origin: string,
  size: number,
  events: readonly LoggedEvent[],
): Promise<void> {
  const cache = { schema: SCHEMA, origin, size, events: events.map(({ index }) => index) };
  await writeDurably(join(dir, FILE), `${JSON.stringify(cache)}\n`).catch(() => undefined);
}

async function open(leaf: Uint8Array, index: number): Promise<LoggedEvent> {
  return { index, leaf, event: await openLifeLeaf(leaf, nodeVerifier) };
}

async function readCache(
  dir: string,
  origin: string,
  size: number,
): Promise<{ size: number; events: readonly number[] }> {
  try {
    const cache = Cache.parse(JSON.parse(await readFile(join(dir, FILE), 'utf8')));
    if (cache.origin === origin && cache.size <= size) return cache;
  } catch {
    // Not there or not ours: everything is looked through.
  }
  return { size: 0, events: [] };
}

async function lifeLeaves(
  storage: Pick<TileStorage, 'read'>,
  bundle: number,
  size: number,
): Promise<[index: number, leaf: Uint8Array][]> {
  const width = tileWidth(0, bundle, size);
  const path = entriesPath(bundle, width);
  const bytes = await storage.read(path);
  if (!bytes) throw new TlogError('tile-missing', `${path} is missing`);
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(NEEDLE)) return [];
  return decodeEntryBundle(bytes, width).flatMap((leaf, at) =>
    isLifeLeaf(leaf) ? [[bundle * TILE_WIDTH + at, leaf] as [number, Uint8Array]] : [],
  );
}
