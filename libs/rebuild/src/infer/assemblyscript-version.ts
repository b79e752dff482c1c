import { textOf, type Clues } from './clues.js';
import type { Value } from './proposal.js';

/** Of the compiler: which versions the source's lock file and the range in package.json speak of. */
export function compilerVersions(clues: Clues, range: string | undefined): [Value, ...Value[]] {
  const locked = lockedVersion(clues);
  const least = /(\d+\.\d+\.\d+)/.exec(range ?? '')?.[1];
  const known = [
    ...(locked === undefined ? [] : [{ label: locked.version, why: `${locked.whence} pins it` }]),
    ...(least === undefined || least === locked?.version
      ? []
      : [{ label: least, why: `the least that ${range ?? ''} allows` }]),
  ];
  const [first, ...others] = known;
  if (first !== undefined) return [first, ...others];
  return [{ label: '0.27.22', why: 'nothing says which version' }];
}

const LOCK_FILES: readonly (readonly [string, RegExp])[] = [
  ['package-lock.json', /"node_modules\/assemblyscript":\s*\{\s*"version":\s*"(\d+\.\d+\.\d+)"/],
  ['npm-shrinkwrap.json', /"node_modules\/assemblyscript":\s*\{\s*"version":\s*"(\d+\.\d+\.\d+)"/],
  ['package-lock.json', /"assemblyscript":\s*\{\s*"version":\s*"(\d+\.\d+\.\d+)"/],
  ['yarn.lock', /^"?assemblyscript@[^\n]{0,200}:\n\s+version:?\s+"?(\d+\.\d+\.\d+)/m],
  ['pnpm-lock.yaml', /^\s+'?\/?assemblyscript[@/](\d+\.\d+\.\d+)'?:/m],
];

function lockedVersion({ files, root }: Clues): { version: string; whence: string } | undefined {
  for (const [name, pattern] of LOCK_FILES) {
    const version = pattern.exec(textOf(files, `${root}/${name}`) ?? '')?.[1];
    if (version !== undefined) return { version, whence: name };
  }
  return undefined;
}

/**
 * What an option's default is in a version of asc; undefined where it has no such option: the
 * runtimes were others before 0.18, bindings came with 0.20 and `--uncheckedBehavior` with 0.21.
 */
export function defaultOf(option: string, version: string): string | undefined {
  const since = (minor: number): boolean => minorOf(version) >= minor;
  if (option === 'runtime') return since(18) ? 'incremental' : 'full';
  if (option === 'bindings') return since(20) ? 'none' : undefined;
  if (option === 'uncheckedBehavior') return since(21) ? 'default' : undefined;
  return option === 'exportRuntime' && !since(18) ? undefined : '';
}

/** The runtimes that a version has, its default first, with the source file that each is from. */
export function runtimesOf(version: string): readonly (readonly [string, string, string])[] {
  if (minorOf(version) >= 18)
    return [
      ['incremental', '~lib/rt/itcms.ts', "asc's own default"],
      ['minimal', '~lib/rt/tcms.ts', 'a collector that is called by hand'],
      ['stub', '~lib/rt/stub.ts', 'nothing is freed'],
    ];
  return [
    ['full', '~lib/rt/pure.ts', "asc's own default"],
    ['half', '~lib/rt/pure.ts', 'the same, and not exported'],
    ['stub', '~lib/rt/stub.ts', 'nothing is freed'],
    ['none', '~lib/rt/stub.ts', 'nothing is freed, and nothing exported'],
  ];
}

/** All versions are 0.x up to now; a later major has whatever the last of these had. */
function minorOf(version: string): number {
  const [major = '0', minor = '0'] = version.split('.');
  return major === '0' ? Number(minor) : Infinity;
}
