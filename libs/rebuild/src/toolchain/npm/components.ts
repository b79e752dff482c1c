import { readToolchainLock } from '../lock-folders.js';
import type { ToolchainLock } from '../toolchain-lock.js';

const MODULES = '/toolchain/node_modules/';

/** jco brings wasm-tools and the adapters; of what it depends on, these need the shim alone. */
const PACKAGES = [
  {
    name: '@bytecodealliance/jco',
    version: '1.10.2',
    integrity:
      'sha512-ShBb9Jul4CYo4asmfDdjmYE2+4TgJLSHhsRMyVDvROA5j6s+cAKMmlsUjOrS6QM5TL8GJb48G9jsxif6na6qYg==',
  },
  {
    name: '@bytecodealliance/preview2-shim',
    version: '0.17.2',
    integrity:
      'sha512-mNm/lblgES8UkVle8rGImXOz4TtL3eU3inHay/7TVchkKrb/lgcVvTK0+VAw8p5zQ0rgQsXm1j5dOlAAd+MeoA==',
  },
];

/**
 * What a lock gets more so that its toolchain can make components of modules: Node, jco, and the
 * commands `component-embed` and `component-new`. For compilers that cannot do it themselves.
 */
export async function componentParts(): Promise<
  Pick<ToolchainLock, 'runtime' | 'packages' | 'commands'>
> {
  const { runtime } = await readToolchainLock({ name: 'wabt', version: '1.0.12' });
  return {
    runtime,
    packages: PACKAGES.map((pin) => ({ ...pin, path: `${MODULES}${pin.name}` })),
    commands: { 'component-embed': { driver: 'jco' }, 'component-new': { driver: 'jco' } },
  };
}
