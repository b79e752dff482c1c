import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { backoff, startLoop } from './loop.js';

const logger = pino({ level: 'silent' });
const forever = 1_000_000;

describe('startLoop', () => {
  it('goes on after an error, at once while there is more, and when it is kicked', async () => {
    const calls: string[] = [];
    let called = (): void => undefined;
    const until = (count: number): Promise<void> =>
      new Promise((resolve) => {
        called = () => {
          if (calls.length === count) resolve();
        };
        called();
      });
    const loop = startLoop({
      name: 'test',
      pauseMilliseconds: forever,
      logger,
      work() {
        calls.push('work');
        called();
        if (calls.length === 3) return Promise.reject(new Error('third time unlucky'));
        return Promise.resolve(calls.length < 3);
      },
    });
    await until(3);
    loop.kick();
    await until(4);
    await loop.stop();
    expect(calls).toHaveLength(4);
  });

  it('stops only when the work at hand is done, and never works twice at once', async () => {
    let finish = (): void => undefined;
    let running = 0;
    let most = 0;
    const loop = startLoop({
      name: 'test',
      pauseMilliseconds: forever,
      logger,
      async work() {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => (finish = resolve));
        running -= 1;
        return true;
      },
    });
    loop.kick();
    const stopped = loop.stop().then(() => running);
    finish();
    expect(await stopped).toBe(0);
    expect(most).toBe(1);
  });
});

describe('backoff', () => {
  it.each([
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1000],
    [10_000, 1000],
  ])('after %i failures waits %i ms', (attempts, expected) => {
    expect(backoff(attempts, 100, 1000)).toBe(expected);
  });
});
