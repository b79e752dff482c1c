import { generateKey, nodeVerifier } from '@touchstone/keys';
import { MemoryStorage } from '@touchstone/kit';
import type { StorageCall, StorageFault } from '@touchstone/kit';
import { parseTilePath, tileWidth, verifyConsistency } from '@touchstone/merkle';
import { encodeUtf8, formatVerifierKey, noteSigner, openCheckpoint } from '@touchstone/note';
import { TileReader, Tlog, TlogError, fsck } from '@touchstone/tlog';
import type { Lock } from '@touchstone/tlog';
import { describe, expect, it } from 'vitest';

const signer = noteSigner('faults.touchstone.dev/log', generateKey('ed25519'));
const vkeys = [formatVerifierKey(signer.verifierKey)];

type Leaf = string;

/** What clients were told: index by leaf, and each checkpoint they were given. */
class Ledger {
  readonly acknowledged = new Map<Leaf, number>();
  readonly refused = new Map<Leaf, string>();
  readonly checkpoints = new Set<string>();
  readonly unpublished = new Set<Leaf>();

  async append(log: Tlog, leaves: readonly Leaf[]): Promise<void> {
    await Promise.all(
      leaves.map(async (leaf) => {
        try {
          const { index, published } = await log.append(encodeUtf8(leaf));
          this.acknowledged.set(leaf, index);
          await published.then(
            ({ checkpoint }) => this.checkpoints.add(checkpoint),
            () => this.unpublished.add(leaf),
          );
        } catch (error) {
          this.refused.set(leaf, error instanceof TlogError ? error.code : String(error));
        }
      }),
    );
  }

  /** Everything that must hold of a log at rest, whatever happened to it. */
  async check(storage: MemoryStorage): Promise<string[]> {
    const report = await fsck(storage, { vkeys, verify: nodeVerifier });
    expect(report.problems).toEqual([]);
    const size = report.checkpoint?.size ?? 0;
    expect(size).toBe(report.size);
    expect(beyond(storage, size)).toEqual([]);
    const reader = new TileReader((path) => storage.read(path));
    const leaves: Leaf[] = [];
    for (let index = 0; index < size; index++) {
      leaves.push(new TextDecoder().decode(await reader.entry(index, size)));
    }
    for (const [leaf, index] of this.acknowledged) expect(leaves[index]).toBe(leaf);
    for (const note of this.checkpoints) {
      const { checkpoint } = await openCheckpoint(note, [signer.verifierKey], nodeVerifier);
      const claim = { size1: checkpoint.size, root1: checkpoint.root, size2: size };
      const proof = await reader.consistencyProof(checkpoint.size, size);
      verifyConsistency({ ...claim, root2: report.checkpoint!.root, proof });
    }
    return leaves;
  }
}

/** Tiles and bundles that the tree of `size` does not have: what a failed batch left behind. */
function beyond(storage: MemoryStorage, size: number): string[] {
  return [...storage.files.keys()].filter((path) => {
    if (!path.startsWith('tile/')) return false;
    const tile = parseTilePath(path);
    return tile.width > tileWidth(tile.kind === 'hash' ? tile.level : 0, tile.index, size);
  });
}

function names(prefix: string, count: number): Leaf[] {
  return Array.from({ length: count }, (_, i) => `${prefix} ${i}`);
}

function open(storage: MemoryStorage, lock?: Lock): Promise<Tlog> {
  return Tlog.open({ storage, signer, verify: nodeVerifier, ...(lock && { lock }) });
}

interface Row {
  readonly point: string;
  readonly fault: StorageFault;
  readonly when: (call: StorageCall, nth: number) => boolean;
  readonly outcome: 'not persisted' | 'persisted anyway' | 'acknowledged';
}

const bundle = ({ op, path }: StorageCall) => op === 'write' && path.startsWith('tile/entries/');
const tile = ({ op, path }: StorageCall) => op === 'write' && /^tile\/[0-9]/.test(path);
const edge = ({ op, path }: StorageCall) => op === 'read' && path.startsWith('tile/');
const stateRead = ({ op, path }: StorageCall) => op === 'read' && path === 'state';
const stateWrite = ({ op, path }: StorageCall) => op === 'write' && path === 'state';
const checkpoint = ({ op, path }: StorageCall) => op === 'write' && path === 'checkpoint';

/** The batch grows a tree of 300 by 300: two bundles, two tiles of level 0, one of level 1. */
const ROWS: readonly Row[] = [
  { point: 'first bundle', fault: 'before', when: bundle, outcome: 'not persisted' },
  { point: 'first bundle', fault: 'after', when: bundle, outcome: 'not persisted' },
  {
    point: 'last bundle',
    fault: 'before',
    when: (c, n) => bundle(c) && n === 2,
    outcome: 'not persisted',
  },
  {
    point: 'last bundle',
    fault: 'after',
    when: (c, n) => bundle(c) && n === 2,
    outcome: 'not persisted',
  },
  { point: 'first tile', fault: 'before', when: tile, outcome: 'not persisted' },
  { point: 'first tile', fault: 'after', when: tile, outcome: 'not persisted' },
  {
    point: 'last tile',
    fault: 'after',
    when: (c, n) => tile(c) && n === 3,
    outcome: 'not persisted',
  },
  {
    point: 'partial tile',
    fault: 'flip',
    when: (c, n) => tile(c) && n === 2,
    outcome: 'not persisted',
  },
  {
    point: 'upper tile',
    fault: 'flip',
    when: (c, n) => tile(c) && n === 3,
    outcome: 'not persisted',
  },
  { point: 'right edge read back', fault: 'before', when: edge, outcome: 'not persisted' },
  { point: 'right edge read back', fault: 'flip', when: edge, outcome: 'not persisted' },
  { point: 'state read by the fence', fault: 'before', when: stateRead, outcome: 'not persisted' },
  { point: 'state', fault: 'before', when: stateWrite, outcome: 'not persisted' },
  { point: 'state', fault: 'after', when: stateWrite, outcome: 'persisted anyway' },
  { point: 'checkpoint', fault: 'before', when: checkpoint, outcome: 'acknowledged' },
  { point: 'checkpoint', fault: 'after', when: checkpoint, outcome: 'acknowledged' },
];

/** Fails the first call that `when` picks; `nth` counts the calls of the same shape from 1. */
function failOnce({ when, fault }: Row): (call: StorageCall) => StorageFault | undefined {
  const shapes = [bundle, tile, edge, stateRead, stateWrite, checkpoint];
  const seen = shapes.map(() => 0);
  let done = false;
  return (call) => {
    const shape = shapes.findIndex((matches) => matches(call));
    const nth = shape < 0 ? 0 : (seen[shape] = (seen[shape] ?? 0) + 1);
    if (done || !when(call, nth)) return undefined;
    done = true;
    return fault;
  };
}

describe('a storage error during a batch', () => {
  it.each(ROWS)('$point, error $fault: $outcome', async (row) => {
    const ledger = new Ledger();
    const storage = new MemoryStorage();
    const log = await open(storage);
    await ledger.append(log, names('early', 300));

    storage.fault = failOnce(row);
    await ledger.append(log, names('faulty', 300));
    storage.fault = undefined;
    await ledger.append(log, names('late', 5));
    await log.close();

    const leaves = await ledger.check(storage);
    const persisted = row.outcome !== 'not persisted';
    expect(leaves.filter((leaf) => leaf.startsWith('faulty'))).toHaveLength(persisted ? 300 : 0);
    expect(leaves).toHaveLength(persisted ? 605 : 305);
    const refused = row.outcome === 'acknowledged' ? 0 : 300;
    expect([...ledger.refused.values()]).toEqual(Array(refused).fill('batch-failed'));
    expect(ledger.unpublished.size).toBe(row.outcome === 'acknowledged' ? 300 : 0);
    expect(storage.replaced.filter((path) => path.startsWith('tile/'))).toEqual([]);
    await ledger.check(await reopened(storage));
  });

  it.each([
    { fault: 'before' as const, size: 301 },
    { fault: 'after' as const, size: 601 },
  ])('state, error $fault, and storage stays broken for a while', async ({ fault, size }) => {
    const ledger = new Ledger();
    const storage = new MemoryStorage();
    const log = await open(storage);
    await ledger.append(log, names('early', 300));
    let broken = false;
    storage.fault = (call) => {
      if (broken) return 'before';
      broken = stateWrite(call);
      return broken ? fault : undefined;
    };
    await ledger.append(log, names('faulty', 300));
    await ledger.append(log, names('meanwhile', 3));
    expect([...ledger.refused.values()]).toEqual(Array(303).fill('batch-failed'));
    storage.fault = undefined;
    await ledger.append(log, names('late', 1));
    await log.close();
    expect(await ledger.check(storage)).toHaveLength(size);
  });

  it('publishes what is committed by itself once storage works again', async () => {
    const storage = new MemoryStorage();
    const events: string[] = [];
    const published = new Promise<void>((done) => {
      const observe = ({ type }: { type: string }) => {
        events.push(type);
        if (events.includes('failed') && type === 'published') done();
      };
      void Tlog.open({ storage, signer, verify: nodeVerifier, observe }).then(async (log) => {
        let failures = 2;
        storage.fault = (call) => (checkpoint(call) && failures-- > 0 ? 'before' : undefined);
        const appended = await log.append(encodeUtf8('quiet'));
        await expect(appended.published).rejects.toMatchObject({ code: 'publish-failed' });
      });
    });
    await published;
    const report = await fsck(storage, { vkeys, verify: nodeVerifier });
    expect(report).toMatchObject({ ok: true, size: 1, checkpoint: { size: 1 } });
  });
});

async function reopened(storage: MemoryStorage): Promise<MemoryStorage> {
  const copy = storage.copy();
  await (await open(copy)).close();
  return copy;
}

describe('an inconsistency stops the log', () => {
  const foreign = (storage: MemoryStorage, bytes: Uint8Array) => storage.files.set('state', bytes);
  it.each([
    ['another writer moved the state', (s: MemoryStorage) => foreign(s, encodeUtf8('{}'))],
    ['the state vanished', (s: MemoryStorage) => s.files.delete('state')],
  ])('%s', async (_name, damage) => {
    const ledger = new Ledger();
    const storage = new MemoryStorage();
    const log = await open(storage);
    await ledger.append(log, names('early', 3));
    damage(storage);
    await ledger.append(log, names('late', 2));
    expect([...ledger.refused.values()]).toEqual(['log-poisoned', 'log-poisoned']);
    expect(log.failure?.code).toBe('log-poisoned');
    await expect(log.append(encodeUtf8('more'))).rejects.toMatchObject({ code: 'log-poisoned' });
    await log.close();
  });

  it('the lock was lost', async () => {
    let held = true;
    const lock: Lock = {
      assertHeld: () =>
        held ? Promise.resolve() : Promise.reject(new TlogError('lock-lost', 'it is gone')),
      release: () => Promise.resolve(),
    };
    const ledger = new Ledger();
    const storage = new MemoryStorage();
    const log = await open(storage, lock);
    await ledger.append(log, names('early', 3));
    held = false;
    await ledger.append(log, names('late', 2));
    expect([...ledger.refused.values()]).toEqual(['log-poisoned', 'log-poisoned']);
    await log.close();
    expect(await ledger.check(await reopened(storage))).toHaveLength(3);
  });
});

describe('a crash', () => {
  it('at any write leaves a log that continues with every acknowledged entry', async () => {
    for (let point = 1; ; point++) {
      for (const fault of ['before', 'after'] as const) {
        const ledger = new Ledger();
        const storage = new MemoryStorage();
        let writes = 0;
        // From the crash on nothing reaches storage any more.
        storage.fault = ({ op }) => {
          if (op === 'write' && ++writes === point) return fault;
          return writes >= point ? 'before' : undefined;
        };
        const log = await open(storage).catch(() => undefined);
        if (log) {
          await ledger.append(log, names('a', 250));
          await ledger.append(log, names('b', 20));
          await ledger.append(log, names('c', 300));
          await log.close();
        }
        const after = storage.copy();
        const next = await open(after);
        await ledger.append(next, names('d', 7));
        await next.close();
        await ledger.check(after);
        expect(after.replaced.filter((path) => path.startsWith('tile/'))).toEqual([]);
        if (writes < point) return;
      }
    }
  });
});
