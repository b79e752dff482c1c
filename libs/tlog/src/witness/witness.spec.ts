import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testSigner } from '@touchstone/kit';
import {
  decodeUtf8,
  encodeUtf8,
  nobleVerifier,
  noteSigner,
  parseCheckpoint,
  parseNote,
  verifyCosignature,
} from '@touchstone/note';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { growLog, leavesOf } from './grown-log.fixture.js';
import type { GrownLog } from './grown-log.fixture.js';
import { Witness, originHash } from './witness.js';
import type { WitnessAnswer, WitnessOptions } from './witness.js';
import { PosixWitnessStorage } from './witness-storage.js';
import type { WitnessStorage } from './witness-storage.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const ORIGIN = 'example.org/log';
const logSigner = noteSigner(ORIGIN, testSigner());
const otherSigner = noteSigner('example.org/other', testSigner());
const signer = testSigner();
let honest: GrownLog;
let forked: GrownLog;
let other: GrownLog;

beforeAll(async () => {
  honest = await growLog(logSigner, leavesOf('leaf', 12));
  forked = await growLog(logSigner, [...leavesOf('leaf', 4), ...leavesOf('fork', 8)]);
  other = await growLog(otherSigner, leavesOf('other', 3));
});

/** A write may fail before it changed anything, or after. */
type Fault = 'not persisted' | 'persisted anyway';

class MemoryWitnessStorage implements WitnessStorage {
  readonly files = new Map<string, Uint8Array>();
  fault: Fault | undefined;
  /** Called between the comparison and the write of whoever got that far. */
  hold: ((hash: string) => Promise<void>) | undefined;
  /** Sizes in the order they were written. */
  readonly written: number[] = [];

  async read(hash: string): Promise<Uint8Array | undefined> {
    return this.files.get(hash);
  }

  async write(hash: string, note: Uint8Array): Promise<void> {
    await this.hold?.(hash);
    this.written.push(parseCheckpoint(parseNote(note).text).size);
    const { fault } = this;
    this.fault = undefined;
    if (fault !== 'not persisted') this.files.set(hash, note);
    if (fault) throw new Error(`EIO, ${fault}`);
  }

  size(): number {
    const note = this.files.get(originHash(ORIGIN));
    return note ? parseCheckpoint(parseNote(note).text).size : -1;
  }
}

let storage: MemoryWitnessStorage;
let now: number;

beforeEach(() => {
  storage = new MemoryWitnessStorage();
  now = 1000;
});

function open(change: Partial<WitnessOptions> = {}): Promise<Witness> {
  return Witness.open({
    name: 'w.example',
    signer,
    logs: [logSigner.verifierKey, otherSigner.verifierKey],
    storage,
    verify: nobleVerifier,
    clock: () => now,
    ...change,
  });
}

async function sent(
  witness: Witness,
  log: GrownLog,
  from: number,
  to: number,
): Promise<WitnessAnswer> {
  return witness.addCheckpoint(await log.request(from, to));
}

/** Size and time of the checkpoint that an answer cosigns, verified. */
async function cosigned(
  witness: Witness,
  log: GrownLog,
  to: number,
  answer: WitnessAnswer,
): Promise<number> {
  expect(answer.status).toBe(200);
  const { text } = parseNote(log.notes[to]!);
  const { signatures } = parseNote(`${text}\n${answer.body}`);
  expect(signatures).toHaveLength(1);
  return verifyCosignature(text, signatures[0]!, witness.key, nobleVerifier);
}

describe('a witness', () => {
  it('follows a log, and another beside it', async () => {
    const witness = await open();
    for (const [from, to] of [
      [0, 3],
      [3, 3],
      [3, 4],
      [4, 9],
      [9, 12],
      [12, 12],
    ] as const) {
      now++;
      const answer = await sent(witness, honest, from, to);
      expect(await cosigned(witness, honest, to, answer)).toBe(now);
      expect(storage.size()).toBe(to);
    }
    await cosigned(witness, other, 2, await sent(witness, other, 0, 2));
    expect(storage.size()).toBe(12);
  });

  it('serves the note it cosigned, with the signatures that count alone', async () => {
    const witness = await open();
    expect(await witness.checkpoint(originHash(ORIGIN))).toBeUndefined();
    const body = decodeUtf8(await honest.request(0, 5));
    const answer = await witness.addCheckpoint(encodeUtf8(`${body}\u2014 stranger AAAAAQI=\n`));
    const note = await witness.checkpoint(originHash(ORIGIN));
    expect(note).toBe(`${honest.notes[5]!}${answer.body}`);
    expect(await witness.checkpoint(originHash('unknown'))).toBeUndefined();
  });

  it('cosigns a note whose lines stand there twice, and keeps one of each', async () => {
    const witness = await open();
    const request = decodeUtf8(await honest.request(0, 3));
    const line = request.slice(request.lastIndexOf('\u2014 '));
    const stranger = '\u2014 stranger.example AAAAAQI=\n'.repeat(2);
    const body = encodeUtf8(request + line.repeat(97) + stranger);
    const answer = await witness.addCheckpoint(body);
    await cosigned(witness, honest, 3, answer);
    const kept = parseNote(storage.files.get(originHash(ORIGIN))!);
    expect(kept.signatures.map(({ name }) => name)).toEqual([ORIGIN, 'w.example']);
  });

  it('starts from the empty tree too', async () => {
    const witness = await open();
    const empty = await growLog(logSigner, []);
    // An engine without entries publishes nothing yet or the empty tree; the latter is taken.
    if (empty.notes[0]) expect((await sent(witness, empty, 0, 0)).status).toBe(200);
    expect((await sent(witness, honest, 0, 7)).status).toBe(200);
  });

  it('goes on under the next key of a log, from where the one before it stood', async () => {
    const leaves = leavesOf('rotated', 6);
    const next = noteSigner(ORIGIN, testSigner());
    const [before, after] = [await growLog(logSigner, leaves), await growLog(next, leaves)];
    const logs = [logSigner.verifierKey, next.verifierKey];
    const early = await open();
    await cosigned(early, before, 3, await sent(early, before, 0, 3));
    // Who is not told of the next key does not take it.
    expect((await sent(early, after, 3, 5)).status).toBe(403);
    const told = await open({ logs });
    await cosigned(told, after, 5, await sent(told, after, 3, 5));
    const fork = await growLog(next, leavesOf('fork', 6));
    expect((await sent(told, fork, 5, 6)).status).toBe(422);
    expect(storage.size()).toBe(5);
  });

  it('knows where it stood after a restart', async () => {
    await sent(await open(), honest, 0, 6);
    const again = await open();
    expect(await sent(again, honest, 0, 9)).toMatchObject({ status: 409, body: '6\n' });
    expect((await sent(again, honest, 6, 9)).status).toBe(200);
  });

  it('cosigns one of two forks, whichever came first, and never the other', async () => {
    const witness = await open();
    expect((await sent(witness, honest, 0, 4)).status).toBe(200);
    expect((await sent(witness, forked, 4, 6)).status).toBe(200);
    for (const [from, to] of [
      [6, 6],
      [6, 9],
      [6, 12],
    ] as const) {
      expect(await sent(witness, honest, from, to)).toMatchObject({
        status: 422,
        outcome: 'inconsistent',
      });
    }
    expect(await sent(witness, honest, 4, 6)).toMatchObject({ status: 409, body: '6\n' });
    expect((await sent(witness, forked, 6, 12)).status).toBe(200);
  });

  it('takes two requests of one log one after the other', async () => {
    const witness = await open();
    await sent(witness, honest, 0, 2);
    let release!: () => void;
    const held = new Promise<void>((done) => (release = done));
    const reached = new Promise<void>((done) => {
      storage.hold = async (hash) => {
        if (hash !== originHash(ORIGIN)) return;
        done();
        await held;
      };
    });
    const short = sent(witness, honest, 2, 5);
    await reached;
    const long = sent(witness, honest, 2, 9);
    // Another log does not wait for this one.
    expect((await sent(witness, other, 0, 1)).status).toBe(200);
    expect(storage.size()).toBe(2);
    release();
    expect((await short).status).toBe(200);
    expect(await long).toMatchObject({ status: 409, body: '5\n' });
    expect(storage.size()).toBe(5);
  });

  it('of a hundred that race, only those go through that continue the one before', async () => {
    const witness = await open();
    await sent(witness, honest, 0, 1);
    const jobs = Array.from({ length: 100 }, async (_, i) => {
      const from = 1 + (i % 11);
      const to = from + (i % (13 - from));
      const answer = await sent(witness, honest, from, to);
      return { from, to, status: answer.status };
    });
    const accepted = (await Promise.all(jobs)).filter(({ status }) => status === 200);
    const [, ...written] = storage.written;
    expect(written).toEqual([...written].sort((x, y) => x - y));
    expect(accepted.map(({ to }) => to).sort((x, y) => x - y)).toEqual(written);
    const steps = accepted.filter(({ from, to }) => from < to);
    expect(new Set(steps.map(({ from }) => from)).size).toBe(steps.length);
    expect(steps.length).toBeGreaterThan(0);
  });
});

describe('storage that fails', () => {
  it.each<[Fault, number]>([
    ['not persisted', 4],
    ['persisted anyway', 8],
  ])('%s: nothing is answered, and the witness goes on from %d', async (fault, size) => {
    const witness = await open();
    await sent(witness, honest, 0, 4);
    storage.fault = fault;
    await expect(sent(witness, honest, 4, 8)).rejects.toThrow(fault);
    for (const goesOn of [witness, await open()]) {
      expect(await sent(goesOn, honest, 0, 12)).toMatchObject({ status: 409, body: `${size}\n` });
    }
    expect((await sent(witness, honest, size, 9)).status).toBe(200);
    expect(storage.size()).toBe(9);
  });

  it('that lost what was answered stops the witness', async () => {
    const witness = await open();
    await sent(witness, honest, 0, 4);
    const old = storage.files.get(originHash(ORIGIN))!;
    await sent(witness, honest, 4, 8);
    for (const lost of [undefined, old]) {
      if (lost) storage.files.set(originHash(ORIGIN), lost);
      else storage.files.clear();
      await expect(sent(witness, honest, 4, 9)).rejects.toThrow(code('witness-state'));
    }
  });

  it.each([
    ['is no note', () => encodeUtf8('x')],
    ['nobody cosigned', () => encodeUtf8(honest.notes[3]!)],
    ['was changed', (note: string) => encodeUtf8(note.replace('\n4\n', '\n3\n'))],
    ['is cut short', (note: string) => encodeUtf8(note.slice(0, -9))],
    ['is empty', () => new Uint8Array()],
  ])('with a state that %s keeps the witness from starting', async (_name, change) => {
    await sent(await open(), honest, 0, 4);
    const hash = originHash(ORIGIN);
    storage.files.set(hash, change(decodeUtf8(storage.files.get(hash)!)));
    await expect(open()).rejects.toThrow(code('witness-state'));
  });

  it('with the state of another log, or of another witness, too', async () => {
    await sent(await open(), other, 0, 2);
    const state = storage.files.get(originHash('example.org/other'))!;
    storage.files.set(originHash(ORIGIN), state);
    await expect(open()).rejects.toThrow(code('witness-state'));
    storage.files.delete(originHash(ORIGIN));
    await expect(open({ signer: testSigner() })).rejects.toThrow(code('witness-state'));
  });
});

describe('PosixWitnessStorage', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'witness-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('keeps one file for each log, by the hash of its origin', async () => {
    const posix = new PosixWitnessStorage(dir);
    const witness = await open({ storage: posix });
    await sent(witness, honest, 0, 4);
    await sent(witness, honest, 4, 8);
    expect(await readdir(dir)).toEqual([originHash(ORIGIN)]);
    const note = await readFile(join(dir, originHash(ORIGIN)), 'utf8');
    expect(note).toBe(await witness.checkpoint(originHash(ORIGIN)));
  });

  it('takes no notice of what a crash left, and replaces it', async () => {
    const posix = new PosixWitnessStorage(dir);
    await writeFile(join(dir, `${originHash(ORIGIN)}.tmp`), 'half a no');
    const witness = await open({ storage: posix });
    expect((await sent(witness, honest, 0, 4)).status).toBe(200);
    expect(await readdir(dir)).toEqual([originHash(ORIGIN)]);
  });

  it('refuses names that are no hash, and files that are no state', async () => {
    const posix = new PosixWitnessStorage(dir);
    await expect(posix.read('../key')).rejects.toThrow(code('path-invalid'));
    await expect(posix.write('x', new Uint8Array())).rejects.toThrow(code('path-invalid'));
    await writeFile(join(dir, originHash(ORIGIN)), new Uint8Array(1_048_577));
    await expect(posix.read(originHash(ORIGIN))).rejects.toThrow(code('witness-state'));
  });
});
