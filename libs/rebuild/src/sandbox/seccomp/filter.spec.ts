import { describe, expect, it } from 'vitest';
import { seccompProfile } from '../docker/seccomp-profile.js';
import { seccompFilter } from './filter.js';
import { ABSENT, CONDITIONS, LAST_KNOWN, numberOf, REFUSED, type Architecture } from './rules.js';

const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const EAFNOSUPPORT = 0x00050061;

/** Runs the program as the kernel would, on one system call. */
function judge(program: Uint8Array, audit: number, number: number, args: number[] = []): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, audit, true);
  args.forEach((value, index) => {
    data.setBigUint64(16 + 8 * index, BigInt(value), true);
  });
  const view = new DataView(program.buffer);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at += 1) {
    const code = view.getUint16(at * 8, true);
    const [jumpTrue, jumpFalse] = [view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)];
    const k = view.getUint32(at * 8 + 4, true);
    const jump = (holds: boolean): void => {
      at += holds ? jumpTrue : jumpFalse;
    };
    if (code === 0x06) return k;
    if (code === 0x20) accumulator = data.getUint32(k, true);
    else if (code === 0x15) jump(accumulator === k);
    else if (code === 0x25) jump(accumulator > k);
    else if (code === 0x45) jump((accumulator & k) !== 0);
    else throw new Error(`instruction ${code} is not known`);
  }
  throw new Error('the program does not end');
}

describe.each<Architecture>(['x64', 'arm64'])('seccompFilter on %s', (architecture) => {
  const program = seccompFilter(architecture);
  const on = (number: number, args?: number[]): number =>
    judge(program, AUDIT[architecture], number, args);

  it('refuses every call of the table as the table says, and nothing beside it', () => {
    const refused = new Map<number, number>();
    for (const call of REFUSED) refused.set(numberOf(call, architecture), EPERM);
    for (const call of ABSENT) refused.set(numberOf(call, architecture), ENOSYS);
    const conditional = CONDITIONS.map(({ call }) => numberOf(call, architecture));
    for (let number = 0; number <= LAST_KNOWN; number += 1)
      if (!conditional.includes(number))
        expect([number, on(number)]).toEqual([number, refused.get(number) ?? ALLOW]);
  });

  it('has no call that is newer than the table', () => {
    expect([LAST_KNOWN + 1, 1000, 0x3fffffff].map((number) => on(number))).toEqual(
      Array(3).fill(ENOSYS),
    );
  });

  it('kills what runs for another architecture, or by the other numbering of this one', () => {
    expect(judge(program, 0x40000003, 20)).toBe(KILL);
    expect(judge(program, AUDIT[architecture === 'x64' ? 'arm64' : 'x64'], 1)).toBe(KILL);
    expect(on(0x40000001)).toBe(KILL);
  });

  it('looks at the arguments of clone, socket and ioctl', () => {
    const of = (name: string): number => {
      const condition = CONDITIONS.find(({ call }) => call[0] === name);
      return condition === undefined ? -1 : numberOf(condition.call, architecture);
    };
    expect(on(of('clone'), [0x01200011])).toBe(ALLOW);
    expect(on(of('clone'), [0x10000011])).toBe(EPERM);
    expect([1, 2, 10, 16].map((family) => on(of('socket'), [family]))).toEqual(
      Array(4).fill(ALLOW),
    );
    expect([0, 3, 17, 38, 40, 44].map((family) => on(of('socket'), [family]))).toEqual(
      Array(6).fill(EAFNOSUPPORT),
    );
    expect(on(of('ioctl'), [0, 0x5401])).toBe(ALLOW);
    expect(on(of('ioctl'), [0, 0x5412])).toBe(EPERM);
    expect(on(of('ioctl'), [0, 0x1_0000_5412])).toBe(EPERM);
  });
});

it('says the same to an engine: each refused call is in its profile once for each reason', () => {
  const profile = JSON.parse(seccompProfile()) as { syscalls: { names: string[] }[] };
  const names = new Set(profile.syscalls.flatMap((rule) => rule.names));
  const wanted = [...REFUSED, ...ABSENT, ...CONDITIONS.map(({ call }) => call)];
  expect([...names].sort()).toEqual(wanted.map(([name]) => name).sort());
});
