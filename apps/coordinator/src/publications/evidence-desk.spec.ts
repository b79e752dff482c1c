import type { Evidence } from '@touchstone/attest';
import { expect, it } from 'vitest';
import { EvidenceDesk } from './evidence-desk.js';

function stand() {
  const asked: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const state = { now: 0, version: 'one' };
  const desk = new EvidenceDesk({
    gather: (id) => {
      asked.push(id);
      return new Promise((resolve, reject) => {
        ends.push((error) => (error ? reject(error) : resolve({ schema: id } as never)));
      });
    },
    version: () => Promise.resolve(state.version),
    now: () => state.now,
  });
  const settled = (): Promise<void> => new Promise((done) => setImmediate(done));
  return { desk, asked, ends, state, settled };
}

it('gathers once for all who ask, and anew when there is more or some time has passed', async () => {
  const { desk, asked, ends, state, settled } = stand();
  const all = [desk.get('a'), desk.get('a')];
  await settled();
  expect(asked).toEqual(['a']);
  ends[0]?.();
  const [first, second] = await Promise.all(all);
  expect(first).toBe(second);
  expect(await desk.get('a')).toBe(first);
  state.version = 'two';
  const more = desk.get('a');
  await settled();
  ends[1]?.();
  expect(await more).not.toBe(first);
  state.now = 60_000;
  void desk.get('a');
  await settled();
  expect(asked).toEqual(['a', 'a', 'a']);
});

it('does not hold on to a failure', async () => {
  const { desk, asked, ends, settled } = stand();
  const failing = desk.get('a');
  await settled();
  ends[0]?.(new Error('away'));
  await expect(failing).rejects.toThrow('away');
  void desk.get('a');
  await settled();
  expect(asked).toEqual(['a', 'a']);
});

it('gathers few at once, lets some wait, and sends the rest away', async () => {
  const { desk, asked, ends, settled } = stand();
  const all: Promise<Evidence>[] = Array.from({ length: 80 }, (_, at) => desk.get(String(at)));
  const ended = Promise.allSettled(all);
  await settled();
  expect(asked).toHaveLength(2);
  for (let at = 0; at < 66; at++) {
    ends[at]?.();
    await settled();
  }
  const results = await ended;
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(66);
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(14);
  expect(refused[0]?.reason).toMatchObject({ code: 'rate-limited', status: 429 });
});
