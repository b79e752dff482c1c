import type { Recipe } from '@touchstone/contract';

type Step = Recipe['steps'][number];

const ITEM = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * Steps that follow each other and differ in one word alone, which is the name of what they
 * build, become one step with `each`: so that 22 calls of a compiler can be read.
 *
 * @param names by step, what it builds; undefined where it builds no module
 */
export function foldSteps(
  steps: readonly (readonly string[])[],
  names: readonly (string | undefined)[],
): Step[] {
  const folded: { run: string[]; each: string[] }[] = [];
  for (const [index, run] of steps.entries()) {
    const name = names[index] ?? '';
    const foldable =
      ITEM.test(name) && name.length > 1 && !run.some((word) => word.includes('{each}'));
    const template = foldable
      ? run.map((word, at) => (at === 0 ? word : word.replaceAll(name, '{each}')))
      : [...run];
    const last = folded.at(-1);
    const same =
      foldable &&
      last !== undefined &&
      last.each.length > 0 &&
      last.each.length < 256 &&
      JSON.stringify(last.run) === JSON.stringify(template);
    if (same) last.each.push(name);
    else folded.push({ run: template, each: foldable ? [name] : [] });
  }
  return folded.map(({ run, each }) => {
    if (each.length > 1) return { run, each };
    return {
      run: run.map((word, at) =>
        at === 0 ? word : word.replaceAll('{each}', each[0] ?? '{each}'),
      ),
    };
  });
}
