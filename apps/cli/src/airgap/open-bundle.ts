import {
  AirgapError,
  readArchive,
  verifyBundle,
  type SiteKnowledge,
  type VerifiedBundle,
  type VerifiedItem,
} from '@touchstone/airgap';
import { nodeVerifier } from '@touchstone/keys';
import { nodeHashing, readFileRange } from './hashing.js';

/** The bundle inside an archive file, as a stream. */
export async function* bundleBytes(file: string): AsyncGenerator<Uint8Array> {
  let found = false;
  for await (const { name, content } of readArchive(readFileRange(file))) {
    if (name !== 'carry.cbor') continue;
    found = true;
    yield* content;
  }
  if (!found) throw new AirgapError('archive-malformed', `${file} holds no carry.cbor`);
}

/**
 * Verifies an archive file from its first byte to its last and hands each item on as it comes.
 *
 * @throws AirgapError
 */
export async function readBundleFile(
  file: string,
  site: SiteKnowledge,
  take: (item: VerifiedItem) => Promise<void> | void,
): Promise<VerifiedBundle> {
  const options = { ...nodeHashing, verify: nodeVerifier };
  const verifying = verifyBundle(bundleBytes(file), site, options);
  for (;;) {
    const next = await verifying.next();
    if (next.done === true) return next.value;
    await take(next.value);
  }
}
