import { damaged, isWholeBucket } from './bucket.js';
import type { BucketFile } from './bucket-file.js';
import { BRANCH } from './map-node.js';
import type { NodeTable } from './node-table.js';
import { turn } from './turn.js';

/** Buckets between two turns of the event loop. */
const AT_ONCE = 256;

/**
 * Copies the buckets that are in use to another file, in the order in which they stand, so that
 * both are gone through from the front. The table stays as it is.
 *
 * @returns for each bucket its node, and its place in the other file
 * @throws TlogError `map-store` when one is damaged
 */
export async function copyBuckets(
  table: NodeTable,
  from: BucketFile,
  to: BucketFile,
): Promise<Uint32Array> {
  const pairs = inUse(table);
  for (let i = 0; i < pairs.length; i += 2) {
    const length = table.length(pairs[i] as number);
    const bytes = from.read(pairs[i + 1] as number, length);
    if (!isWholeBucket(bytes)) throw damaged('its checksum is another');
    pairs[i + 1] = to.append(length, (room) => bytes.copy(room));
    if (i % (2 * AT_ONCE) !== 0) continue;
    await to.flush();
    await turn();
  }
  return pairs;
}

/** Node and place of each bucket, ascending by place. */
function inUse(table: NodeTable): Uint32Array {
  const pairs = new Uint32Array(table.count * 2);
  let count = 0;
  for (let id = 0; id < table.count; id++) {
    const length = table.length(id);
    if (length === BRANCH || length === 0) continue;
    pairs[count * 2] = id;
    pairs[count * 2 + 1] = table.place(id);
    count++;
  }
  // As numbers of 64 bits, of which the second half counts more: where it does not, on machines of
  // the other byte order, the copy is as good and only slower.
  new BigUint64Array(pairs.buffer, 0, count).sort();
  return pairs.subarray(0, count * 2);
}
