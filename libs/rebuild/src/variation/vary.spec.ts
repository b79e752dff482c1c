import { Variation } from '@touchstone/attest';
import { describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import { together, type Circumstances, type Dimension } from './circumstances.js';
import { varyBuild } from './vary.js';

const NAMES = ['path', 'time', 'host-name', 'user', 'umask', 'locale', 'home', 'environment'];
const dimensions: Dimension[] = NAMES.map((name) => ({
  name,
  detail: `other ${name}`,
  circumstances: { variables: { [name]: 'varied' } },
}));

/** A build whose bytes are those of the variables it heeds. */
function heeding(
  ...names: string[]
): (circumstances: Circumstances) => Promise<Map<string, Buffer>> {
  return ({ variables = {} }) =>
    Promise.resolve(new Map([['m', Buffer.from(names.map((name) => variables[name]).join())]]));
}

async function vary(
  build: (circumstances: Circumstances) => Promise<Map<string, Buffer>>,
  list = dimensions,
  bounds = { milliseconds: 60_000, now: () => 0 },
): Promise<Variation> {
  const variation = await varyBuild(await build({}), list, build, bounds);
  expect(Variation.parse(variation)).toEqual(variation);
  return variation;
}

const changing = ({ varied }: Variation): string[] =>
  varied.filter(({ changes }) => changes).map(({ name }) => name);

describe('varyBuild', () => {
  it('takes two builds more to call one deterministic', async () => {
    expect(await vary(heeding())).toMatchObject({ builds: 3, deterministic: true, modules: [] });
  });

  it.each(NAMES)('finds %s', async (name) => {
    const variation = await vary(heeding(name));
    expect(changing(variation)).toEqual([name]);
    expect(variation).toMatchObject({ deterministic: false, unstable: false, modules: ['m'] });
    expect(variation.builds).toBeLessThanOrEqual(9);
  });

  it('finds several', async () => {
    expect(changing(await vary(heeding('path', 'umask', 'locale')))).toEqual([
      'path',
      'umask',
      'locale',
    ]);
  });

  it('blames nothing where the same build again gives other bytes', async () => {
    let count = 0;
    const variation = await vary(() =>
      Promise.resolve(new Map([['m', Buffer.from([(count += 1)])]])),
    );
    expect(variation).toMatchObject({ builds: 2, deterministic: false, unstable: true });
    expect(changing(variation)).toEqual([]);
    expect(variation.varied.every(({ applied }) => !applied)).toBe(true);
  });

  it('names those that only do it together', async () => {
    const both = ({ variables = {} }: Circumstances): Promise<Map<string, Buffer>> => {
      const met = variables['path'] !== undefined && variables['environment'] !== undefined;
      return Promise.resolve(new Map([['m', Buffer.from([met ? 1 : 0])]]));
    };
    const variation = await vary(both);
    expect(changing(variation)).toContain('path');
    expect(changing(variation)).toContain('environment');
    expect(variation.varied[0]?.detail).toMatch(/^only together/);
  });

  it('does not call a build that fails other bytes', async () => {
    const variation = await vary(({ variables = {} }) =>
      variables['user'] === undefined
        ? heeding('home')({ variables })
        : Promise.reject(new RebuildError('build-exit', 'no such user')),
    );
    expect(changing(variation)).toEqual(['home']);
    expect(variation.varied.find(({ name }) => name === 'user')).toMatchObject({
      applied: false,
      detail: 'the build fails under it: build-exit',
    });
  });

  /** A clock on which each build takes a second. */
  const ticking = (seconds: number) => {
    let now = 0;
    const slow = async (circumstances: Circumstances): Promise<Map<string, Buffer>> => {
      now += 1000;
      return heeding('path', 'home')(circumstances);
    };
    return { slow, bounds: { milliseconds: seconds * 1000, now: () => now } };
  };

  it.each([1, 2, 3, 5])(
    'calls nothing deterministic when its time is up after %i s',
    async (seconds) => {
      const { slow, bounds } = ticking(seconds);
      const variation = await vary(slow, dimensions, bounds);
      expect(variation.builds).toBeLessThanOrEqual(seconds + 3);
      expect(variation).toMatchObject({
        ...{ deterministic: false, unstable: false },
        incomplete: expect.stringContaining('the time for it was up') as string,
      });
      // What was not told apart is not vouched for either.
      for (const { applied, changes, detail } of variation.varied)
        if (!applied) expect([changes, detail]).toEqual([false, 'not told apart from the others']);
    },
  );

  it('finds both with time enough', async () => {
    const { slow, bounds } = ticking(60);
    const variation = await vary(slow, dimensions, bounds);
    expect(changing(variation)).toEqual(['path', 'home']);
    expect(variation.incomplete).toBeUndefined();
  });

  it('does not blame a build that could not be made again', async () => {
    const first = new Map([['m', Buffer.of(1)]]);
    const broken = (): Promise<never> =>
      Promise.reject(new RebuildError('build-memory', 'no room'));
    const bounds = { milliseconds: 60_000, now: () => 0 };
    expect(await varyBuild(first, dimensions, broken, bounds)).toMatchObject({
      ...{ builds: 2, deterministic: false, unstable: false, modules: [] },
      incomplete: 'the same build again failed: build-memory',
    });
  });

  it('says why a dimension was not applied', async () => {
    const list = [{ name: 'time', detail: 'not applied: no library' }, ...dimensions.slice(3)];
    const { varied, deterministic } = await vary(heeding('time'), list);
    expect(varied[0]).toEqual({
      ...{ name: 'time', applied: false, changes: false },
      detail: 'not applied: no library',
    });
    expect(deterministic).toBe(true);
  });

  it('joins variables and mounts', () => {
    const mounts = [{ source: '/a', target: '/tmp/a' }];
    const time = { name: 'time', detail: '', circumstances: { mounts, variables: { A: '1' } } };
    expect(together([time, ...dimensions.slice(0, 1)])).toEqual({
      mounts,
      variables: { A: '1', path: 'varied' },
    });
  });
});
