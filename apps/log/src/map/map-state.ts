import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '@touchstone/tlog';
import { z } from 'zod';

const STATE_FILE = 'state.json';

/** The journal that counts: written after it. */
const MapState = z.strictObject({
  size: z.int().min(1),
  bytes: z.int().min(1),
  /** Index of the commitment to this map. */
  commitment: z.int().min(1),
});

export type MapState = z.infer<typeof MapState>;

/** What counts of the journal in a folder; undefined where nothing does. */
export async function readMapState(dir: string): Promise<MapState | undefined> {
  try {
    return MapState.parse(JSON.parse(await readFile(join(dir, STATE_FILE), 'utf8')));
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined && code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Durable when it resolves. */
export async function writeMapState(dir: string, state: MapState): Promise<void> {
  await writeDurably(join(dir, STATE_FILE), JSON.stringify(state));
}
