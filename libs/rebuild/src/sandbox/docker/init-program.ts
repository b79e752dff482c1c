import type { Architecture } from '../seccomp/rules.js';

/**
 * The one program that an image has beside the toolchain: a container needs a first process that
 * waits while inputs and outputs are moved, and a toolchain need not have any that could.
 *
 * - Called without arguments it ignores the end of its children, so that the kernel reaps what a
 *   build leaves, and reads standard input until it closes. The worker holds the other end: when the
 *   worker is killed, this ends, and with it everything else in the container.
 * - `init UMASK COUNT NAME=VALUE… -- FILE ARGUMENT…` (the numbers octal, COUNT that of the
 *   variables) sets the umask and becomes FILE, with these variables and no others.
 *
 * Written out as machine code, since nothing that compiles for the host is at hand where it is
 * needed. Bytes in hexadecimal, then what they are.
 */
export const INIT_PATH = '.touchstone/init';

const X64 = `
5b              pop   rbx                 argc
4889e5          mov   rbp, rsp            argv
83fb05          cmp   ebx, 5
724d            jb    hold
488b7508        mov   rsi, [rbp + 8]
e831000000      call  octal
b85f000000      mov   eax, 95             umask(edi)
0f05            syscall
488b7510        mov   rsi, [rbp + 16]
e821000000      call  octal
488d5518        lea   rdx, [rbp + 24]     envp = &argv[3]
488d34fa        lea   rsi, [rdx + rdi*8]  its end, where "--" stands,
48832600        and   qword [rsi], 0      becomes the null that ends it
4883c608        add   rsi, 8              the new argv
488b3e          mov   rdi, [rsi]
b83b000000      mov   eax, 59             execve(rdi, rsi, rdx)
0f05            syscall
bf7f000000      mov   edi, 127
eb44            jmp   exit
31ff            octal: xor edi, edi       edi = the number at rsi
0fb606          1: movzx eax, byte [rsi]
48ffc6          inc   rsi
83e830          sub   eax, '0'
7805            js    2
8d3cf8          lea   edi, [rax + rdi*8]
ebf0            jmp   1
c3              2: ret
31d2            hold: xor edx, edx
52              push  rdx
52              push  rdx
52              push  rdx
6a01            push  1                   SIG_IGN, no flags, no restorer, no mask
4889e6          mov   rsi, rsp
bf11000000      mov   edi, 17             SIGCHLD
41ba08000000    mov   r10d, 8
b80d000000      mov   eax, 13             rt_sigaction(edi, rsi, null, 8)
0f05            syscall
31ff            3: xor edi, edi
4889e6          mov   rsi, rsp
ba01000000      mov   edx, 1
31c0            xor   eax, eax            read(0, rsp, 1)
0f05            syscall
4885c0          test  rax, rax
7fed            jg    3
31ff            xor   edi, edi
b83c000000      exit: mov eax, 60         exit(edi)
0f05            syscall
`;

/** Instructions of four bytes, as numbers. */
const ARM64 = `
f94003f3  ldr  x19, [sp]           argc
910023f4  add  x20, sp, 8          argv
f100167f  cmp  x19, 5
540002c3  b.lo hold
f9400681  ldr  x1, [x20, 8]
9400000d  bl   octal
d28014c8  mov  x8, 166             umask(x0)
d4000001  svc  0
f9400a81  ldr  x1, [x20, 16]
94000009  bl   octal
91006282  add  x2, x20, 24         envp = &argv[3]
8b000c41  add  x1, x2, x0, lsl 3   its end, where "--" stands,
f800843f  str  xzr, [x1], 8        becomes the null that ends it; then the new argv
f9400020  ldr  x0, [x1]
d2801ba8  mov  x8, 221             execve(x0, x1, x2)
d4000001  svc  0
d2800fe0  mov  x0, 127
14000019  b    exit
d2800000  octal: mov x0, 0         x0 = the number at x1
38401422  1: ldrb w2, [x1], 1
7100c042  subs w2, w2, '0'
54000064  b.mi 2
8b000c40  add  x0, x2, x0, lsl 3
17fffffc  b    1
d65f03c0  2: ret
d2800020  hold: mov x0, 1          SIG_IGN, no flags, no restorer, no mask
a9be7fe0  stp  x0, xzr, [sp, -32]!
a9017fff  stp  xzr, xzr, [sp, 16]
d2800220  mov  x0, 17              SIGCHLD
910003e1  mov  x1, sp
d2800002  mov  x2, 0
d2800103  mov  x3, 8
d28010c8  mov  x8, 134             rt_sigaction(x0, x1, null, 8)
d4000001  svc  0
d2800000  3: mov x0, 0
910003e1  mov  x1, sp
d2800022  mov  x2, 1
d28007e8  mov  x8, 63              read(0, sp, 1)
d4000001  svc  0
f100001f  cmp  x0, 0
54ffff4c  b.gt 3
d2800000  mov  x0, 0
d2800ba8  exit: mov x8, 93         exit(x0)
d4000001  svc  0
`;

const MACHINE: Readonly<Record<Architecture, number>> = { x64: 62, arm64: 183 };
const BASE = 0x400000n;
const HEADERS = 64 + 56;

/** The program as an ELF file: one segment, readable and executable, that holds all of it. */
export function initProgram(architecture: Architecture): Uint8Array {
  const code = architecture === 'x64' ? bytesOf(X64) : bytesOf(ARM64).swap32();
  const file = Buffer.alloc(HEADERS + code.length);
  // e_ident: magic, 64 bits, little-endian, version 1, System V.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16); // e_type: executable
  file.writeUInt16LE(MACHINE[architecture], 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BASE + BigInt(HEADERS), 24); // e_entry
  file.writeBigUInt64LE(64n, 32); // e_phoff
  file.writeUInt16LE(64, 52); // e_ehsize
  file.writeUInt16LE(56, 54); // e_phentsize
  file.writeUInt16LE(1, 56); // e_phnum
  file.writeUInt32LE(1, 64); // p_type: load
  file.writeUInt32LE(5, 68); // p_flags: read, execute
  file.writeBigUInt64LE(BASE, 80); // p_vaddr
  file.writeBigUInt64LE(BASE, 88); // p_paddr
  file.writeBigUInt64LE(BigInt(file.length), 96); // p_filesz
  file.writeBigUInt64LE(BigInt(file.length), 104); // p_memsz
  file.writeBigUInt64LE(0x10000n, 112); // p_align
  file.set(code, HEADERS);
  return file;
}

function bytesOf(listing: string): Buffer {
  return Buffer.from(
    listing
      .trim()
      .replace(/^([0-9a-f]+) .*$/gm, '$1')
      .replaceAll('\n', ''),
    'hex',
  );
}
