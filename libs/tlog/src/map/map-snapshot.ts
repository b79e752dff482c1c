import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { HASH_SIZE } from '@touchstone/merkle';
import { TlogError } from '../error.js';
import { writeDurably } from './durable-file.js';
import { nodeMapHasher } from './map-hasher.js';
import { BRANCH } from './map-node.js';
import { NodeTable } from './node-table.js';

/** What a saved map is, beside its nodes. */
export interface SavedMap {
  /** Leaves that it covers, and where in the journal they end. */
  readonly size: number;
  readonly journalBytes: number;
  readonly keys: number;
  /** Which file the buckets are in, how much of it is in use, and how much of that is not garbage. */
  readonly generation: number;
  readonly bucketBytes: number;
  readonly liveBytes: number;
  readonly pageBytes: number;
}

const FIELDS = [
  'size',
  'journalBytes',
  'keys',
  'generation',
  'bucketBytes',
  'liveBytes',
  'pageBytes',
] as const;

const MAGIC = Buffer.from('touchstone.dev/map-nodes/v1\n');
/** Words are written as the machine has them; this tells whether it is one like that. */
const ORDER = Uint8Array.from(new Uint8Array(Uint32Array.of(0x01020304).buffer));
const HEAD_BYTES = MAGIC.length + ORDER.length + (FIELDS.length + 1) * 8;
const NODE_BYTES = HASH_SIZE + 8;

/**
 * Saves the nodes of a map: magic, byte order, the fields and the number of nodes as 8 bytes each,
 * big-endian; the nodes, some at a time: first all their hashes, then place and length of each;
 * and the SHA-256 of all that. Durable when it resolves.
 */
export async function saveNodes(path: string, table: NodeTable, saved: SavedMap): Promise<void> {
  await writeDurably(path, parts(table, saved));
}

function* parts(table: NodeTable, saved: SavedMap): Generator<Uint8Array> {
  const hash = createHash('sha256');
  const head = Buffer.alloc(HEAD_BYTES);
  head.set(MAGIC);
  head.set(ORDER, MAGIC.length);
  const numbers = [...FIELDS.map((field) => saved[field]), table.count];
  for (const [i, value] of numbers.entries()) {
    head.writeBigUInt64BE(BigInt(value), MAGIC.length + ORDER.length + i * 8);
  }
  hash.update(head);
  yield head;
  let left = table.count;
  for (const { hashes, words } of table.segments()) {
    const nodes = Math.min(left, words.length / 2);
    left -= nodes;
    const some = hashes.subarray(0, nodes * HASH_SIZE);
    const places = new Uint8Array(words.buffer, words.byteOffset, nodes * 8);
    hash.update(some).update(places);
    yield some;
    yield places;
  }
  yield hash.digest();
}

/** Opens what was saved. @throws TlogError `map-store` when it is not whole, or says what cannot be */
export async function loadNodes(path: string): Promise<{ table: NodeTable; saved: SavedMap }> {
  const file = await open(path, 'r');
  try {
    const head = await readFully(file, Buffer.alloc(HEAD_BYTES), 0);
    if (!head.subarray(0, MAGIC.length + ORDER.length).equals(Buffer.concat([MAGIC, ORDER]))) {
      throw malformed('it begins with something else');
    }
    const numbers = [...FIELDS, 'nodes'].map((_, i) =>
      Number(head.readBigUInt64BE(MAGIC.length + ORDER.length + i * 8)),
    );
    const count = numbers.at(-1) as number;
    const { size: length } = await file.stat();
    if (length !== HEAD_BYTES + count * NODE_BYTES + HASH_SIZE || count % 2 !== 0 || count === 0) {
      throw malformed('its length is another');
    }
    const saved = Object.fromEntries(FIELDS.map((field, i) => [field, numbers[i]]));
    const table = await readNodes(file, head, count);
    checkNodes(table, saved as unknown as SavedMap);
    return { table, saved: saved as unknown as SavedMap };
  } finally {
    await file.close();
  }
}

async function readNodes(file: FileHandle, head: Buffer, count: number): Promise<NodeTable> {
  const hash = createHash('sha256').update(head);
  const table = new NodeTable(nodeMapHasher.empty);
  while (table.count < count) table.allocatePair();
  let at = HEAD_BYTES;
  let left = count;
  for (const { hashes, words } of table.segments()) {
    const nodes = Math.min(left, words.length / 2);
    left -= nodes;
    const some = await readFully(file, hashes.subarray(0, nodes * HASH_SIZE), at);
    const places = new Uint8Array(words.buffer, words.byteOffset, nodes * 8);
    await readFully(file, places, at + some.length);
    at += some.length + places.length;
    hash.update(some).update(places);
  }
  const digest = await readFully(file, Buffer.alloc(HASH_SIZE), at);
  if (!digest.equals(hash.digest())) throw malformed('its checksum is another');
  return table;
}

/** No place outside of the files, and no way that leads in a circle. */
function checkNodes(table: NodeTable, { bucketBytes }: SavedMap): void {
  for (let id = 0; id < table.count; id++) {
    const [place, length] = [table.place(id), table.length(id)];
    const inside =
      length === BRANCH
        ? place > id && place % 2 === 0 && place + 1 < table.count
        : place * 16 + length <= bucketBytes;
    if (!inside) throw malformed(`node ${id} is nowhere`);
  }
}

async function readFully<T extends Uint8Array>(
  file: FileHandle,
  bytes: T,
  position: number,
): Promise<T> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw malformed('it ends early');
    done += bytesRead;
  }
  return bytes;
}

function malformed(why: string): TlogError {
  return new TlogError('map-store', `the saved nodes of the map are damaged: ${why}`);
}
