import { ABSENT, CONDITIONS, ENOSYS, EPERM, REFUSED, type Condition } from '../seccomp/rules.js';

interface Rule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ERRNO';
  readonly errnoRet: number;
  readonly args?: readonly {
    readonly index: number;
    readonly op: 'SCMP_CMP_MASKED_EQ' | 'SCMP_CMP_GT';
    readonly value: number;
    readonly valueTwo: number;
  }[];
}

const LOW_WORD = 0xffffffff;

/**
 * The rules as an engine's seccomp profile, in JSON. It takes the place of the engine's default.
 * Engines translate names and architectures themselves, and kill what runs for another one; that
 * calls newer than the table fail is what a profile cannot say.
 */
export function seccompProfile(): string {
  const syscalls: Rule[] = [
    { names: REFUSED.map(([name]) => name), action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
    { names: ABSENT.map(([name]) => name), action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ...CONDITIONS.flatMap(rules),
  ];
  const archMap = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'].map((architecture) => ({
    architecture,
    subArchitectures: [],
  }));
  return JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', archMap, syscalls });
}

/** One rule for each refused value: engines hold conditions on one argument for alternatives. */
function rules({ call, argument, test, values, error }: Condition): Rule[] {
  const rule = (
    op: 'SCMP_CMP_MASKED_EQ' | 'SCMP_CMP_GT',
    value: number,
    valueTwo: number,
  ): Rule => ({
    names: [call[0]],
    action: 'SCMP_ACT_ERRNO',
    errnoRet: error,
    args: [{ index: argument, op, value, valueTwo }],
  });
  const equal = (value: number): Rule => rule('SCMP_CMP_MASKED_EQ', LOW_WORD, value);
  switch (test) {
    case 'any-of':
      return values.map((bit) => rule('SCMP_CMP_MASKED_EQ', bit, bit));
    case 'one-of':
      return values.map(equal);
    case 'only': {
      const last = Math.max(...values);
      const refused = Array.from({ length: last }, (_, value) => value);
      return [
        ...refused.filter((value) => !values.includes(value)).map(equal),
        rule('SCMP_CMP_GT', last, 0),
      ];
    }
  }
}
