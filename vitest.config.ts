import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const resolve = { conditions: ['@touchstone/source'] };
const ssr = { resolve: { conditions: ['@touchstone/source', 'node'] } };

/** What takes longest begins first, so that no worker is left alone with it at the end. */
const LONGEST = [
  'image',
  'network-kill',
  'demo',
  'orders',
  'composition',
  'infer',
  'toolchains',
  'rebuild',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.spec.ts`));
      return place === -1 ? LONGEST.length : place;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: [
            'libs/*/src/**/*.spec.ts',
            'apps/*/src/**/*.spec.ts',
            'test/kit/src/**/*.spec.ts',
          ],
          testTimeout: 30_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'system',
          include: ['test/{e2e,faults,interop}/**/*.spec.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // They mostly wait for processes of their own.
          maxWorkers: 2,
        },
      },
    ],
  },
});
