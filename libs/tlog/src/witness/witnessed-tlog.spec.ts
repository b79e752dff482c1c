import { MemoryStorage, testSigner } from '@touchstone/kit';
import {
  decodeUtf8,
  encodeUtf8,
  formatVerifierKey,
  nobleVerifier,
  noteSigner,
  parseCheckpoint,
  parseNote,
} from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import type { Appended, Published } from '../append-pool.js';
import { TlogError } from '../error.js';
import { fsck } from '../fsck.js';
import { CHECKPOINT_PATH } from '../storage.js';
import { Tlog } from '../tlog.js';
import type { TlogEvent, TlogOptions } from '../tlog-options.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const signer = noteSigner('example.org/log', testSigner());
const COSIGNATURE = '\u2014 w AAAAAQI=\n';

/** Witnesses that wait to be told what to do with each checkpoint. */
class Witnesses {
  readonly asked: { size: number; agree(): void; refuse(): void }[] = [];
  /** While set, checkpoints are answered at once. */
  answer: 'agree' | 'refuse' | undefined;
  #wake: (() => void) | undefined;

  readonly cosign: NonNullable<TlogOptions['cosign']> = (note, size) =>
    new Promise((done, fail) => {
      const agree = (): void => done(note + COSIGNATURE);
      const refuse = (): void =>
        fail(new TlogError('quorum-missing', 'too few witnesses cosigned'));
      this.asked.push({ size, agree, refuse });
      if (this.answer === 'agree') agree();
      if (this.answer === 'refuse') refuse();
      this.#wake?.();
    });

  /** The checkpoint that is asked for next, once it is. */
  async next(): Promise<Witnesses['asked'][number]> {
    const known = this.asked.length;
    while (this.asked.length === known) await new Promise<void>((done) => (this.#wake = done));
    return this.asked[known]!;
  }
}

interface Stand {
  readonly log: Tlog;
  readonly storage: MemoryStorage;
  readonly witnesses: Witnesses;
  readonly events: TlogEvent[];
}

async function stand(
  storage = new MemoryStorage(),
  change: Partial<TlogOptions> = {},
): Promise<Stand> {
  const witnesses = new Witnesses();
  witnesses.answer = 'agree';
  const events: TlogEvent[] = [];
  const { cosign } = witnesses;
  const observe = (event: TlogEvent): void => void events.push(event);
  const log = await Tlog.open({ storage, signer, cosign, observe, ...change });
  witnesses.answer = undefined;
  return { log, storage, witnesses, events };
}

function add(log: Tlog, name: string): Promise<Appended> {
  return log.append(encodeUtf8(name));
}

/** Size of the checkpoint that anyone can read. */
async function publicSize(storage: MemoryStorage): Promise<number> {
  const bytes = await storage.read(CHECKPOINT_PATH);
  return bytes ? parseCheckpoint(parseNote(bytes).text).size : -1;
}

async function close({ log, storage, witnesses }: Stand): Promise<void> {
  witnesses.answer = 'agree';
  for (const asked of witnesses.asked) asked.agree();
  await log.close();
  const vkeys = [formatVerifierKey(signer.verifierKey)];
  const report = await fsck(storage, { vkeys, verify: nobleVerifier });
  expect(report.problems).toEqual([]);
  expect(await publicSize(storage)).toBe(report.size);
}

describe('a log with witnesses', () => {
  it('publishes what they cosigned, and not before', async () => {
    const all = await stand();
    const { log, storage, witnesses } = all;
    expect(await publicSize(storage)).toBe(0);
    const next = witnesses.next();
    const { index, published } = await add(log, 'one');
    expect(index).toBe(0);
    const asked = await next;
    expect([asked.size, log.size, await publicSize(storage)]).toEqual([1, 0, 0]);
    asked.agree();
    const { checkpoint, size } = await published;
    expect(size).toBe(1);
    expect(checkpoint.endsWith(COSIGNATURE)).toBe(true);
    expect(decodeUtf8((await storage.read(CHECKPOINT_PATH))!)).toBe(checkpoint);
    expect(log.checkpoint()).toBe(checkpoint);
    await close(all);
  });

  it('makes entries durable meanwhile, and the next checkpoint covers them all', async () => {
    const all = await stand();
    const { log, witnesses } = all;
    const first = witnesses.next();
    const one = await add(log, 'one');
    const asked = await first;
    const more: Appended[] = [];
    for (const name of ['two', 'three', 'four']) more.push(await add(log, name));
    expect(more.map(({ index }) => index)).toEqual([1, 2, 3]);
    expect(witnesses.asked.at(-1)).toBe(asked);
    const second = witnesses.next();
    asked.agree();
    expect((await one.published).size).toBe(1);
    (await second).agree();
    const sizes = await Promise.all(more.map(({ published }) => published));
    expect(sizes.map(({ size }: Published) => size)).toEqual([4, 4, 4]);
    await close(all);
  });

  it('tells who waited that the quorum was missed, keeps the checkpoint, loses nothing', async () => {
    const all = await stand();
    const { log, storage, witnesses, events } = all;
    witnesses.answer = 'refuse';
    for (const name of ['one', 'two']) {
      const { published } = await add(log, name);
      await expect(published).rejects.toThrow(code('quorum-missing'));
      expect([log.size, await publicSize(storage)]).toEqual([0, 0]);
    }
    expect(events.filter(({ type }) => type === 'failed')).toMatchObject([
      { error: code('quorum-missing') },
      { error: code('quorum-missing') },
    ]);
    witnesses.answer = 'agree';
    expect(await (await add(log, 'three')).published).toMatchObject({ size: 3 });
    await close(all);
  });

  it('tries again by itself until the quorum is back', async () => {
    const all = await stand();
    const { log, witnesses } = all;
    witnesses.answer = 'refuse';
    const { published } = await add(log, 'one');
    await expect(published).rejects.toThrow(code('quorum-missing'));
    await witnesses.next();
    await witnesses.next();
    witnesses.answer = undefined;
    (await witnesses.next()).agree();
    while (log.size < 1) await new Promise((done) => setImmediate(done));
    await close(all);
  });

  it('opens without a quorum, with nothing to show at first and the last checkpoint later', async () => {
    const storage = new MemoryStorage();
    const refused = new Witnesses();
    refused.answer = 'refuse';
    const { cosign } = refused;
    const log = await Tlog.open({ storage, signer, cosign });
    expect([log.size, log.checkpoint()]).toEqual([0, '']);
    const { published } = await add(log, 'one');
    await expect(published).rejects.toThrow(code('quorum-missing'));
    await log.close();
    expect(await publicSize(storage)).toBe(-1);

    const all = await stand(storage);
    expect(all.log.size).toBe(1);
    all.witnesses.answer = 'agree';
    await (
      await add(all.log, 'two')
    ).published;
    await close(all);

    const last = await Tlog.open({ storage, signer, cosign });
    expect(last.size).toBe(2);
    expect(last.checkpoint().endsWith(COSIGNATURE)).toBe(true);
    await last.close();
  });

  it('has a checkpoint cosigned that was published without witnesses', async () => {
    const storage = new MemoryStorage();
    const before = await Tlog.open({ storage, signer });
    await (
      await add(before, 'one')
    ).published;
    await before.close();
    expect(before.checkpoint()).not.toContain(COSIGNATURE);
    // Without a quorum it goes on to show that one, and tries again though no entry is new.
    const witnesses = new Witnesses();
    witnesses.answer = 'refuse';
    const log = await Tlog.open({ storage, signer, cosign: witnesses.cosign });
    expect(log.checkpoint()).toBe(before.checkpoint());
    witnesses.answer = 'agree';
    await witnesses.next();
    while (!log.checkpoint().endsWith(COSIGNATURE)) await new Promise((done) => setImmediate(done));
    await log.close();
    const all = await stand(storage);
    expect(all.log.checkpoint().endsWith(COSIGNATURE)).toBe(true);
    await close(all);
  });

  it('does not publish what was cosigned after the lock was lost', async () => {
    let held = true;
    const lock = {
      assertHeld: () => (held ? Promise.resolve() : Promise.reject(new Error('lost'))),
      release: () => Promise.resolve(),
    };
    const { log, storage, witnesses } = await stand(new MemoryStorage(), { lock });
    const next = witnesses.next();
    const { published } = await add(log, 'one');
    const asked = await next;
    held = false;
    asked.agree();
    await expect(published).rejects.toThrow(code('publish-failed'));
    expect(await publicSize(storage)).toBe(0);
    witnesses.answer = 'refuse';
    await log.close();
  });

  it.each([
    ['before', 0, 1],
    ['after', 1, 2],
  ] as const)(
    'asks the witnesses for what a failed commit left: fault %s',
    async (fault, left, next) => {
      const all = await stand();
      const { log, storage, witnesses } = all;
      witnesses.answer = 'agree';
      storage.fault = ({ op, path }) => {
        if (op !== 'write' || path !== 'state') return undefined;
        storage.fault = undefined;
        return fault;
      };
      await expect(add(log, 'one')).rejects.toThrow(code('batch-failed'));
      while (log.size < left) await new Promise((done) => setImmediate(done));
      expect(await (await add(log, 'two')).published).toMatchObject({ size: next });
      await close(all);
    },
  );

  it('has it cosigned anew when the cosigned checkpoint could not be written', async () => {
    const all = await stand();
    const { log, storage, witnesses } = all;
    witnesses.answer = 'agree';
    storage.fault = ({ op, path }) => {
      if (op !== 'write' || path !== CHECKPOINT_PATH) return undefined;
      storage.fault = undefined;
      return 'before';
    };
    const { published } = await add(log, 'one');
    await expect(published).rejects.toThrow(code('publish-failed'));
    expect(await publicSize(storage)).toBe(0);
    await witnesses.next();
    while (log.size < 1) await new Promise((done) => setImmediate(done));
    await close(all);
  });

  it('finishes what is on its way when it closes', async () => {
    const all = await stand();
    const { log, witnesses } = all;
    const next = witnesses.next();
    const { published } = await add(log, 'one');
    const asked = await next;
    const closed = log.close();
    asked.agree();
    expect((await published).size).toBe(1);
    await closed;
    await close(all);
  });
});
