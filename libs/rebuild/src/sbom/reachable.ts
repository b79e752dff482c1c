/** All that can be reached from some nodes, themselves included. */
export function reachable(
  from: Iterable<string>,
  next: (ref: string) => readonly string[],
): ReadonlySet<string> {
  const seen = new Set(from);
  // A set is walked in order of insertion, what is added on the way included.
  for (const ref of seen) for (const found of next(ref)) seen.add(found);
  return seen;
}
