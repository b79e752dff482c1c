/**
 * Each item after those that it needs, otherwise as they stand. Needs that are no items are passed over.
 *
 * @param onCircle told of items that need each other, the first one again at the end
 */
export function inOrder<T>(
  items: Iterable<T>,
  needs: (item: T) => Iterable<T>,
  onCircle: (circle: readonly T[]) => never,
): T[] {
  const ordered: T[] = [];
  const done = new Set<T>();
  const open: T[] = [];
  const visit = (item: T): void => {
    if (done.has(item)) return;
    const start = open.indexOf(item);
    if (start !== -1) onCircle([...open.slice(start), item]);
    open.push(item);
    for (const needed of needs(item)) visit(needed);
    open.pop();
    done.add(item);
    ordered.push(item);
  };
  for (const item of items) visit(item);
  return ordered;
}
