import { z } from 'zod';
import { MAX_NODES } from './limits.js';

const text = z.string().max(8192);

/** The manifest of the section `wsc.composition.manifest`: components by hash, and no graph. */
export const OlderManifest = z.object({
  version: text,
  tool: text,
  tool_version: text,
  timestamp: text.optional(),
  components: z.array(z.object({ id: text, hash: text, source: text.nullish() })).max(MAX_NODES),
});

/** What an older manifest says that can be held against the bytes. */
export interface ListedComponents {
  readonly tool: string;
  readonly toolVersion: string;
  readonly components: readonly {
    readonly name: string;
    /** Hex SHA-256, as far as it was written as one. */
    readonly sha256: string;
    readonly source?: string;
  }[];
}

export function readOlderManifest(older: z.infer<typeof OlderManifest>): ListedComponents {
  return {
    tool: older.tool,
    toolVersion: older.tool_version,
    components: older.components.map(({ id, hash, source }) => ({
      name: id,
      sha256: hash.replace(/^sha256:/u, '').toLowerCase(),
      ...(typeof source === 'string' ? { source } : {}),
    })),
  };
}
