import { MemoryStorage } from '@touchstone/kit';
import { generateKey } from '@touchstone/keys';
import { encodeUtf8, noteSigner } from '@touchstone/note';
import { Tlog } from '@touchstone/tlog';
import type { FsckProblem, FsckReport } from '@touchstone/tlog';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { LogKeys } from '../life/log-keys.js';
import { Scrub } from './scrub.js';

const ORIGIN = 'scrub.touchstone.dev/log';
const key = generateKey('ed25519');

async function append(log: Tlog, count: number): Promise<void> {
  const leaves = Array.from({ length: count }, (_, i) => encodeUtf8(`leaf ${log.size} ${i}`));
  const appended = await Promise.all(leaves.map((leaf) => log.append(leaf)));
  await appended[0]?.published;
}

it('finds nothing in a log that grows under it, then the file that is damaged', async () => {
  const storage = new MemoryStorage();
  const log = await Tlog.open({ storage, signer: noteSigner(ORIGIN, key) });
  await append(log, 700);
  const registry = new Registry();
  const alarms: FsckProblem[] = [];
  const reports: FsckReport[] = [];
  let ended = (): void => undefined;
  const scrub = new Scrub({
    storage,
    keys: new LogKeys(ORIGIN, [key], []),
    registry,
    intervalMs: 1,
    rate: 100_000,
    alarm: (problem) => alarms.push(problem),
    finished: (report) => {
      reports.push(report);
      ended();
    },
    failed: (error) => expect.unreachable(String(error)),
  });
  const next = (): Promise<void> => new Promise((done) => (ended = done));
  for (let i = 0; i < 5; i++) {
    await append(log, 77);
    await next();
  }
  expect(alarms).toEqual([]);
  expect(scrub.warning).toBeUndefined();

  const path = 'tile/entries/001';
  const bytes = new Uint8Array(storage.files.get(path) ?? []);
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  storage.files.set(path, bytes);
  await next();
  await next();
  expect(alarms.map((problem) => problem.path)).toContain(path);
  expect(scrub.warning).toMatch(/^scrub: 1 wrong files/);
  const text = await registry.metrics();
  expect(text).toMatch(/^log_scrub_problems 1$/m);
  expect(text).toMatch(/^log_scrub_size \d+$/m);
  expect(text).toMatch(/^log_scrub_checked_leaves \d+$/m);
  await scrub.close();
  await log.close();
});
