import { decodeUtf8, fromBase64 } from '@touchstone/note';
import { RebuildPredicate, type Evidence } from '@touchstone/attest';

export interface SeenDifference {
  /** Whether the rebuilder's build gave the same bytes again, with all varied that must not matter. */
  readonly deterministic?: boolean;
  readonly module: string;
  readonly sections: readonly string[];
  readonly functions: readonly {
    readonly index: number;
    /** Differing bytes as offsets in the published file. */
    readonly ranges: readonly { readonly offset: number; readonly length: number }[];
  }[];
}

/** The first difference that a rebuild statement in the evidence describes. */
export function findDifference(evidence: Evidence): SeenDifference | undefined {
  for (const { envelope } of evidence.entries) {
    const statement = JSON.parse(decodeUtf8(fromBase64(envelope.payload))) as {
      predicate?: unknown;
    };
    const predicate = RebuildPredicate.safeParse(statement.predicate);
    if (!predicate.success) continue;
    const { modules, variation } = predicate.data;
    for (const { name, difference } of modules) {
      if (difference === undefined) continue;
      return {
        ...(variation === undefined ? {} : { deterministic: variation.deterministic }),
        module: name,
        sections: difference.sections.map(({ section }) => section),
        functions: difference.functions.map(({ index, ranges }) => ({ index, ranges })),
      };
    }
  }
  return undefined;
}
