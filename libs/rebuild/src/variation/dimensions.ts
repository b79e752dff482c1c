import { availableParallelism } from 'node:os';
import type { Dimension } from './circumstances.js';
import { fakeTime, type TimeInputs } from './fake-time.js';

/**
 * What is varied, after reprotest's table. The values are fixed, so that two rebuilders vary alike,
 * and chosen to be unlike those of every build (`BUILD_ENVIRONMENT`, the executor's defaults).
 */
export async function variationDimensions(inputs: TimeInputs): Promise<Dimension[]> {
  const variables = (name: string, set: Record<string, string>): Dimension => ({
    name,
    detail: Object.entries(set)
      .map((pair) => pair.join('='))
      .join(' '),
    circumstances: { variables: set },
  });
  return [
    {
      name: 'path',
      detail: 'the workspace at /srv-variation/builds',
      circumstances: { mountPoint: '/srv-variation/builds' },
    },
    {
      name: 'working-directory',
      detail: 'the source two folders deeper in the workspace',
      circumstances: { folder: 'nested/deeper' },
    },
    await fakeTime(inputs),
    {
      name: 'host-name',
      detail: 'variation.example',
      circumstances: { hostname: 'variation.example' },
    },
    { name: 'user', detail: 'user and group 2345', circumstances: { uid: 2345 } },
    { name: 'umask', detail: '0002', circumstances: { umask: 0o002 } },
    variables('locale', { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', LANGUAGE: 'tr:de' }),
    variables('time-zone', { TZ: 'VAR-13:45' }),
    processors(),
    {
      name: 'file-order',
      detail: 'the files of the source made in reverse order',
      circumstances: { reverseFiles: true },
    },
    variables('home', { HOME: '/tmp/home-of-variation' }),
    variables('environment', {
      CI: 'true',
      HOSTNAME: 'variation.example',
      LOGNAME: 'variation',
      USER: 'variation',
      TOUCHSTONE_VARIATION: 'some other value',
    }),
  ];
}

function processors(): Dimension {
  const name = 'cpu-count';
  if (availableParallelism() < 2)
    return { name, detail: 'not applied: this machine has one processor' };
  return { name, detail: '1 processor', circumstances: { cpus: 1 } };
}
