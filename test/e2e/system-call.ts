/** Small x86-64 programs that make one system call, for trying what a sandbox lets through. */

/**
 * `PROGRAM NUMBER A B C D E F` makes that call; the exit code is the error, 0 when there was none.
 * Arguments are octal numbers, or paths from the root on, which are passed as pointers.
 */
export function systemCallProgram(): Uint8Array {
  return elf(
    `4889e5          mov  rbp, rsp
     4883ec40        sub  rsp, 64
     4531e4          xor  r12d, r12d
     4a8b74e510      1: mov rsi, [rbp + r12*8 + 16]
     31ff            xor  edi, edi
     803e2f          cmp  byte [rsi], '/'
     480f44fe        cmove rdi, rsi
     0fb606          2: movzx eax, byte [rsi]
     48ffc6          inc  rsi
     83e830          sub  eax, '0'
     7806            js   3
     488d3cf8        lea  rdi, [rax + rdi*8]
     ebef            jmp  2
     4a893ce4        3: mov [rsp + r12*8], rdi
     41ffc4          inc  r12d
     4183fc07        cmp  r12d, 7
     72d4            jb   1
     488b0424        mov  rax, [rsp]
     488b7c2408      mov  rdi, [rsp + 8]
     488b742410      mov  rsi, [rsp + 16]
     488b542418      mov  rdx, [rsp + 24]
     4c8b542420      mov  r10, [rsp + 32]
     4c8b442428      mov  r8, [rsp + 40]
     4c8b4c2430      mov  r9, [rsp + 48]
     0f05            syscall
     31ff            xor  edi, edi
     4885c0          test rax, rax
     7904            jns  4
     f7d8            neg  eax
     89c7            mov  edi, eax
     b83c000000      4: mov eax, 60
     0f05            syscall`,
  );
}

/** Asks for its process id as a 32-bit program would, and ends well. */
export function i386Program(): Uint8Array {
  return elf(
    `b814000000  mov eax, 20
     cd80        int 0x80
     31ff        xor edi, edi
     b83c000000  mov eax, 60
     0f05        syscall`,
  );
}

/** Forks until it is refused; its children end at once, and it never asks what became of them. */
export function zombiesProgram(): Uint8Array {
  return elf(
    `b839000000  1: mov eax, 57
     0f05        syscall
     85c0        test eax, eax
     780b        js   2
     75f3        jnz  1
     31ff        xor edi, edi
     b83c000000  mov eax, 60
     0f05        syscall
     b822000000  2: mov eax, 34
     0f05        syscall
     ebf7        jmp  2`,
  );
}

/** Leaves forty children behind that have ended or are about to, and ends well. */
export function orphansProgram(): Uint8Array {
  return elf(
    `bb28000000  mov ebx, 40
     b839000000  1: mov eax, 57
     0f05        syscall
     85c0        test eax, eax
     7509        jnz  2
     31ff        xor edi, edi
     b83c000000  mov eax, 60
     0f05        syscall
     ffcb        2: dec ebx
     75e8        jnz  1
     31ff        xor edi, edi
     b83c000000  mov eax, 60
     0f05        syscall`,
  );
}

/** One segment that holds the headers and the code. */
function elf(listing: string): Uint8Array {
  const hex = listing.split('\n').map((line) => line.trim().split(' ')[0] ?? '');
  const code = Buffer.from(hex.join(''), 'hex');
  const file = Buffer.alloc(120 + code.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.set([2, 0, 62, 0, 1], 16);
  file.writeBigUInt64LE(0x400078n, 24);
  file.writeBigUInt64LE(64n, 32);
  file.set([64, 0, 56, 0, 1], 52);
  file.set([1, 0, 0, 0, 5], 64);
  file.writeBigUInt64LE(0x400000n, 80);
  file.writeBigUInt64LE(0x400000n, 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(code, 120);
  return file;
}
