import { setTimeout as sleep } from 'node:timers/promises';
import { generateKey } from '@touchstone/keys';
import { dsseRequest, ENTRIES_PATH } from './entry-requests.js';
import { LARGE } from './large-tree.js';

/** Digests of the large map; as many as the tree has entries where nothing else is said. */
export const LARGE_MAP = Number(process.env['TOUCHSTONE_BENCH_DIGESTS'] ?? LARGE);

/** Subjects of one statement that are indexed: of the 4,096 keys of an entry half are their names. */
const DIGESTS = 2_000;
/** Statements that are sent at once. */
const AT_ONCE = 4;
const POLL_MS = 20;

/** Logs statements about that many digests in all; how many statements. */
export async function addDigests(url: URL, count: number): Promise<number> {
  const writer = generateKey('ecdsa-p256-sha256');
  const statements = Math.ceil(count / DIGESTS);
  for (let at = 0; at < statements; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, statements - at) }, (_, i) => at + i);
    await Promise.all(some.map((each) => post(url, each)));
  }
  return statements;

  async function post(to: URL, at: number): Promise<void> {
    const answer = await fetch(new URL(ENTRIES_PATH, to), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: dsseRequest(writer, 'map', at, DIGESTS),
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
}

/** Resolves when the log answers from a map over so many leaves, with the leaves that it covers. */
export async function mapCovers(url: URL, size: number): Promise<number> {
  const search = new URL(`/v1/search?digest=sha256:${'0'.repeat(64)}`, url);
  for (;;) {
    const answer = await fetch(search);
    if (answer.status === 200) {
      const { commitment } = (await answer.json()) as { commitment: { leaf: string } };
      const leaf = JSON.parse(Buffer.from(commitment.leaf, 'base64').toString()) as {
        spec: { commitment: { treeSize: number } };
      };
      const { treeSize } = leaf.spec.commitment;
      if (treeSize >= size) return treeSize;
    } else {
      await answer.arrayBuffer();
    }
    await sleep(POLL_MS);
  }
}
