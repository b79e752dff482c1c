import { readRecords } from '@touchstone/airgap';
import { nodeHashing } from './hashing.js';
import { bundleBytes } from './open-bundle.js';

/** What the bundle claims: nothing of it is verified but its form and its digest. */
export async function inspectBundle(
  file: string,
): Promise<Readonly<Record<string, string | number>>> {
  const found: Record<string, string | number> = { verified: 'no' };
  const counts: Record<string, number> = {};
  for await (const record of readRecords(bundleBytes(file), nodeHashing.newHash)) {
    counts[record.kind] = (counts[record.kind] ?? 0) + 1;
    if (record.kind !== 'header') continue;
    const { site, origin, base, size, proof, rootVersion } = record.header;
    Object.assign(found, { site, origin, from: base.size, to: size, proof, rootVersion });
  }
  return { ...found, ...counts };
}
