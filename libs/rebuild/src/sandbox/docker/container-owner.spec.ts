import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { startOf } from '../process-tree.js';
import { ownerHasEnded, thisOwner } from './container-owner.js';

const [boot = '', namespace = '', pid = '', start = ''] = thisOwner().split(' ');

it('is this process, which has not ended', () => {
  expect([Number(pid), start]).toEqual([process.pid, startOf(process.pid)]);
  expect(ownerHasEnded(thisOwner())).toBe(false);
});

it('has ended when its process has, also when another one has its id by now', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 999)']);
  const owner = `${boot} ${namespace} ${child.pid ?? 0} ${startOf(child.pid ?? 0) ?? ''}`;
  expect(ownerHasEnded(owner)).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(ownerHasEnded(owner)).toBe(true);
  expect(ownerHasEnded(`${boot} ${namespace} ${pid} ${Number(start) + 1}`)).toBe(true);
});

it.each([
  ['of another boot', `00000000-0000-4000-8000-000000000000 ${namespace} 4194305 1`],
  ['of another PID namespace', `${boot} pid:[1] 4194305 1`],
  ['without a start', `${boot} ${namespace} 4194305`],
  ['that is a path', `${boot} ${namespace} ../self 1`],
  ['that is empty', ''],
])('is not judged by a label %s', (_, owner) => {
  expect(ownerHasEnded(owner)).toBe(false);
});
