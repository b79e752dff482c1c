import { TlogError } from '../error.js';
import { DiskMap } from './disk-map.js';
import { KeyChanges } from './key-changes.js';
import { journalBytes } from './map-journal.js';
import type { MapJournal } from './map-journal.js';

/** Keys that are taken in together: each node above them is hashed once. */
export const KEYS_AT_ONCE = 8_192;
/** Keys of a version that is made from the journal, when no version between is asked for. */
const KEYS_OF_VERSION = 65_536;
/** The nodes are saved after so many keys, or so large a part of the map, whichever is more. */
const UNSAVED_KEYS = 16_384;
const UNSAVED_SHARE = 1 / 128;

/** Whether so much came to a map since it was saved that it is to be saved again. */
export function isSaveDue(disk: DiskMap, unsaved: number): boolean {
  return unsaved > Math.max(UNSAVED_KEYS, disk.keys * UNSAVED_SHARE);
}

/**
 * The map over the leaves of a journal: what was saved of it, and the rest taken in from there.
 * What was saved is thrown away when it is damaged or covers more than the journal.
 *
 * @throws TlogError `map-journal` when the journal does not hold the keys of `size` leaves
 */
export async function openFromJournal(
  dir: string,
  journal: MapJournal,
  size: number,
): Promise<DiskMap> {
  try {
    return await takeIn(await DiskMap.open(dir), journal, size);
  } catch (error) {
    if (error instanceof TlogError && error.code === 'map-journal') throw error;
    await DiskMap.remove(dir);
    return takeIn(await DiskMap.open(dir), journal, size);
  }
}

async function takeIn(disk: DiskMap, journal: MapJournal, size: number): Promise<DiskMap> {
  try {
    const { size: known, journalBytes: from } = disk.saved;
    if (known > size || from > journal.bytes) {
      throw new TlogError('map-store', `the map that was saved covers ${known} leaves of ${size}`);
    }
    await extend(disk, journal);
    if (disk.size === size) return disk;
    throw new TlogError('map-journal', `the journal has ${disk.size} leaves of ${size}`);
  } catch (error) {
    disk.close();
    throw error;
  }
}

async function extend(disk: DiskMap, journal: MapJournal): Promise<void> {
  const changes = new KeyChanges();
  let { size, journalBytes: bytes } = disk.saved;
  let [pending, unsaved] = [0, 0];
  const commit = async (): Promise<void> => {
    await disk.apply(changes.take());
    await disk.staged();
    disk.commit(size, bytes);
    pending = 0;
    if (!isSaveDue(disk, unsaved)) return;
    await disk.save();
    unsaved = 0;
  };
  for await (const leaves of journal.read(bytes)) {
    for (const keys of leaves) {
      for (const key of keys) changes.add(key, size);
      size++;
      bytes += journalBytes(keys);
      pending += keys.length;
      unsaved += keys.length;
      if (changes.size >= KEYS_AT_ONCE) await disk.apply(changes.take());
      if (pending >= KEYS_OF_VERSION) await commit();
    }
  }
  if (size > disk.size) await commit();
}
