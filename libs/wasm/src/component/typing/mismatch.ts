/** How two types can fail to fit. */
export type MismatchCode =
  /** A func where an instance is wanted, a resource where a record is. */
  | 'kind-different'
  /** An export that is wanted is not given. */
  | 'export-missing'
  /** What is provided imports something that the one who asks would not give. */
  | 'import-missing'
  /** Primitives, lengths, limits or core types that differ. */
  | 'type-different'
  /** Parameters, fields, cases, flags: other names, or more or fewer of them. */
  | 'labels-different'
  /** The same shape, of another resource. */
  | 'resource-different'
  | 'async-different';

/** Where a provided type stops being what is required of it. */
export interface Mismatch {
  readonly code: MismatchCode;
  /** From the outside in: `export wasi:io/streams@0.2.0`, `func read`, `result`, `ok`. */
  readonly path: readonly string[];
  readonly provided: string;
  readonly required: string;
}

export type Verdict = Mismatch | undefined;

/** One line, what is provided before what is required: `… › result › ok › list<u8> vs string`. */
export function formatMismatch({ path, provided, required }: Mismatch): string {
  return [...path, `${provided} vs ${required}`].join(' › ');
}

/** The mismatch one level further in. */
export function within(segment: string, verdict: Verdict): Verdict {
  return verdict && { ...verdict, path: [segment, ...verdict.path] };
}

/** The first that does not hold. */
export function first<T>(items: Iterable<T>, check: (item: T) => Verdict): Verdict {
  for (const item of items) {
    const verdict = check(item);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}
