import {
  ABSENT,
  CONDITIONS,
  ENOSYS,
  EPERM,
  LAST_KNOWN,
  numberOf,
  REFUSED,
  type Architecture,
  type Condition,
} from './rules.js';

// Classic BPF, linux/filter.h and linux/seccomp.h. An instruction is
// { u16 code, u8 jump if true, u8 jump if false, u32 k }; jumps count the instructions to skip.
const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const GREATER = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const ANY_BIT = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const failWith = (error: number): number => 0x00050000 + error;

// Of struct seccomp_data: { int nr; u32 arch; u64 instruction_pointer; u64 args[6] }, little-endian.
const NUMBER = 0;
const ARCHITECTURE = 4;
const argumentAt = (index: number): number => 16 + 8 * index;

// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64.
const AUDIT: Readonly<Record<Architecture, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** On x86-64 the numbers of the x32 ABI begin here: the same calls under other numbers. */
const X32 = 0x40000000;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

/**
 * The rules as a program for `bwrap --seccomp`. Code of another architecture than the kernel's own
 * is killed, since its calls have other numbers.
 */
export function seccompFilter(architecture: Architecture): Uint8Array {
  const program: Instruction[] = [
    [LOAD, 0, 0, ARCHITECTURE],
    [EQUAL, 1, 0, AUDIT[architecture]],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, NUMBER],
    [GREATER, 0, 1, X32 - 1],
    [RETURN, 0, 0, KILL_PROCESS],
    [GREATER, 0, 1, LAST_KNOWN],
    [RETURN, 0, 0, failWith(ENOSYS)],
  ];
  for (const [calls, error] of [
    [REFUSED, EPERM],
    [ABSENT, ENOSYS],
  ] as const)
    for (const call of calls) {
      const number = numberOf(call, architecture);
      if (number < 0) continue;
      program.push([EQUAL, 0, 1, number], [RETURN, 0, 0, failWith(error)]);
    }
  for (const condition of CONDITIONS) {
    const body = conditionBody(condition);
    program.push([EQUAL, 0, body.length, numberOf(condition.call, architecture)], ...body);
  }
  program.push([RETURN, 0, 0, ALLOW]);
  return encode(program);
}

/** What is done once the call is known to be the condition's; it always returns. */
function conditionBody({ argument, test, values, error }: Condition): Instruction[] {
  const [matched, otherwise] =
    test === 'only' ? [ALLOW, failWith(error)] : [failWith(error), ALLOW];
  const code = test === 'any-of' ? ANY_BIT : EQUAL;
  return [
    [LOAD, 0, 0, argumentAt(argument)],
    ...values.flatMap((value): Instruction[] => [
      [code, 0, 1, value],
      [RETURN, 0, 0, matched],
    ]),
    [RETURN, 0, 0, otherwise],
  ];
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, jumpTrue, jumpFalse, k]] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jumpTrue);
    view.setUint8(index * 8 + 3, jumpFalse);
    view.setUint32(index * 8 + 4, k, true);
  }
  return bytes;
}
