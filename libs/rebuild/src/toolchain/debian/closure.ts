import { RebuildError } from '../../errors.js';
import type { DebianPackage } from '../toolchain-lock.js';
import type { IndexedPackage, PackagesIndex, Relation } from './packages-index.js';

/**
 * The packages that `wanted` need, themselves included, sorted by name. Of alternatives the first
 * that the distribution has is taken, unless another is there already; recommendations are not.
 *
 * @param without names that are left out together with what only they need; `*` stands for any
 *   characters. A toolchain often needs no more than the libraries of what it depends on.
 * @throws RebuildError `package-unknown`
 */
export function resolveClosure(
  index: PackagesIndex,
  wanted: readonly string[],
  without: readonly string[] = [],
): DebianPackage[] {
  const leftOut = without.map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replaceAll(/[.+]/g, String.raw`\$&`))
          .join('.*')}$`,
      ),
  );
  const isLeftOut = ({ name }: Relation): boolean => leftOut.some((pattern) => pattern.test(name));
  const taken = new Map<string, IndexedPackage>();
  const queue: IndexedPackage[] = [];
  const take = (found: IndexedPackage): void => {
    if (taken.has(found.pin.name)) return;
    taken.set(found.pin.name, found);
    queue.push(found);
  };
  for (const name of wanted) {
    const found = index.get(name);
    if (found === undefined)
      throw new RebuildError('package-unknown', `the distribution has no package ${name}`);
    take(found);
  }
  for (let found = queue.shift(); found !== undefined; found = queue.shift()) {
    for (const alternatives of found.depends) {
      const candidates = alternatives.map((relation) => index.satisfying(relation));
      if (alternatives.some(isLeftOut)) continue;
      if (candidates.some((candidate) => candidate && taken.has(candidate.pin.name))) continue;
      const chosen = candidates.find((candidate) => candidate !== undefined);
      if (chosen === undefined)
        throw new RebuildError(
          'package-unknown',
          `${found.pin.name} needs ${alternatives.map(({ name }) => name).join(' or ')}, which the distribution does not have`,
        );
      if (!isLeftOut(chosen.pin)) take(chosen);
    }
  }
  return [...taken.values()]
    .map(({ pin }) => pin)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
