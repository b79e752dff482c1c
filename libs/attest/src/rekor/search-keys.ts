import { z } from 'zod';
import { parseJson, type ReadJson } from '../json.js';
import { digestName, type EntryView } from './read-entry.js';

/** Keys of one entry; whatever it names beyond that is not found by it. */
const MAX_KEYS = 256;
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

const Digests = z.object({ digest: z.record(z.string(), z.string()) });
const Payload = z.object({
  subject: z.array(Digests),
  predicate: z.unknown(),
});
/** SLSA provenance before version 1; what Rekor v1 looks at too. */
const Materials = z.object({ materials: z.array(Digests) });

/**
 * What an entry is found by: digests, signers, and the names in their certificates; with the
 * payload at hand, the subjects of its in-toto statement too.
 */
export function searchKeys(
  entry: EntryView,
  payload?: Uint8Array,
  readJson: ReadJson = parseJson,
): string[] {
  const { signed, payloadSha256, envelopeSha256, signers } = entry;
  const keys = new Set<string>();
  if (signed) keys.add(digestName(signed.algorithm, signed.digest));
  if (payloadSha256) keys.add(digestName('sha256', payloadSha256));
  if (envelopeSha256) keys.add(digestName('sha256', envelopeSha256));
  for (const { searchKeys: bySigner } of signers) for (const key of bySigner) keys.add(key);
  for (const digest of payload ? statementDigests(payload, readJson) : []) {
    if (keys.size >= MAX_KEYS) break;
    keys.add(digest);
  }
  return [...keys];
}

function statementDigests(payload: Uint8Array, readJson: ReadJson): string[] {
  let parsed: z.ZodSafeParseResult<z.infer<typeof Payload>>;
  try {
    parsed = Payload.safeParse(readJson(payload, MAX_PAYLOAD_BYTES));
  } catch {
    // Not JSON: an envelope may carry anything.
    return [];
  }
  if (!parsed.success) return [];
  const materials = Materials.safeParse(parsed.data.predicate);
  return [...parsed.data.subject, ...(materials.success ? materials.data.materials : [])].flatMap(
    ({ digest }) =>
      Object.entries(digest)
        .filter(([name, value]) => name.length <= 32 && value.length <= 256)
        .map(([name, value]) => `${name}:${value.toLowerCase()}`),
  );
}
